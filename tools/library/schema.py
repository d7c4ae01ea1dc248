"""The tables of the library, and how a library of an older layout is brought to this one.

To change the layout: change `_TABLES`, raise `SCHEMA`, and add a step to `_STEPS` that does the same to what people
have. All steps run in one transaction, so an interrupted change leaves the old layout.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from tools.library.records import DEFAULT

SCHEMA = 4

# not `detail = none`, which is smaller, but reads every matching text again for BM25: ten times slower
WORDS = 'CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize = "unicode61 remove_diacritics 0")'

FREQUENCIES = "CREATE VIRTUAL TABLE temp.frequencies USING fts5vocab(main, words, row)"
"""How many passages hold a term, looked up in the word index itself; each connection has its own."""

# apart from the passages, since only the few that are compared are ever read
TOKENS = """CREATE TABLE tokens (
    passage INTEGER PRIMARY KEY REFERENCES passages (number) ON DELETE CASCADE, codes BLOB NOT NULL)"""

# `text` last: what stands behind a long column is read through it
_DOCUMENTS = """CREATE TABLE documents (
    id TEXT PRIMARY KEY, collection INTEGER NOT NULL REFERENCES collections (number), path TEXT NOT NULL,
    title TEXT NOT NULL, type TEXT NOT NULL, language TEXT NOT NULL, owner TEXT NOT NULL, source TEXT NOT NULL,
    bytes INTEGER NOT NULL, modified INTEGER NOT NULL, sha256 TEXT NOT NULL, indexed_at REAL NOT NULL,
    checked_at REAL NOT NULL, gone INTEGER NOT NULL, pages TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (collection, path))"""
_UPKEEP = (
    "CREATE TABLE collections (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, "
    "created_at REAL NOT NULL, web TEXT NOT NULL DEFAULT 'on')",
    """CREATE TABLE roots (
        collection INTEGER NOT NULL REFERENCES collections (number) ON DELETE CASCADE, path TEXT NOT NULL,
        kind TEXT NOT NULL, watched INTEGER NOT NULL DEFAULT 0, every REAL, checked_at REAL NOT NULL DEFAULT 0,
        etag TEXT NOT NULL DEFAULT '', last_modified TEXT NOT NULL DEFAULT '', missing INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (collection, path)) WITHOUT ROWID""",
    # the bytes of a file that was read in part stand there as a negative number
    """CREATE TABLE failures (
        collection INTEGER NOT NULL REFERENCES collections (number) ON DELETE CASCADE, path TEXT NOT NULL,
        reason TEXT NOT NULL, failed_at REAL NOT NULL, tries INTEGER NOT NULL,
        bytes INTEGER NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (collection, path)) WITHOUT ROWID""",
    # files that their owner removed by hand or moved to another collection: their folder does not bring them back
    """CREATE TABLE ignored (
        collection INTEGER NOT NULL REFERENCES collections (number) ON DELETE CASCADE, path TEXT NOT NULL,
        moved INTEGER NOT NULL, PRIMARY KEY (collection, path)) WITHOUT ROWID""",
)
_TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    *_UPKEEP,
    _DOCUMENTS,
    # AUTOINCREMENT: a number is never used again, so whoever holds vectors by number only has to compare numbers
    """CREATE TABLE passages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL, language TEXT NOT NULL,
        text TEXT NOT NULL, key TEXT NOT NULL, vector BLOB NOT NULL)""",
    "CREATE INDEX passages_of_document ON passages (document)",
    "CREATE INDEX passages_by_key ON passages (key)",
    TOKENS,
    WORDS,
)


def make(db: sqlite3.Connection, embedder: str) -> None:
    """All tables of a new library; called within a transaction."""
    for statement in _TABLES:
        db.execute(statement)
    db.executemany("INSERT INTO meta VALUES (?, ?)", [("embedder", embedder), ("state", secrets.token_hex(8))])
    _default(db)
    db.execute(f"PRAGMA user_version = {SCHEMA}")


def version(db: sqlite3.Connection) -> int:
    """The layout of a library; 0 when it has no tables yet."""
    number: int = db.execute("PRAGMA user_version").fetchone()[0]
    return number


def readable(number: int) -> bool:
    """Whether a library of this layout can be used, if need be after `migrate`."""
    return number in (0, SCHEMA, *_STEPS)


def migrate(db: sqlite3.Connection) -> None:
    """Bring an older layout to this one, all or nothing."""
    if version(db) not in _STEPS:
        return
    # a table is replaced by a new one of its name: with foreign keys on, dropping the old one would empty its children
    db.execute("PRAGMA foreign_keys = OFF")
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            while (at := version(db)) in _STEPS:  # another process may have been faster
                _STEPS[at](db)
                db.execute(f"PRAGMA user_version = {at + 1}")
            if (torn := db.execute("PRAGMA foreign_key_check").fetchone()) is not None:
                raise sqlite3.DatabaseError(f"table {torn[0]} refers to rows that are not there")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    finally:
        db.execute("PRAGMA foreign_keys = ON")


def _default(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO collections (number, name, created_at) VALUES (1, ?, ?)", (DEFAULT, time.time()))


def _collections_and_upkeep(db: sqlite3.Connection) -> None:
    """1 to 2: collections, owners, failures, watched roots, pages of the web."""
    roots = [row[0] for row in db.execute("SELECT path FROM roots")]
    db.execute("DROP TABLE roots")
    for statement in _UPKEEP:
        db.execute(statement)
    _default(db)
    db.executemany(
        "INSERT INTO roots (collection, path, kind) VALUES (1, ?, ?)",
        [(root, "folder" if Path(root).is_dir() else "file") for root in roots],
    )
    # in this order, since renaming the old table would rename it in the passages' reference too
    db.execute(_DOCUMENTS.replace("documents", "documents_2", 1))
    db.execute(
        "INSERT INTO documents_2 SELECT id, 1, path, title, type, language, '', 'file', bytes, modified, sha256, "
        "indexed_at, indexed_at, 0, pages, text FROM documents"
    )
    db.execute("DROP TABLE documents")
    db.execute("ALTER TABLE documents_2 RENAME TO documents")


def _tokens(db: sqlite3.Connection) -> None:
    """2 to 3: what late interaction compares. Passages get theirs when they are embedded again."""
    db.execute(TOKENS)


def _consents(db: sqlite3.Connection) -> None:
    """3 to 4: whether questions over a collection may go to a web search. A table of version 1 has it by now."""
    if not any(row[1] == "web" for row in db.execute("PRAGMA table_info(collections)")):
        db.execute("ALTER TABLE collections ADD COLUMN web TEXT NOT NULL DEFAULT 'on'")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _collections_and_upkeep, 2: _tokens, 3: _consents}
