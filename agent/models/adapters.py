"""Files of adapters: what changes a model a little, loaded beside it (LoRA, Hu et al. 2021, arXiv 2106.09685).

llama.cpp loads a model with all its adapters or not at all, and does not say which of them was at fault. So each file
is looked at before.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import ModelMissing, ModelUnusable
from tools.gguf import Head, NotGguf, read_head

_A, _B = ".lora_a", ".lora_b"
_LOOKED_UP: Final = "token_embd.weight"
"""The one tensor whose rows are looked up, not multiplied: its adapter lies the other way round."""


@dataclass(frozen=True)
class Adapter:
    """A file as it was when it was looked at: one that was replaced since is another adapter."""

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> Adapter:
        """Raises `ModelMissing` when there is no such file."""
        try:
            status = path.stat()
        except OSError as error:
            raise ModelMissing(f"There is no adapter {path}; train the specialist again, or import it.") from error
        return cls(path, status.st_size, status.st_mtime_ns)


def check(path: Path, model: Path, base: Head) -> None:
    """Make sure that llama.cpp can load the adapter in `path` beside the model of that head.

    Raises `ModelUnusable` when the file is no whole adapter or belongs to another model.
    """
    try:
        head = read_head(path)
    except NotGguf as error:
        raise ModelUnusable(f"{path} is not a usable adapter: {error}; train the specialist again.") from error
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}); check the file and its permissions.") from error
    if head.kind != "adapter" or head.adapter != "lora":
        raise ModelUnusable(f"{path} is not a LoRA adapter; choose the adapter.gguf of a specialist.")
    if head.architecture != base.architecture:
        raise ModelUnusable(
            f"{path} is an adapter for the architecture {head.architecture!r}, and {model.name} is of "
            f"{base.architecture!r}: choose the model that it was trained on, or train the specialist again."
        )
    fault = _fault(head.tensors, base.tensors)
    if fault:
        raise ModelUnusable(
            f"{path} does not fit {model.name} ({fault}): choose the model that it was trained on, or train the "
            "specialist again."
        )


def _fault(adapter: dict[str, tuple[int, ...]], base: dict[str, tuple[int, ...]]) -> str:
    """What llama.cpp would refuse, in a few words; empty if nothing."""
    if not adapter:
        return "it changes nothing"
    for name, shape in adapter.items():
        if not name.endswith((_A, _B)):
            return f"{name} is no part of an adapter"
        tensor, part = name[: -len(_A)], name[-len(_A) :]
        there = base.get(tensor)
        if there is None:
            return f"the model has no {tensor}"
        other = adapter.get(tensor + (_B if part == _A else _A))
        if other is None:
            return f"half of {tensor} is missing"
        a, b = (shape, other) if part == _A else (other, shape)
        if min(len(there), len(a), len(b)) < 2:
            return f"{tensor} is no matrix"
        if tensor == _LOOKED_UP:
            fits = there[:2] == (b[1], a[1]) and a[0] == b[0]
        else:
            fits = there[:2] == (a[0], b[1]) and a[1] == b[0]
        if not fits:
            return f"{tensor} has another shape"
    return ""
