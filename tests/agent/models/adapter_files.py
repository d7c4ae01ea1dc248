"""LoRA adapters of random numbers, written with gguf-py, and models that are little more than their head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from gguf import GGUFWriter

Shapes = Mapping[str, tuple[int, int]]

TINY: Shapes = {
    # numbers in, numbers out
    "token_embd.weight": (8, 16),
    "blk.0.attn_q.weight": (8, 8),
    "blk.0.attn_v.weight": (8, 4),
}


def write_model(path: Path, architecture: str = "qwen2", shapes: Shapes = TINY) -> Path:
    """A model that llama.cpp would not load, and whose head can be read."""
    writer = GGUFWriter(path, architecture)
    writer.add_type("model")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_head_count(2)
    writer.add_token_list(["a", "b"])
    for name, (width, height) in shapes.items():
        writer.add_tensor(name, np.zeros((height, width), np.float32))
    _close(writer)
    return path


def write_adapter(
    path: Path,
    shapes: Shapes,
    seed: int = 0,
    *,
    architecture: str = "qwen2",
    rank: int = 4,
    strength: float = 0.05,
    numbers: type[np.floating] = np.float32,
    change: Callable[[dict[str, np.ndarray]], None] | None = None,
    kind: str = "adapter",
) -> Path:
    """An adapter for tensors of these shapes; `change` spoils it."""
    random = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for name, (width, height) in shapes.items():
        down, up = (rank, width), (height, rank)
        if name == "token_embd.weight":
            down, up = (height, rank), (width, rank)
        tensors[f"{name}.lora_a"] = (random.normal(size=down) * strength).astype(numbers)
        tensors[f"{name}.lora_b"] = (random.normal(size=up) * strength).astype(numbers)
    if change is not None:
        change(tensors)
    writer = GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    _close(writer)
    return path


def _close(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
