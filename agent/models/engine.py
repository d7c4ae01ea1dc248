"""llama.cpp itself, as the package `xllamacpp`, and whether this machine can run it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from agent.errors import ModelUnusable

_EXTENSIONS: Final = {
    "SSE3": "pni",
    "SSSE3": "ssse3",
    "AVX": "avx",
    "AVX2": "avx2",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "NEON": "asimd",
    "DOTPROD": "asimddp",
}
"""What llama.cpp calls a processor extension, and what Linux calls it."""

_SPINS: Final = "1000"


def engine() -> Any:
    """The module `xllamacpp`. Raises `ModelUnusable` where it cannot be loaded."""
    # libgomp reads this once, when it is loaded. Its threads spin while they wait for each other, for milliseconds by
    # default; where another program wants the cores that made the model write 0.5 tokens a second instead of 8.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        import xllamacpp
    except ImportError as error:
        what = "the system library libgomp is missing" if "libgomp" in str(error) else "it does not fit this machine"
        raise ModelUnusable(
            f"llama.cpp cannot be loaded, {what}: install libgomp1 (Debian: apt-get install libgomp1), "
            "run `pip install --force-reinstall xllamacpp`, or set `model` to the URL of a server."
        ) from error
    lacking = _lacking(features(xllamacpp))
    if lacking:
        raise ModelUnusable(
            f"This processor lacks {', '.join(lacking)}, which this build of llama.cpp uses: build it here with "
            "`pip install --no-binary xllamacpp --force-reinstall xllamacpp`, or set `model` to the URL of a server."
        )
    return xllamacpp


def features(xllamacpp: Any) -> list[str]:
    """The processor extensions that this build of llama.cpp uses, such as AVX2."""
    told = str(xllamacpp.get_system_info()).partition("CPU :")[2]
    pairs = (pair.partition("=") for pair in told.split("|"))
    return [name.strip() for name, _, value in pairs if value.strip() == "1" and name.strip() in _EXTENSIONS]


def _lacking(wanted: list[str], described: Path = Path("/proc/cpuinfo")) -> list[str]:
    """Those of `wanted` that the processor does not have; to use one would end the program without a word."""
    try:
        lines = described.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    has = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), None)
    return [] if has is None else [name for name in wanted if _EXTENSIONS[name] not in has]
