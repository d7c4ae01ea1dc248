"""How much memory a training takes, known before it begins."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from tools.gguf import NotGguf, read_head
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan

_LIBRARIES: Final = 600_000_000
"""Bytes of PyTorch and what it brings."""
_LOADING: Final = 4
"""Bytes for each number of the largest tensor while it is unpacked."""
_KEPT_WIDTH, _KEPT_INNER = 12, 6
"""How many vectors of each width a layer keeps of a token for the way back."""
_LOGITS: Final = 128 * 12
"""Positions whose logits are held at once, times the bytes for each word of the vocabulary."""
_TEXT: Final = 96
"""Tokens of a general text, at most."""
_LEARNED: Final = 16
"""Bytes for each number that is learned, beside itself: its copy in float32, its gradient, two moments."""


def memory_need(base: Path, plan: Plan, *, number: int = 2) -> int:
    """Bytes that a training takes at most; `number` are those of one weight, 2 in bfloat16.

    For the catalogue's small model and sequences of 1,900 tokens it says 6.2 GB, and 6.2 GB were measured. Raises
    `SpecialistError` (`base`) where the file is no model.
    """
    try:
        head = read_head(base)
    except (NotGguf, OSError) as error:
        raise SpecialistError(
            "base", f"{base.name} cannot be trained, {error}; choose another base model with --base."
        ) from error
    inner = max(head.tensors.get("blk.0.ffn_up.weight", (0,)))
    width, layers = head.embedding, plan.layers if 0 < plan.layers < head.layers else head.layers
    if plan.method == "lora":
        learned = layers * plan.rank * (8 * width + 3 * (width + inner))
    else:
        learned = (plan.layers or max(1, head.layers // 4)) * (4 * width**2 + 3 * width * inner)
    tokens = plan.longest + min(_TEXT * plan.texts, plan.longest)
    kept = tokens * head.layers * (_KEPT_WIDTH * width + _KEPT_INNER * inner) * number
    return (
        _LIBRARIES
        + sum(map(math.prod, head.tensors.values())) * number
        + head.vocabulary * (width * _LOADING + _LOGITS)
        + kept
        + learned * (number + _LEARNED)
    )
