"""Attention over a prefix tree: each block of tokens looks at its ancestors and at itself, and at nothing beside.

A mask over the whole sequence costs its square, most of it for pairs that see nothing of each other. Tokens stand in
the order of the tree, depth first, so what a block can see is what was not closed before it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AttentionInterface

NAME = "kotae_tree"
_BLOCK = 256
"""Tokens that look at once."""


@dataclass(frozen=True)
class Block:
    """Tokens `start` to `end` and what they look at: shape of `unseen` (tokens, keys), 0 where seen, else very low."""

    start: int
    end: int
    keys: torch.Tensor
    unseen: torch.Tensor


def blocks(end: npt.NDArray[np.int64], dtype: torch.dtype) -> list[Block]:
    """The blocks of a sequence; `end` as in `Pack`."""
    found = []
    for start in range(0, len(end), _BLOCK):
        stop = min(start + _BLOCK, len(end))
        keys = np.concatenate([np.flatnonzero(end[:start] > start), np.arange(start, stop)])
        tokens = np.arange(start, stop)[:, None]
        seen = torch.from_numpy((keys[None] <= tokens) & (tokens < end[keys][None]))
        unseen = torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
        found.append(Block(start, stop, torch.from_numpy(keys), unseen))
    return found


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    *,
    tree: Sequence[Block],
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """What transformers asks of an attention; `tree` comes with the call of the model. All of shape (1, heads, tokens,
    width); what is returned of (1, tokens, heads, width)."""
    groups = module.num_key_value_groups
    parts = []
    for block in tree:
        k, v = (x[:, :, block.keys].repeat_interleave(groups, 1) for x in (key, value))
        part = query[:, :, block.start : block.end]
        parts.append(
            torch.nn.functional.scaled_dot_product_attention(
                part, k, v, attn_mask=block.unseen[None, None], scale=scaling
            )
        )
    return torch.cat(parts, 2).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)
