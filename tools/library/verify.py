"""Whether the files of the library are what they should be: all of it is read, nothing is changed."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import numpy as np

from tools.library import store, vectors
from tools.library.records import Problem

_AGAIN = "move the library's folder away and run `kotae index` again."
_REBUILD = "run `kotae library rebuild`, which makes it anew from the stored texts."
_REMOVE = f"remove the file {vectors.FILE}; it is made anew by the next search."
_SHOWN = 3


def verify(db: sqlite3.Connection, folder: Path, embedder: str, dimension: int) -> list[Problem]:
    """Everything that is wrong; empty when all is well."""
    damage = [row[0] for row in db.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    if damage:
        # what follows would only stumble over the same pages
        return [Problem(f"The database is damaged ({'; '.join(damage[:_SHOWN])}).", f"To mend it, {_AGAIN}")]
    problems = [*_references(db), *_words(db), *_passages(db)]
    made_with = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()[0]
    if made_with != embedder:
        found = f"The vectors are of another embedder ({made_with}; this one is {embedder})."
        problems.append(Problem(found, f"To search again, {_REBUILD}"))
    else:
        problems += [*_vectors(db, dimension), *_file(db, folder / vectors.FILE, dimension)]
    return [*problems, *_words_within(db)]


def _references(db: sqlite3.Connection) -> list[Problem]:
    torn = db.execute("PRAGMA foreign_key_check").fetchall()
    if not torn:
        return []
    tables = ", ".join(sorted({row[0] for row in torn}))
    return [Problem(f"{len(torn)} rows refer to others that are not there ({tables}).", f"To mend it, {_AGAIN}")]


def _words(db: sqlite3.Connection) -> list[Problem]:
    problems = []
    for finding, statement in (
        ("passages are missing from the index of words", "SELECT number FROM passages EXCEPT SELECT rowid FROM words"),
        ("entries of the index of words have no passage", "SELECT rowid FROM words EXCEPT SELECT number FROM passages"),
    ):
        count = db.execute(f"SELECT count(*) FROM ({statement})").fetchone()[0]
        if count:
            problems.append(Problem(f"{count} {finding}.", f"To mend it, {_REBUILD}"))
    return problems


def _words_within(db: sqlite3.Connection) -> list[Problem]:
    """FTS5's own check, which is written as an insertion and takes the lock of a writer; so it comes last."""
    try:
        db.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        if not store.is_busy(error):
            return [Problem(f"The index of words is damaged ({error}).", f"To mend it, {_REBUILD}")]
    return []


def _passages(db: sqlite3.Connection) -> list[Problem]:
    problems = []
    wrong = db.execute(
        "SELECT d.path, count(*) FROM passages p JOIN documents d ON d.id = p.document WHERE NOT (p.start >= 0 AND "
        'p."end" > p.start AND p."end" <= length(d.text) AND substr(d.text, p.start + 1, p."end" - p.start) = p.text) '
        "GROUP BY d.id ORDER BY d.path"
    ).fetchall()
    if wrong:
        problems.append(
            Problem(
                f"{sum(n for _, n in wrong)} passages are not what stands in {_named(wrong)}.",
                f"To mend it, {_REBUILD}",
            )
        )
    empty = db.execute(
        "SELECT path FROM documents d WHERE NOT gone AND NOT EXISTS (SELECT 1 FROM passages WHERE document = d.id) "
        "ORDER BY path"
    ).fetchall()
    if empty:
        problems.append(Problem(f"There are no passages of {_named(empty)}.", f"To mend it, {_REBUILD}"))
    return problems


def _vectors(db: sqlite3.Connection, dimension: int) -> list[Problem]:
    odd = long = 0
    for (blob,) in db.execute("SELECT vector FROM passages"):
        if len(blob) != 4 * dimension:
            long += 1
        elif not abs(float(np.linalg.norm(np.frombuffer(blob, "<f4"))) - 1) < 0.01:
            odd += 1
    problems = []
    if long:
        problems.append(Problem(f"{long} vectors do not have {dimension} numbers.", f"To mend it, {_REBUILD}"))
    if odd:
        problems.append(Problem(f"{odd} vectors are not of unit length.", f"To mend it, {_REBUILD}"))
    return problems


def _file(db: sqlite3.Connection, file: Path, dimension: int) -> list[Problem]:
    """A file that is missing or of an older state is none of our business: the next search makes it anew."""
    if vectors.saved_state(file) != store.state(db):
        if not file.exists() or vectors.saved_state(file):
            return []
        return [Problem(f"The file {vectors.FILE} is damaged.", f"To mend it, {_REMOVE}")]
    index = vectors.VectorIndex(dimension)
    with contextlib.suppress(Exception):
        if index.equals(db, file):
            return []
    return [Problem(f"The file {vectors.FILE} does not agree with the database.", f"To mend it, {_REMOVE}")]


def _named(rows: list[tuple[str, ...]]) -> str:
    names = ", ".join(str(row[0]) for row in rows[:_SHOWN])
    return names if len(rows) <= _SHOWN else f"{names} and {len(rows) - _SHOWN} other documents"
