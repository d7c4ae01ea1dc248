"""Small GGUF files, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import prod
from typing import Any

Pairs = dict[str, Any]
LLAMA: Pairs = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 2048,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["<s>", "a", "b"],
    "tokenizer.chat_template": "{{ messages }}",
}


ADAPTER: Pairs = {
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": 32.0,
}
FACTORS = {"blk.0.attn_q.weight.lora_a": (64, 4), "blk.0.attn_q.weight.lora_b": (4, 64)}


def gguf(pairs: Pairs | None = None, *, values: int = 1024, version: int = 3) -> bytes:
    """A GGUF file with these key-value pairs and one tensor of `values` 32-bit numbers."""
    return _file(LLAMA if pairs is None else pairs, {"output.weight": (values,)}, version=version)


def adapter(pairs: Pairs | None = None, tensors: Mapping[str, tuple[int, ...]] = FACTORS, *, kind: int = 0) -> bytes:
    """A LoRA adapter with these key-value pairs and tensors of zeros."""
    return _file(ADAPTER if pairs is None else pairs, tensors, kind=kind)


def _file(pairs: Pairs, tensors: Mapping[str, tuple[int, ...]], *, version: int = 3, kind: int = 0) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, value in pairs.items():
        head += _string(key) + _typed(value)
    offset = 0
    for name, shape in tensors.items():
        head += _string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        offset += -(-4 * prod(shape) // 32) * 32
    return head + b"\0" * (-len(head) % 32) + b"\0" * offset


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _typed(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 8 if isinstance(value[0], str) else 4
    items = b"".join(_string(v) if kind == 8 else struct.pack("<I", v) for v in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + items
