"""Examples that ask the same, or nearly the same, as others; without comparing each with each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from math import ceil
from zlib import crc32

from tools.specialist.example import Example
from tools.specialist.texts import asked, tokens

NEAR = 0.8
"""Share of their words, or pairs of characters, that nearly the same questions have in common (Jaccard). Questions that
name other numbers are never nearly the same."""
_SKETCH = 128
"""Words by which long texts are compared: those with the smallest hashes (bottom-k sketches; Broder 1997, "On the
resemblance and containment of documents", section 4)."""


@dataclass(frozen=True)
class Twin:
    """`row` asks what `like` asks: positions in two lists of examples."""

    row: int
    like: int
    same: bool
    """But for case, width, punctuation and white space; otherwise nearly."""


def twins(examples: Sequence[Example], others: Sequence[Example]) -> Iterator[Twin]:
    """For each of `examples` that has one among `others` its first twin there.

    Two sets of which the share `NEAR` is common have one of their rarest words in common, so only those are looked up
    (prefix filtering; Chaudhuri, Ganti and Kaushik 2006, "A primitive operator for similarity joins").
    """
    if not others:
        return
    by_key: dict[str, int] = {}
    for i, example in enumerate(others):
        by_key.setdefault(asked(example), i)
    known = [_said(example) for example in others]
    often = Counter(word for one in known for word in one.words)
    by_word: defaultdict[str, list[int]] = defaultdict(list)
    for i, one in enumerate(known):
        for word in _rarest(one.words, often):
            by_word[word].append(i)
    for row, example in enumerate(examples):
        if (like := by_key.get(asked(example))) is not None:
            yield Twin(row, like, True)
            continue
        one = _said(example)
        candidates = {i for word in _rarest(one.words, often) for i in by_word.get(word, ())}
        near = [i for i in candidates if one.numbers == known[i].numbers and _near(one.words, known[i].words)]
        if near:
            yield Twin(row, min(near), False)


@dataclass(frozen=True)
class _Said:
    words: frozenset[str]
    numbers: frozenset[str]


def _said(example: Example) -> _Said:
    words = tokens("\n".join(m.content for m in example.messages if m.role != "system"))
    numbers = frozenset(word for word in words if word.isdigit())
    if len(words) > _SKETCH:
        words = frozenset(word for _, word in nsmallest(_SKETCH, ((crc32(word.encode()), word) for word in words)))
    return _Said(words, numbers)


def _rarest(words: frozenset[str], often: Counter[str]) -> list[str]:
    order = sorted(words, key=lambda word: (often[word], word))
    return order[: len(order) - ceil(NEAR * len(order)) + 1] if order else []


def _near(a: frozenset[str], b: frozenset[str]) -> bool:
    common = len(a & b)
    return common >= NEAR * (len(a) + len(b) - common)
