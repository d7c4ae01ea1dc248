"""What the head of a GGUF file says about the model or adapter, read in a bounded way.

Source: the GGUF specification, version 3 (ggml, docs/gguf.md). llama.cpp itself says nothing but "failed" when a file
does not suit it, and it allocates before it fails; so the questions a person needs answered are asked here first.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_MAX_PAIRS: Final = 65_536
_MAX_TENSORS: Final = 1_000_000
_MAX_ARRAY: Final = 16_777_216
_MAX_DIMENSIONS: Final = 8
_KEPT_ARRAY: Final = 1_024
"""Longer arrays (the vocabulary) are skipped and only counted."""

_LOOKED_UP: Final = "token_embd.weight"
"""The one tensor whose rows are looked up, not multiplied: its adapter lies the other way round."""

_STRING, _ARRAY = 8, 9
_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_BLOCKS: Final = {
    # ggml type: values in a block, bytes of a block
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 30: (1, 2),
}  # fmt: skip


class NotGguf(ValueError):
    """The file is not a whole GGUF file; the message says in a few words what it is instead."""


@dataclass(frozen=True)
class Head:
    """What is needed to judge whether a model can be loaded."""

    architecture: str
    kind: str
    """`model`, `adapter`, `mmproj`, …: only a model can be asked."""
    layers: int
    context: int
    """Tokens it was trained for; 0 when the file does not say."""
    vocabulary: int
    embedding: int
    """Width of the hidden state."""
    kv_values: int
    """Values that one token leaves in the key-value cache, all layers together."""
    parts: int = 1
    """Files that the model was split into."""
    chat: bool = True
    """Whether the file brings a chat template."""
    adapter: str = ""
    """What kind of adapter an adapter is, such as `lora`."""
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    """The shape of each tensor, the fastest dimension first."""


@dataclass(frozen=True)
class Adapter:
    """What is needed to judge whether a LoRA adapter can be loaded."""

    architecture: str
    """Of the model that it belongs to."""
    alpha: float
    rank: int
    """The largest; each weight may have its own."""
    weights: int
    """How many weights of the model it changes."""


def read_head(path: Path) -> Head:
    """Read the head of `path`.

    Raises `NotGguf` when it is none or was cut off, and `OSError` when it cannot be read at all.
    """
    return _head(*_read(path))


def read_adapter(path: Path) -> Adapter:
    """Read the head of a LoRA adapter.

    Raises `NotGguf` when it is none that llama.cpp would load, and `OSError` when it cannot be read at all.
    """
    pairs, tensors = _read(path)
    kind, method = pairs.get("general.type", "model"), pairs.get("adapter.type", "")
    if (kind, method) != ("adapter", "lora"):
        raise NotGguf("it is no LoRA adapter")
    alpha, architecture = pairs.get("adapter.lora.alpha"), pairs.get("general.architecture")
    if (
        not isinstance(alpha, float)
        or not math.isfinite(alpha)
        or not isinstance(architecture, str)
        or not architecture
    ):
        raise NotGguf("it is an adapter without its scale or its architecture")
    by_name = {tensor.name: tensor for tensor in tensors}
    weights = {name.rpartition(".lora_")[0] for name in by_name}
    names = {f"{weight}.lora_{side}" for weight in weights for side in "ab"}
    if not weights or "" in weights or names != by_name.keys() or len(by_name) != len(tensors):
        raise NotGguf("it is an adapter whose matrices do not come in pairs")
    ranks = set()
    for weight in weights:
        a, b = by_name[f"{weight}.lora_a"], by_name[f"{weight}.lora_b"]
        rank = 0 if weight == _LOOKED_UP else 1
        if not (len(a.shape) == len(b.shape) == 2 and a.shape[rank] == b.shape[0] and min(*a.shape, *b.shape) > 0):
            raise NotGguf("it is an adapter whose matrices do not fit each other")
        if not {a.kind, b.kind} <= _BLOCKS.keys():
            raise NotGguf("it is an adapter with numbers of an unknown kind")
        ranks.add(b.shape[0])
    return Adapter(architecture, alpha, max(ranks), len(weights))


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    """The fastest dimension first."""
    kind: int


def _read(path: Path) -> tuple[dict[str, Any], list[_Tensor]]:
    size = path.stat().st_size
    if size == 0:
        raise NotGguf("it is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != b"GGUF":
            raise NotGguf("it is not a GGUF file")
        try:
            pairs, tensors, needed = _parse(data)
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise NotGguf("it is cut off or damaged") from error
    if size < needed:
        raise NotGguf(f"it is cut off: {size:,} of at least {needed:,} bytes are there")
    return pairs, tensors


def _parse(data: mmap.mmap) -> tuple[dict[str, Any], list[_Tensor], int]:
    """The key-value pairs (long arrays as their length), the tensors, and how many bytes the file has at least."""
    version, number, count = struct.unpack_from("<IQQ", data, 4)
    if version not in (2, 3):
        raise NotGguf(f"it is GGUF version {version}, and only 2 and 3 are known")
    if count > _MAX_PAIRS or number > _MAX_TENSORS:
        raise NotGguf("it is damaged")
    at = 24
    pairs: dict[str, Any] = {}
    for _ in range(count):
        key, at = _string(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        pairs[key], at = _value(data, at + 4, kind)
    last = 0
    tensors = []
    for _ in range(number):
        name, at = _string(data, at)
        (dimensions,) = struct.unpack_from("<I", data, at)
        if dimensions > _MAX_DIMENSIONS:
            raise NotGguf("it is damaged")
        shape = struct.unpack_from(f"<{dimensions}Q", data, at + 4)
        kind, offset = struct.unpack_from("<IQ", data, at + 4 + 8 * dimensions)
        at += 4 + 8 * dimensions + 12
        values = 1
        for length in shape:
            values *= length
        block, width = _BLOCKS.get(kind, (1, 0))
        last = max(last, offset + values // block * width)
        tensors.append(_Tensor(name, shape, kind))
    alignment = pairs.get("general.alignment", 32)
    if not isinstance(alignment, int) or alignment < 1:
        raise NotGguf("it is damaged")
    return pairs, tensors, -(-at // alignment) * alignment + last


def _string(data: mmap.mmap, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    end = at + 8 + length
    if end > len(data):
        raise NotGguf("it is cut off or damaged")
    return data[at + 8 : end].decode("utf-8", "replace"), end


def _value(data: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    if kind == _STRING:
        return _string(data, at)
    if kind != _ARRAY:
        form = _SCALARS[kind]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    inner, length = struct.unpack_from("<IQ", data, at)
    at += 12
    if length > _MAX_ARRAY:
        raise NotGguf("it is damaged")
    if inner in _SCALARS:
        form = _SCALARS[inner]
        end = at + length * struct.calcsize(form)
        if length > _KEPT_ARRAY:
            return length, end
        return list(struct.unpack_from(f"<{length}{form[1]}", data, at)), end
    if inner != _STRING:
        raise NotGguf("it holds arrays of arrays")
    for _ in range(length):
        (width,) = struct.unpack_from("<Q", data, at)
        at += 8 + width
        if at > len(data):
            raise NotGguf("it is cut off or damaged")
    return length, at


def _head(pairs: dict[str, Any], tensors: list[_Tensor]) -> Head:
    architecture = str(pairs.get("general.architecture", ""))

    def number(key: str, otherwise: int = 0) -> int:
        value = pairs.get(f"{architecture}.{key}", otherwise)
        return value if isinstance(value, int) else otherwise

    layers = number("block_count")
    embedding = number("embedding_length")
    heads = pairs.get(f"{architecture}.attention.head_count", 0)
    kv_heads = pairs.get(f"{architecture}.attention.head_count_kv", heads)
    one_head = max(heads) if isinstance(heads, list) and heads else heads if isinstance(heads, int) else 0
    width = embedding // one_head if one_head else 0
    key = number("attention.key_length", width)
    value = number("attention.value_length", width)
    all_kv_heads = sum(kv_heads) if isinstance(kv_heads, list) else layers * int(kv_heads)
    kv_values = all_kv_heads * (key + value)
    # Multi-head latent attention caches one compressed vector instead (DeepSeek-V2, arXiv 2405.04434, section 2.1).
    if latent := number("attention.kv_lora_rank"):
        kv_values = layers * (latent + number("rope.dimension_count"))
    vocabulary = pairs.get("tokenizer.ggml.tokens", 0)
    return Head(
        architecture=architecture,
        kind=str(pairs.get("general.type", "model")),
        layers=layers,
        context=number("context_length"),
        vocabulary=vocabulary if isinstance(vocabulary, int) else number("vocab_size"),
        embedding=embedding,
        kv_values=kv_values,
        parts=max(1, pairs.get("split.count", 1)),
        chat="tokenizer.chat_template" in pairs,
        adapter=str(pairs.get("adapter.type", "")),
        tensors={tensor.name: tensor.shape for tensor in tensors},
    )
