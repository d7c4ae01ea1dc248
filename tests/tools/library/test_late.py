from __future__ import annotations

import numpy as np
import pytest

from tools.library.e5 import E5
from tools.library.late import STRETCH, similarities
from tools.library.search import ALL, Shares, fuse


def coded(*tokens: list[int]) -> bytes:
    return np.packbits(np.array(tokens) > 0, axis=1).tobytes()


def test_each_token_of_the_query_counts_its_best_match() -> None:
    a, b = [1] * 8, [1, -1] * 4
    query = np.array([a, b], np.float32) / np.sqrt(8) * 0.5
    both, one, none = similarities(query, [coded(a, b), coded(a), coded([-x for x in a])])
    assert both == pytest.approx(1.0)
    assert one == pytest.approx(0.5)
    assert none == pytest.approx(-0.5)


def test_passages_of_different_lengths_do_not_mix() -> None:
    rng = np.random.default_rng(0)
    query = rng.normal(size=(5, 16)).astype(np.float32)
    passages = [rng.choice([-1, 1], size=(n, 16)) for n in (1, 7, 3)]
    expected = [(query @ p.T / 4).max(axis=1).sum() for p in passages]
    assert similarities(query, [coded(*p.tolist()) for p in passages]) == pytest.approx(expected, abs=0.02)


def test_tokens_that_stand_together_count_more_than_the_same_ones_scattered() -> None:
    a, b, other = [1] * 16, [1, -1] * 8, [-1] * 8 + [1] * 8
    query = np.array([a, b], np.float32) / np.sqrt(16) * 0.5
    together, scattered = similarities(query, [coded(a, b, *[other] * 60), coded(a, *[other] * 60, b)])
    assert together == pytest.approx(1.0)
    assert scattered == pytest.approx(0.75, abs=0.01), "all of both over the whole, half of them in any stretch"


def test_long_passages_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(1)
    query = rng.normal(size=(4, 32)).astype(np.float32)
    passages = [rng.choice([-1, 1], size=(n, 32)) for n in (5, 61, 24, 1, 40)]
    cosines = [query @ p.T / np.sqrt(32) for p in passages]
    half = STRETCH // 2
    expected = [
        (c.max(axis=1).sum() + max(c[:, at : at + STRETCH].max(axis=1).sum() for at in range(0, c.shape[1], half))) / 2
        for c in cosines
    ]
    assert similarities(query, [coded(*p.tolist()) for p in passages]) == pytest.approx(expected, abs=0.05)


def test_without_codes_nothing_is_known() -> None:
    query = np.ones((2, 8), np.float32)
    assert np.isnan(similarities(query, [b"", coded([1] * 8)])).tolist() == [True, False]
    assert np.isnan(similarities(np.empty((0, 8), np.float32), [coded([1] * 8)])).all()
    assert len(similarities(query, [])) == 0


def test_tokens_decide_between_passages_that_are_alike_otherwise() -> None:
    flat, home = np.full(3, 0.8), np.array([True] * 3)
    assert fuse(flat, np.zeros(3), home, np.array([0.2, 0.6, 0.3])).argmax() == 1
    only_words = Shares(0.0, 2.0, 0.0)
    assert fuse(flat, np.array([1.0, 0.0, 0.0]), home, np.array([0.2, 0.6, 0.3]), only_words).argmax() == 0


def test_the_shares_add_up_to_what_two_stages_have() -> None:
    assert ALL.tokens + ALL.words + ALL.vector == pytest.approx(2.0)


def test_the_embedder_reads_tokens_in_context(embedder_e5: E5) -> None:
    query = embedder_e5.query_tokens("Where can I keep my money?")
    assert np.linalg.norm(query, axis=1).sum() == pytest.approx(1.0, abs=1e-3)
    texts = ["The bank pays interest on your savings.", "We sat on the bank of the river and fished.", "It is raining."]
    readings = embedder_e5.readings(texts)
    found = similarities(query, [reading.tokens for reading in readings])
    assert found.argmax() == 0
    alone = embedder_e5.readings(texts[:1])[0]
    assert alone.tokens == readings[0].tokens
    assert (alone.vector == readings[0].vector).all()


def test_a_text_longer_than_the_model_reads_is_read_to_its_end(embedder_e5: E5) -> None:
    filler = "The otters swim in the river and eat fish. " * 120
    reading = embedder_e5.readings([filler + "The archive is closed on Mondays."])[0]
    query = embedder_e5.query_tokens("When is the archive closed?")
    with_end, without = similarities(query, [reading.tokens, embedder_e5.readings([filler])[0].tokens])
    assert with_end > without + 0.05


@pytest.fixture(scope="module")
def embedder_e5() -> E5:
    return E5()
