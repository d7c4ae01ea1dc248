"""The word index, asked: proposals by the rarest terms, BM25 of the candidates."""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest

from tools.library import matching, schema


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """Two hundred passages: all hold `all`, every tenth `some`, one `rare`."""
    with contextlib.closing(sqlite3.connect(":memory:")) as opened:
        opened.execute(schema.WORDS)
        opened.execute(schema.FREQUENCIES)
        for number in range(1, 201):
            words = ["all"] * (1 + number % 3) + ["some"] * (number % 10 == 0) + ["rare"] * (number == 70) + ["x"] * 9
            opened.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (number, " ".join(words)))
        yield opened


def test_frequencies_are_numbers_of_passages(db: sqlite3.Connection) -> None:
    assert matching.frequencies(db, ["rare", "some", "all", "none"]) == {"rare": 1, "some": 20, "all": 200, "none": 0}


def test_common_words_propose_nothing_where_rare_ones_do(db: sqlite3.Connection) -> None:
    asked = ["all", "some", "rare", "none"]
    assert len(matching.matches(db, asked, 500)) == 200, "in a small library all of them propose"
    found = matching.matches(db, asked, 20, looked_at=50)
    assert found[0] == 70
    assert all(number % 10 == 0 for number in found)


def test_a_question_of_common_words_alone_still_finds(db: sqlite3.Connection) -> None:
    assert len(matching.matches(db, ["all"], 30, looked_at=50)) == 30
    assert matching.matches(db, ["rare", "all"], 30, looked_at=50)[0] == 70, "one is too few: all terms are asked"
    assert len(matching.matches(db, ["rare", "all"], 30, looked_at=50)) == 30
    assert matching.matches(db, ["none"], 30) == []
    assert matching.matches(db, [], 30) == []


def test_scores_are_those_of_sqlite_where_lengths_are_alike(db: sqlite3.Connection) -> None:
    everything = list(range(1, 201))
    own = matching.scores(db, ["some", "rare"], everything, 200)
    theirs = dict(db.execute("SELECT rowid, -rank FROM words WHERE words MATCH ?", ('"some" OR "rare"',)).fetchall())
    assert own.keys() == theirs.keys()
    for number, score in theirs.items():
        assert own[number] == pytest.approx(score, rel=1e-6)


def test_a_word_that_every_passage_holds_counts_next_to_nothing(db: sqlite3.Connection) -> None:
    assert max(matching.scores(db, ["all"], [1, 2, 3], 200).values()) < 1e-5
    assert matching.scores(db, ["none"], [1, 2, 3], 200) == {}
    assert matching.scores(db, ["all"], [], 200) == {}
    assert math.isfinite(sum(matching.scores(db, ["all", "rare"], np.arange(1, 201).tolist(), 200).values()))
