"""The collections: made, renamed, deleted, and what moves between them."""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from tools.base import Consent, ToolError
from tools.library import store
from tools.library.records import DEFAULT, Collection

FIRST = 1
"""The number of the default collection."""


def number(db: sqlite3.Connection, name: str) -> int:
    """The number of a collection. Raises `ToolError("library_unknown")`."""
    row = db.execute("SELECT number FROM collections WHERE name = ?", (clean(name),)).fetchone()
    if row is None:
        raise ToolError("library_unknown", f"There is no collection {name!r}; `kotae library collections` shows them.")
    found: int = row[0]
    return found


def create(db: sqlite3.Connection, name: str, *, anew: bool = True) -> int:
    """Make a collection and return its number. Raises `ToolError("library_name")`, if `anew` also for a taken name."""
    name = clean(name)
    row = db.execute("SELECT number FROM collections WHERE name = ?", (name,)).fetchone()
    if row is not None and anew:
        raise ToolError("library_name", f"There is a collection {name!r} already: choose another name.")
    if row is not None:
        found: int = row[0]
        return found
    made = db.execute("INSERT INTO collections (name, created_at) VALUES (?, ?)", (name, time.time())).lastrowid
    assert made is not None
    return made


def rename(db: sqlite3.Connection, name: str, new: str) -> None:
    """See `Library.rename_collection`."""
    own = number(db, name)
    if own == FIRST:
        raise ToolError("library_name", f"The collection {DEFAULT!r} keeps its name: create another one.")
    if (new := clean(new)) != clean(name):
        if db.execute("SELECT 1 FROM collections WHERE name = ?", (new,)).fetchone() is not None:
            raise ToolError("library_name", f"There is a collection {new!r} already: choose another name.")
        db.execute("UPDATE collections SET name = ? WHERE number = ?", (new, own))


def delete(db: sqlite3.Connection, name: str) -> int:
    """See `Library.delete_collection`."""
    own = number(db, name)
    ids = [row[0] for row in db.execute("SELECT id FROM documents WHERE collection = ?", (own,))]
    for id in ids:
        store.remove(db, id)
    if own == FIRST:
        for table in ("roots", "failures", "ignored"):
            db.execute(f"DELETE FROM {table} WHERE collection = ?", (own,))
    else:
        db.execute("DELETE FROM collections WHERE number = ?", (own,))
    return len(ids)


def move(db: sqlite3.Connection, ids: Sequence[str], name: str) -> int:
    """See `Library.move`."""
    to = number(db, name)
    moved = 0
    for id in dict.fromkeys(ids):
        row = db.execute("SELECT collection, path FROM documents WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise ToolError("library_unknown", f"There is no document {id!r}; `kotae library list` shows them.")
        if row[0] == to:
            continue
        if db.execute("SELECT 1 FROM documents WHERE collection = ? AND path = ?", (to, row[1])).fetchone():
            raise ToolError("library_name", f"The collection {name!r} holds {row[1]} already: remove one of the two.")
        db.execute("UPDATE documents SET collection = ? WHERE id = ?", (to, id))
        _follow(db, row[0], to, row[1])
        moved += 1
    return moved


def _follow(db: sqlite3.Connection, before: int, to: int, path: str) -> None:
    """What belongs to the path goes along, so it is kept current where it is now; its folder does not bring it back."""
    roots = db.execute("SELECT path, kind, watched FROM roots WHERE collection = ?", (before,)).fetchall()
    above = [watched for root, kind, watched in roots if kind == "folder" and Path(path).is_relative_to(root)]
    for table in ("roots", "failures"):
        db.execute(
            f"UPDATE OR REPLACE {table} SET collection = ? WHERE collection = ? AND path = ?", (to, before, path)
        )
    db.execute("DELETE FROM ignored WHERE collection = ? AND path = ?", (to, path))
    if above:
        db.execute("INSERT OR REPLACE INTO ignored VALUES (?, ?, 1)", (before, path))
        db.execute(
            "INSERT OR IGNORE INTO roots (collection, path, kind, watched) VALUES (?, ?, 'file', ?)",
            (to, path, max(above)),
        )


def consent(db: sqlite3.Connection, name: str, web: Consent) -> None:
    """See `Library.set_web`."""
    db.execute("UPDATE collections SET web = ? WHERE number = ?", (web, number(db, name)))


def consents(db: sqlite3.Connection, names: frozenset[str] | None) -> list[Consent]:
    """What holds for each of the named collections; for each of all of them when None."""
    rows = db.execute("SELECT name, web FROM collections").fetchall()
    return [web for name, web in rows if names is None or name in names]


def collections(db: sqlite3.Connection) -> list[Collection]:
    """All collections by name."""
    rows = db.execute(
        "SELECT c.name, (SELECT count(*) FROM documents WHERE collection = c.number), "
        "(SELECT count(*) FROM documents d CROSS JOIN passages p ON p.document = d.id WHERE d.collection = c.number), "
        "c.created_at, c.web FROM collections c ORDER BY c.name"
    )
    return [Collection(*row) for row in rows]


def clean(name: str) -> str:
    """The name as it is stored. Raises `ToolError("library_name")` when it cannot be one."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).strip()
    if not name or len(name) > 64 or "," in name or any(unicodedata.category(char) in ("Cc", "Cf") for char in name):
        raise ToolError(
            "library_name",
            "A collection's name has 1 to 64 characters, no comma and nothing invisible: choose another.",
        )
    return name
