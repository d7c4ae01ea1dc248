"""BM25: how well texts hold some terms.

Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.3.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Hashable, Mapping, Sequence
from typing import TypeVar

_K1, _B = 1.2, 0.75

Key = TypeVar("Key", bound=Hashable)


def scores(
    texts: Mapping[Key, Sequence[str]],
    weights: Mapping[str, float],
    instead: Sequence[tuple[Sequence[str], Mapping[str, float]]] = (),
) -> dict[Key, float]:
    """BM25 of texts that are split into terms, of those that hold any of the terms that `weights` says the rarity of.

    How long a text usually is, is counted over these. `instead` are terms and the weights of their other forms, which
    may have several terms with spaces between them: where the best of them gives a text more than the terms themselves
    do, it counts in their place.
    """
    usual = sum(map(len, texts.values())) / len(texts) if texts else 1.0
    looked_for = {*weights, *(part for _, others in instead for form in others for part in form.split(" "))}
    found = {}
    for key, held in texts.items():
        norm = _K1 * (1 - _B + _B * len(held) / (usual or 1.0))
        counts = Counter(term for term in held if term in looked_for)
        own = {term: _score(counts[term], norm, weight) for term, weight in weights.items() if term in counts}
        score = sum(own.values())
        for terms, others in instead:
            best = max(
                (
                    _score(times, norm, weight)
                    for form, weight in others.items()
                    if (times := counts[form] if " " not in form else occurrences(held, form, counts))
                ),
                default=0.0,
            )
            score += max(0.0, best - sum(own.get(term, 0.0) for term in terms))
        if score:
            found[key] = score
    return found


def occurrences(held: Sequence[str], form: str, among: Container[str]) -> int:
    """How often the terms of a form, which has spaces between them, stand one after another; `among` are those held."""
    parts = form.split(" ")
    if not all(part in among for part in parts):
        return 0
    return sum(list(held[at : at + len(parts)]) == parts for at, term in enumerate(held) if term == parts[0])


def _score(times: int, norm: float, weight: float) -> float:
    return weight * times * (_K1 + 1) / (times + norm)


def rarity(total: int, holding: int) -> float:
    """How much a term says that `holding` of `total` texts hold; above 0 also when most do, as among a few texts."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
