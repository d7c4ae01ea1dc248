"""The base model as PyTorch sees it: read from the same GGUF file that llama.cpp serves, so that both know the same."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example, Message
from tools.specialist.train.packing import Row

if TYPE_CHECKING:
    import torch

ARCHITECTURES: Final = ("llama", "qwen2")
"""Those whose adapters are known to agree with what was trained; see `adapter.py`."""
_PROBE: Final = "\u2042"
"""A character that no chat template writes."""


@dataclass
class Base:
    """A model and its tokenizer."""

    model: Any
    tokenizer: Any
    dtype: torch.dtype

    @property
    def layers(self) -> int:
        return int(self.model.config.num_hidden_layers)

    @classmethod
    def read(cls, file: Path) -> Base:
        """The model in `file`, its weights unpacked. Takes half a minute for half a billion of them.

        Raises `SpecialistError` (`base`) where it is of another architecture.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils.quantization_config import GgufConfig

        from tools.specialist.train.attention import NAME

        dtype = torch.bfloat16 if fast_bfloat16() else torch.float32
        with _quiet(), _read_once():
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
            model = AutoModelForCausalLM.from_pretrained(
                str(file.parent),
                gguf_file=file.name,
                dtype=dtype,
                attn_implementation=NAME,
                quantization_config=GgufConfig(gguf_file=file.name, dequantize=True),
            )
        if model.config.model_type not in ARCHITECTURES:
            raise SpecialistError(
                "base",
                f"{file.name} is of the architecture {model.config.model_type!r}, and only "
                f"{' and '.join(ARCHITECTURES)} can be trained: choose another base model with --base.",
            )
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        return cls(model, tokenizer, dtype)


class Template:
    """Turns examples into rows with the model's own chat template."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._end = self._ending()

    def row(self, example: Example, prompt: str) -> Row:
        """The tokens of an example. What is answered is cut into tokens apart from what is asked, as it is when the
        model writes it."""
        asked = self._ids(self._text(example.asked(prompt)))
        return Row(tuple(asked), (*self._ids(example.answer), self._end))

    def _text(self, messages: Sequence[Message], *, reply: str | None = None) -> str:
        said = [{"role": m.role, "content": m.content} for m in messages]
        if reply is not None:
            said.append({"role": "assistant", "content": reply})
        text = self._tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=reply is None)
        return str(text)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _ending(self) -> int:
        """The token that ends a reply in the chat template."""
        whole = self._text([Message("user", "x")], reply=_PROBE)
        after = self._ids(whole.rpartition(_PROBE)[2])
        return after[0] if after else int(self._tokenizer.eos_token_id)


def fast_bfloat16(described: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this processor multiplies bfloat16 in hardware: 4 to 7 times as fast as float32."""
    try:
        lines = described.read_text("ascii", "replace").splitlines()
    except OSError:
        return False
    flags = next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())
    return bool(flags & {"avx512_bf16", "amx_bf16"})


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Tokenizer, configuration and weights each read the head of the file, which takes ten seconds."""
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = functools.cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and the advice of the libraries, which nobody can act on here."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
