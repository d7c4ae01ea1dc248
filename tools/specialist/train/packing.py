"""Rows of tokens packed into short sequences, in which what several rows begin with stands only once.

The rows of a specialist share their prompt, and those of a reading specialist whole passages. A prefix tree of the
rows, written down depth first, is one sequence in which every token sees its ancestors and nothing else; with the
position of its depth each row has exactly the loss that it has alone, and shared tokens are computed once. (The trees
of speculative decoding, Miao et al. 2023, arXiv 2305.09781, section 3.2, used for training.)
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

_RELATED = 24
"""Tokens that two neighbours share beyond what all rows share, from which on they are packed together."""


@dataclass(frozen=True)
class Row:
    """The tokens of one example."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """What is learned, with the token that ends it."""

    @property
    def ids(self) -> tuple[int, ...]:
        return self.prompt + self.answer


@dataclass(frozen=True)
class Pack:
    """One sequence. Target `i` is the token that should follow position `at[i]`, and counts `weight[i]` times."""

    ids: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    """One past the last descendant of each token: token `i` sees `j` if `j <= i < end[j]`."""
    at: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    rows: int
    alone: int
    """Tokens that the rows have together when each stands alone."""

    def visible(self) -> npt.NDArray[np.bool_]:
        """What each token sees, shape (tokens, tokens)."""
        n = np.arange(len(self.ids))
        return (n[None, :] <= n[:, None]) & (n[:, None] < self.end[None, :])


def pack(rows: Sequence[Row]) -> Pack:
    """All rows in one sequence."""
    ids: list[int] = []
    depth: list[int] = []
    end: list[int] = []
    learned: dict[tuple[int, int], float] = {}
    path: list[int] = []  # positions in the sequence of the tokens of the row before
    before: tuple[int, ...] = ()
    for row in sorted(rows, key=lambda row: row.ids):
        tokens = row.ids
        shared = _shared(before, tokens)
        for place in path[shared:]:
            end[place] = len(ids)
        path = path[:shared]
        for at in range(shared, len(tokens)):
            path.append(len(ids))
            ids.append(tokens[at])
            depth.append(at)
            end.append(0)
        for at in range(len(row.prompt), len(tokens)):
            key = (path[at - 1], tokens[at])
            learned[key] = learned.get(key, 0.0) + 1.0
        before = tokens
    for place in path:
        end[place] = len(ids)
    return Pack(
        np.array(ids, np.int64),
        np.array(depth, np.int64),
        np.array(end, np.int64),
        np.array([at for at, _ in learned], np.int64),
        np.array([token for _, token in learned], np.int64),
        np.array(list(learned.values()), np.float32),
        len(rows),
        sum(len(row.ids) for row in rows),
    )


def beside(one: Pack, other: Pack) -> Pack:
    """Two packs in one sequence, in which neither sees the other. Of the second nothing is learned."""
    return replace(
        one,
        ids=np.concatenate([one.ids, other.ids]),
        position=np.concatenate([one.position, other.position]),
        end=np.concatenate([one.end, other.end + len(one.ids)]),
    )


def bundles(rows: Sequence[Row], *, longest: int, most: int) -> list[list[Row]]:
    """Rows that share much, together: at most `most`, and at most `longest` tokens packed. Every row is in one."""
    ordered = sorted(rows, key=lambda row: row.ids)
    common = _shared(ordered[0].ids, ordered[-1].ids) if ordered else 0
    found: list[list[Row]] = []
    size = 0
    for row in ordered:
        shared = _shared(found[-1][-1].ids, row.ids) if found else 0
        grown = size + len(row.ids) - shared
        if found and shared >= common + _RELATED and grown <= longest and len(found[-1]) < most:
            found[-1].append(row)
            size = grown
        else:
            found.append([row])
            size = len(row.ids)
    return found


def steps(rows: Sequence[Row], *, batch: int, longest: int, seed: int) -> Iterator[list[Pack]]:
    """One epoch: for each step about `batch` rows, in as few sequences of at most `longest` tokens as they need.

    The order changes with `seed` alone. A row that is longer by itself gets a sequence of its own.
    """
    groups = bundles(rows, longest=longest, most=batch)
    random.Random(seed).shuffle(groups)
    common = _shared(min(r.ids for r in rows), max(r.ids for r in rows)) if rows else 0
    step: list[list[Row]] = []
    size = taken = 0
    for group in groups:
        own = len(pack(group).ids) - common
        if step and common + size + own <= longest:
            step[-1].extend(group)
            size += own
        else:
            step.append(list(group))
            size = own
        taken += len(group)
        if taken >= batch:
            yield [pack(part) for part in step]
            step, size, taken = [], 0, 0
    if step:
        yield [pack(part) for part in step]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two rows begin with alike."""
    most = min(len(one), len(other))
    return next((n for n in range(most) if one[n] != other[n]), most)
