"""The vector index: 8 bits, twice as many proposals as are wanted, and nothing of the exact order lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.library import vectors as module
from tools.library.access import Permitted
from tools.library.vectors import VectorIndex, _Part

DIMENSION = 64


def unit(rng: np.random.Generator, count: int, common: float = 0.0) -> np.ndarray:
    made = rng.normal(size=(count, DIMENSION)) + common
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def filled(vectors: np.ndarray, numbers: np.ndarray | None = None, parts: int = 1) -> VectorIndex:
    index = VectorIndex(DIMENSION)
    part = _Part(DIMENSION)
    numbers = np.arange(1, len(vectors) + 1, dtype=np.int64) if numbers is None else numbers
    for some in np.array_split(np.arange(len(vectors)), parts):
        part.add(numbers[some], vectors[some])
    index._parts = {"en": part}
    index._state = "s"
    return index


@pytest.mark.parametrize("common", [0.0, 2.0])
def test_the_nearest_are_among_those_proposed(common: float) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = unit(rng, 5000, common), unit(rng, 20, common)
    index = filled(vectors, parts=5)
    for query in queries:
        nearest = 1 + np.argsort(-(vectors @ query))[:50]
        proposed = index.propose(query, 50)
        assert len(proposed) == 100
        assert set(nearest.tolist()) <= set(proposed)


def test_a_vector_beyond_the_scale_is_still_found() -> None:
    rng = np.random.default_rng(0)
    spike = np.zeros((1, DIMENSION), np.float32)
    spike[0, 3] = 1.0
    index = filled(np.concatenate([unit(rng, 500), spike]), parts=2)
    assert 501 in index.propose(spike[0], 1)


def test_only_what_is_permitted_is_proposed() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng, 100)
    flags = np.zeros(101, np.bool_)
    flags[[7, 50, 93]] = True
    allowed = Permitted(np.array([7, 50, 93], np.int64), np.packbits(flags, bitorder="little"))
    index = filled(vectors)
    assert sorted(index.propose(vectors[0], 10, allowed)) == [7, 50, 93]
    ((mean, count),) = index.averages(vectors[0], allowed).values()
    assert count == 3
    assert mean == pytest.approx(float((vectors[[6, 49, 92]] @ vectors[0]).mean()), abs=0.01)


def test_removed_vectors_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    vectors = unit(rng, 40)
    index = filled(vectors)
    index._parts["en"].remove(np.arange(11, 41, dtype=np.int64))
    assert sorted(index.propose(vectors[0], 40)) == list(range(1, 11))
    ((mean, count),) = index.averages(vectors[0]).values()
    assert (count, mean) == (10, pytest.approx(float((vectors[:10] @ vectors[0]).mean()), abs=0.01))


def test_the_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng, 30)
    filled(vectors).save(tmp_path / module.FILE)
    fresh = VectorIndex(DIMENSION)
    assert fresh._load(tmp_path / module.FILE, "s")
    assert fresh.propose(vectors[4], 5)[0] == 5
    assert fresh._parts["en"].holds(np.arange(1, 31, dtype=np.int64), vectors)
    other = vectors.copy()
    other[3] = -other[3]
    assert not fresh._parts["en"].holds(np.arange(1, 31, dtype=np.int64), other)
    assert not VectorIndex(DIMENSION)._load(tmp_path / module.FILE, "another state")
