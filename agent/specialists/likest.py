"""Which training examples are most like a question, and which are typical of all, by the library's embedder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tools.library.embed import Embedder
from tools.specialist.example import Example

MOST = 4000
"""Examples that are compared; of more, those whose ids come first, which is a choice by hash."""
_SEEN = 200
"""Characters of the beginning and of the end of a text by which it is compared; embedding pages takes too long."""
_ROUNDS = 12

Vectors = npt.NDArray[np.float32]


class Pool:
    """Examples by the embeddings of their questions, which are computed once; that takes seconds."""

    def __init__(
        self,
        examples: Sequence[Example],
        embedder: Embedder,
        done: Callable[[int, int], None] = lambda *_: None,
        most: int = MOST,
    ) -> None:
        """Raises `ValueError` without examples."""
        if not examples:
            raise ValueError("no examples to compare with")
        self.examples = sorted(examples, key=lambda example: example.id)[:most]
        self._embedder = embedder
        rows = []
        for n, example in enumerate(self.examples, 1):
            rows.append(embedder.query(_seen(example.question)))
            done(n, len(self.examples))
        vectors = np.stack(rows)
        self._mean = vectors.mean(axis=0)
        self._vectors = self._centred(vectors)

    def nearest(self, question: str, k: int) -> list[Example]:
        """The `k` examples most like a question, the most alike first."""
        likeness = self._vectors @ self._centred(self._embedder.query(_seen(question))[None])[0]
        return [self.examples[i] for i in np.argsort(-likeness, kind="stable")[:k]]

    def typical(self, k: int, seed: int = 7) -> list[Example]:
        """`k` examples that lie at the centres of as many groups (k-means, Lloyd 1982). Where there are no more
        different answers than `k`, all answers are there, as often as they can be."""
        answers = Counter(example.answer for example in self.examples)
        if not 1 < len(answers) <= k:
            return [self.examples[i] for i in self._centres(range(len(self.examples)), k, seed)]
        chosen: dict[str, list[int]] = {}
        for n, answer in enumerate(sorted(answers)):
            of_it = [i for i, example in enumerate(self.examples) if example.answer == answer]
            chosen[answer] = self._centres(of_it, k // len(answers) + (n < k % len(answers)), seed)
        # in turns, so that the last of them do not all have the same answer
        turns = [i for n in range(k) for places in chosen.values() for i in places[n : n + 1]]
        others = [i for i in range(len(self.examples)) if i not in turns]
        return [self.examples[i] for i in (*turns, *others)[:k]]

    def _centres(self, among: Sequence[int], k: int, seed: int) -> list[int]:
        """The members of `among` nearest to the centres of `k` groups, the largest group first."""
        places = np.asarray(among)
        k = min(k, len(places))
        vectors = self._vectors[places]
        centres = vectors[_spread(vectors, k, np.random.default_rng(seed))]
        groups = np.zeros(len(places), np.int64)
        for _ in range(_ROUNDS):
            groups = (vectors @ centres.T).argmax(axis=1)
            sums = np.stack([vectors[groups == g].sum(axis=0) if (groups == g).any() else centres[g] for g in range(k)])
            centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        order = np.argsort(-np.bincount(groups, minlength=k), kind="stable")
        chosen: list[int] = []
        for g in order:
            ranked = places[np.argsort(-(vectors @ centres[g]), kind="stable")]
            chosen.append(next(int(i) for i in ranked if i not in chosen))
        return chosen

    def _centred(self, vectors: Vectors) -> Vectors:
        """Without what all questions share, which is most of an embedding, and of unit length."""
        centred = vectors - self._mean
        unit: Vectors = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
        return unit


def _spread(vectors: Vectors, k: int, random: np.random.Generator) -> list[int]:
    """Where groups begin: each far from those before (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(random.integers(len(vectors)))]
    while len(chosen) < k:
        far = np.clip(1 - (vectors @ vectors[chosen].T).max(axis=1), 0, None).astype(np.float64)
        far[chosen] = 0
        total = far.sum()
        left = np.setdiff1d(np.arange(len(vectors)), chosen)
        chosen.append(int(random.choice(len(vectors), p=far / total) if total > 1e-9 else left[0]))
    return chosen


def _seen(text: str) -> str:
    return text if len(text) <= 2 * _SEEN else f"{text[:_SEEN]} … {text[-_SEEN:]}"
