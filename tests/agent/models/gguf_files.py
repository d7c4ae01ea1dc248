"""Small GGUF files, written by hand."""

from __future__ import annotations

import struct
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


def gguf(pairs: Pairs | None = None, *, values: int = 1024, version: int = 3) -> bytes:
    """A GGUF file with these key-value pairs and one tensor of `values` 32-bit numbers."""
    pairs = LLAMA if pairs is None else pairs
    head = b"GGUF" + struct.pack("<IQQ", version, 1, len(pairs))
    for key, value in pairs.items():
        head += _string(key) + _typed(value)
    head += _string("output.weight") + struct.pack("<IQIQ", 1, values, 0, 0)
    return head + b"\0" * (-len(head) % 32) + b"\0" * (4 * values)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _typed(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    kind = 8 if isinstance(value[0], str) else 4
    items = b"".join(_string(v) if kind == 8 else struct.pack("<I", v) for v in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + items
