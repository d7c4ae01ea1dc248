"""llama.cpp inside this process, served on a loopback port that only this process has the key to."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from agent.errors import ModelMissing, ModelUnusable
from agent.models.memory import BATCH, available, needed
from tools.gguf import Head, NotGguf, read_head

log = logging.getLogger(__name__)

_SLOTS: Final = 2
"""Turns that are worked on at once. Reading a prompt is bound by arithmetic, writing by memory: two readers at once
finish sooner than one after the other, and each slot keeps its own prompt for the next call of the same turn."""

_PROMPT_CACHE: Final = 512
"""MiB for the prompts of turns that have lost their slot, at most; half of what the model leaves, if that is less."""

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

_HANG_UPS: Final = 40
_LOOK_AGAIN: Final = 0.05
"""Seconds between two looks whether somebody is still connected."""

_SPINS: Final = "1000"

_QUIET, _TALKATIVE = 0, 4
"""llama.cpp's own verbosity; with 0 it writes nothing at all."""


class EmbeddedServer:
    """One model in memory. `start` loads it (seconds), `stop` frees it; both may be called again and from any thread.

    `url` and `key` hold while it runs. `context` is the window of each request, in tokens; a model trained for
    less gets less. `threads` 0 means as many as there are cores; `slots` turns are worked on at once. What a slot has
    read can be kept in `folder`. Set this module's logger to DEBUG before `start` to have llama.cpp explain itself on
    standard error.
    """

    def __init__(self, path: Path, *, threads: int = 0, context: int = 4096, folder: Path | None = None) -> None:
        self.path = path
        self.threads = threads or _cores()
        self.context = context
        self.folder = folder
        self.slots = 1
        self.url = ""
        self.key = ""
        self._server: Any = None
        self._lock = threading.Lock()

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """Load the model and listen.

        Raises `ModelMissing` when there is no such file, and `ModelUnusable` when it is not a model, does not fit
        into the memory, or is refused by llama.cpp.
        """
        with self._lock:
            if self._server is not None:
                return
            head = inspect(self.path)
            context = min(self.context, head.context) if head.context else self.context
            if context < self.context:
                log.info("%s was trained for %d tokens: the context is that long", self.path.name, context)
            slots, cache = _plan(self.path, head, context)
            self._server, self.key = self._load(head, context, slots, cache)
            self.context, self.slots = context, slots
            self.url = str(self._server.listening_address)
            # The interpreter must not tear the modules down while llama.cpp's threads still run.
            atexit.register(self.stop)

    def stop(self) -> None:
        """Stop answering and free the memory. Requests that are under way are cut off."""
        atexit.unregister(self.stop)
        with self._lock:
            if self._server is None:
                return
            # Deleting the server waits for its requests while it holds the interpreter's lock, and a request ends
            # early only when its client hangs up, which needs that lock: they waited for each other for ever.
            _hang_up(urlsplit(self.url).port or 0)
            self.url = self.key = ""
            self._server = None
            gc.collect()

    def _load(self, head: Head, context: int, slots: int, cache: int) -> tuple[Any, str]:
        xllamacpp = engine()
        _read_ahead(self.path)
        key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.model_alias = {self.path.stem}
        params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
        params.fit_params = False
        params.n_ctx = context * slots
        params.n_parallel = slots
        params.n_batch = params.n_ubatch = BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        params.cache_prompt = True
        params.cache_ram_mib = cache
        params.use_jinja = True
        params.hostnames = ["127.0.0.1"]
        params.port = 0
        params.api_keys = [key]
        params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
        if self.folder is not None:
            params.slot_save_path = f"{self.folder}{os.sep}"
        params.cors_credentials = False
        params.offline = True
        params.verbosity = _TALKATIVE if log.isEnabledFor(logging.DEBUG) else _QUIET
        try:
            return xllamacpp.Server(params), key
        except RuntimeError as error:
            version = getattr(xllamacpp, "__version__", "")
            raise ModelUnusable(
                f"llama.cpp (xllamacpp {version}) cannot load {self.path.name} (architecture {head.architecture!r}): "
                "update xllamacpp, or choose another model with `kotae models use NAME`."
            ) from error


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


def inspect(path: Path) -> Head:
    """The head of a model file that can be asked questions.

    Raises `ModelMissing` when there is no such file and `ModelUnusable` when it is not such a model.
    """
    try:
        head = read_head(path)
    except FileNotFoundError as error:
        raise ModelMissing(f"There is no model file {path}; check the path, or run `kotae models list`.") from error
    except NotGguf as error:
        raise ModelUnusable(f"{path} is not a usable model: {error}; get the file again or choose another.") from error
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); check the file and its permissions.") from error
    if head.kind != "model":
        raise ModelUnusable(f"{path} is not a model but {_article(head.kind)}; choose the file of a whole model.")
    if not head.layers or not head.architecture:
        raise ModelUnusable(f"{path} does not describe a language model; choose another file.")
    return head


def memory_need(path: Path, head: Head, context: int) -> int:
    """Bytes that the model needs at the least: with one slot."""
    return needed(head, path.stat().st_size, tokens=min(context, head.context or context))


def _plan(path: Path, head: Head, context: int) -> tuple[int, int]:
    """How many slots, and how many MiB of prompt cache, the memory allows."""
    there = available()
    size = path.stat().st_size
    for slots in range(_SLOTS, 0, -1):
        need = needed(head, size, tokens=slots * context)
        if need <= there:
            return slots, min(_PROMPT_CACHE, (there - need) // 2 >> 20)
    raise ModelUnusable(
        f"{path.name} needs {need / 1e9:.1f} GB of memory and {there / 1e9:.1f} GB are free: close other programs, "
        "set a smaller `context`, or take the small model with `kotae models use small`."
    )


def _cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_ahead(path: Path) -> None:
    """Bring the file into the page cache, so that loading it is quick.

    llama.cpp loads with the interpreter's lock held: without this, a slow disk would freeze the whole program.
    """
    buffer = memoryview(bytearray(8 << 20))
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _hang_up(port: int) -> None:
    """Shut down this process's listener at loopback `port` and every connection to it, until none is left.

    Both ends are in this process. The listener goes first, so that nobody comes in while the others are shown out.
    """
    import psutil

    process = psutil.Process()
    for _ in range(_HANG_UPS):
        ours = [
            (connection.status != psutil.CONN_LISTEN, connection.fd)
            for connection in process.net_connections("tcp4")
            if port in (connection.laddr.port, connection.raddr.port if connection.raddr else 0)
        ]
        for _, fd in sorted(ours):
            with suppress(OSError), socket.socket(fileno=os.dup(fd)) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        if not ours:
            return
        # Lets the clients notice, and llama.cpp, which looks once a second.
        time.sleep(_LOOK_AGAIN)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[:1] in "aeiou" else f"a part of one ({kind})"
