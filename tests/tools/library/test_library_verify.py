"""Everything that can be wrong with the library's files is found, and named with what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.library import Library, store, vectors


@pytest.fixture
def filled(library: Library, folder: Path) -> Library:
    for name in ("whales", "otters", "herons"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nThis file is about {name}. " + "More words. " * 20)
    library.index([folder])
    return library


def test_a_sound_library(filled: Library, library: Library) -> None:
    assert filled.verify() == []


def test_none_at_all(library: Library) -> None:
    assert library.verify() == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM words WHERE rowid = 2", "missing from the index of words"),
        ("INSERT INTO words (rowid, terms) VALUES (99, 'x')", "have no passage"),
        ("UPDATE words_content SET c0 = 'other words' WHERE id = 1", "index of words is damaged"),
        ("UPDATE passages SET vector = x'00' WHERE number = 1", "do not have 64 numbers"),
        ("UPDATE passages SET vector = zeroblob(256) WHERE number = 1", "not of unit length"),
        ("UPDATE passages SET text = 'other' WHERE number = 1", "not what stands in"),
        ('UPDATE passages SET "end" = 99999 WHERE number = 1', "not what stands in"),
        ("UPDATE documents SET text = 'short'", "not what stands in"),
        ("UPDATE passages SET document = 'nobody' WHERE number = 1", "not there (passages)"),
        ("UPDATE documents SET collection = 77", "not there (documents)"),
        ("DELETE FROM passages WHERE number = 1", "There are no passages of"),
        ("UPDATE meta SET value = 'other/1' WHERE key = 'embedder'", "another embedder"),
    ],
)
def test_what_is_wrong_in_the_database(filled: Library, damage: str, words: str) -> None:
    filled.close()
    with sqlite3.connect(filled.folder / store.FILE) as db:
        db.execute(damage)
    db.close()
    problems = filled.verify()
    assert any(words in problem.finding for problem in problems)
    assert all(problem.remedy.startswith("To ") and problem.remedy.endswith(".") for problem in problems)


def test_damage_that_rebuilding_mends(filled: Library) -> None:
    filled.close()
    with sqlite3.connect(filled.folder / store.FILE) as db:
        db.execute("DELETE FROM words WHERE rowid = 2")
        db.execute("UPDATE passages SET vector = zeroblob(256) WHERE number = 1")
    db.close()
    assert "To mend it, run `kotae library rebuild`, which makes it anew from the stored texts." in {
        problem.remedy for problem in filled.verify()
    }
    filled.index([], rebuild=True)
    assert filled.verify() == []


def test_damaged_pages(filled: Library) -> None:
    path = filled.folder / store.FILE
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'passages_by_key'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    db.close()
    filled.close()
    data = bytearray(path.read_bytes())
    data[(root - 1) * size + 100 : root * size] = bytes(size - 100)
    path.write_bytes(data)
    (problem,) = filled.verify()
    assert "database is damaged" in problem.finding


def flip(data: bytes) -> bytes:
    return data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]


@pytest.mark.parametrize("damage", [flip, lambda data: data[:-10], lambda data: b"garbage" + data])
def test_a_vector_file_that_lies(filled: Library, damage: Callable[[bytes], bytes]) -> None:
    file = filled.folder / vectors.FILE
    file.write_bytes(damage(file.read_bytes()))
    (problem,) = filled.verify()
    assert vectors.FILE in problem.finding
    file.unlink()
    assert filled.verify() == []


def test_a_vector_file_of_another_content_with_right_checksums(filled: Library) -> None:
    file = filled.folder / vectors.FILE
    kept = file.read_bytes()
    with sqlite3.connect(filled.folder / store.FILE) as db:
        state = store.state(db)
        db.execute("UPDATE passages SET vector = (SELECT vector FROM passages WHERE number = 2) WHERE number = 1")
        assert store.state(db) == state
    db.close()
    assert file.read_bytes() == kept
    assert [vectors.FILE in p.finding for p in filled.verify()] == [True]


def test_a_vector_file_of_an_older_state_is_no_problem(filled: Library, folder: Path) -> None:
    file = filled.folder / vectors.FILE
    old = file.read_bytes()
    (folder / "new.md").write_text("about seals")
    filled.index([folder])
    file.write_bytes(old)
    assert filled.verify() == []
