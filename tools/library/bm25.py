"""BM25: how well texts hold some terms.

Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.3.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

_K1, _B = 1.2, 0.75

Key = TypeVar("Key", bound=Hashable)


def scores(texts: Mapping[Key, Sequence[str]], weights: Mapping[str, float]) -> dict[Key, float]:
    """BM25 of texts that are split into terms, of those that hold any of the terms that `weights` says the rarity of.

    How long a text usually is, is counted over these.
    """
    usual = sum(map(len, texts.values())) / len(texts) if texts else 1.0
    found = {}
    for key, held in texts.items():
        norm = _K1 * (1 - _B + _B * len(held) / (usual or 1.0))
        counts = Counter(term for term in held if term in weights)
        if score := sum(weights[term] * times * (_K1 + 1) / (times + norm) for term, times in counts.items()):
            found[key] = score
    return found


def rarity(total: int, holding: int) -> float:
    """How much a term says that `holding` of `total` texts hold; above 0 also when most do, as among a few texts."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
