"""From trained weights to the adapter file that llama.cpp loads, and back.

The keys are those of llama.cpp's own converter: `general.type=adapter`, `adapter.type=lora`, `adapter.lora.alpha`, and
two tensors `….lora_a` (rank, in) and `….lora_b` (out, rank) for each weight. Files of the architecture `llama` keep the
rows of the query and key projections in the order of the original rotary embedding, so those rows of `lora_b` are
brought into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tools.specialist.errors import SpecialistError

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float32]
LowRank = Mapping[str, tuple[Array, Array]]
"""For each weight (`model.layers.0.mlp.up_proj`), its factors A (rank, in) and B (out, rank)."""


def write(file: Path, factors: LowRank, *, alpha: float, config: Any, name: str) -> None:
    """Write the adapter; `config` is the one of the base model. The file is there whole or not at all."""
    import gguf

    names = _names(config)
    partial = file.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, gguf.MODEL_ARCH_NAMES[_architecture(config)])
    writer.add_type("adapter")
    writer.add_name(name)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for weight, (a, b) in factors.items():
        target = _target(names, weight)
        rows = _rotary_order(weight, b, config)
        writer.add_tensor(f"{target}.lora_a", np.ascontiguousarray(a, np.float16))
        writer.add_tensor(f"{target}.lora_b", np.ascontiguousarray(rows, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(file)


def read(file: Path, weights: Iterable[str], *, config: Any) -> dict[str, tuple[Array, Array]]:
    """The factors of an adapter for these weights of the base model, as `write` was given them.

    Raises `SpecialistError` (`base`) where the file does not hold exactly these.
    """
    import gguf

    names = _names(config)
    try:
        tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(file).tensors}
    except (OSError, ValueError) as error:
        raise SpecialistError("base", f"{file} cannot be read as an adapter: train without --continue.") from error
    found = {}
    for weight in weights:
        target = _target(names, weight)
        a, b = (tensors.pop(f"{target}.lora_{side}", None) for side in "ab")
        if a is None or b is None:
            raise other_form(file)
        found[weight] = (np.array(a, np.float32), _rotary_order(weight, np.array(b, np.float32), config, back=True))
    if tensors:
        raise other_form(file)
    return found


def other_form(file: Path) -> SpecialistError:
    """What to raise where an adapter has other weights than are to be learned."""
    return SpecialistError(
        "base",
        f"{file.name} has other layers than are to be learned: leave --rank, --layers and --method as they were, or "
        "train without --continue.",
    )


def _architecture(config: Any) -> Any:
    import gguf

    return {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}[config.model_type]


def _names(config: Any) -> Any:
    import gguf

    return gguf.get_tensor_name_map(_architecture(config), config.num_hidden_layers)


def _target(names: Any, weight: str) -> str:
    target = names.get_name(f"{weight}.weight", try_suffixes=(".weight",))
    if target is None:
        raise ValueError(f"{weight} has no name in GGUF")
    return str(target)


def _rotary_order(weight: str, b: Array, config: Any, *, back: bool = False) -> Array:
    """The rows of `b` as a file of the architecture `llama` has them: halves of each head interleaved. `back`: from
    there to the order of the model."""
    kind = weight.rpartition(".")[2]
    if config.model_type != "llama" or kind not in ("q_proj", "k_proj"):
        return b
    heads = config.num_attention_heads if kind == "q_proj" else config.num_key_value_heads
    half = b.shape[0] // heads // 2
    parts = (heads, half, 2, b.shape[1]) if back else (heads, 2, half, b.shape[1])
    return b.reshape(parts).swapaxes(1, 2).reshape(b.shape)


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
