"""From trained weights to the adapter file that llama.cpp loads.

The keys are those of llama.cpp's own converter: `general.type=adapter`, `adapter.type=lora`, `adapter.lora.alpha`, and
two tensors `….lora_a` (rank, in) and `….lora_b` (out, rank) for each weight. Files of the architecture `llama` keep the
rows of the query and key projections in the order of the original rotary embedding, so those rows of `lora_b` are
brought into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float32]
LowRank = Mapping[str, tuple[Array, Array]]
"""For each weight (`model.layers.0.mlp.up_proj`), its factors A (rank, in) and B (out, rank)."""


def write(file: Path, factors: LowRank, *, alpha: float, config: Any, name: str) -> None:
    """Write the adapter; `config` is the one of the base model. The file is there whole or not at all."""
    import gguf

    architecture = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}[config.model_type]
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    partial = file.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for weight, (a, b) in factors.items():
        target = names.get_name(f"{weight}.weight", try_suffixes=(".weight",))
        if target is None:
            raise ValueError(f"{weight} has no name in GGUF")
        rows = _rotary_order(weight, b, config)
        writer.add_tensor(f"{target}.lora_a", np.ascontiguousarray(a, np.float16))
        writer.add_tensor(f"{target}.lora_b", np.ascontiguousarray(rows, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(file)


def _rotary_order(weight: str, b: Array, config: Any) -> Array:
    """The rows of `b` as a file of the architecture `llama` has them: halves of each head interleaved."""
    kind = weight.rpartition(".")[2]
    if config.model_type != "llama" or kind not in ("q_proj", "k_proj"):
        return b
    heads = config.num_attention_heads if kind == "q_proj" else config.num_key_value_heads
    return b.reshape(heads, 2, b.shape[0] // heads // 2, b.shape[1]).swapaxes(1, 2).reshape(b.shape)


def factor(change: torch.Tensor, rank: int) -> tuple[Array, Array, float]:
    """The best factors of that rank for a changed weight (out, in), and the share of its square norm that they keep.

    The truncated singular value decomposition (Eckart and Young 1936), found by subspace iteration.
    """
    import torch

    torch.manual_seed(0)
    u, s, v = torch.svd_lowrank(change.float(), q=min(rank, *change.shape), niter=4)
    root = s.sqrt()
    total = float(change.float().square().sum())
    kept = float(s.square().sum()) / total if total else 1.0
    a, b = (root[:, None] * v.T).numpy(), (u * root).numpy()
    # a small weight has fewer than `rank` of them, and llama.cpp divides alpha by the rank that it finds
    missing = rank - len(root)
    return np.pad(a, ((0, missing), (0, 0))), np.pad(b, ((0, 0), (0, missing))), min(kept, 1.0)
