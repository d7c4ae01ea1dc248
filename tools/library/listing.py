"""Which documents there are: for whoever may read them, and for telling what has changed."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from tools.base import Passage
from tools.library import access
from tools.library.records import EVERYTHING, Document, Scope, SourceKind


@dataclass(frozen=True)
class Seen:
    """What is needed to tell whether a file has changed."""

    id: str
    bytes: int
    modified: int
    """Nanoseconds, as the file system gives them."""
    sha256: str
    checked_at: float
    """When the content was last known to be that of the file; 0 when it never was compared."""
    owner: str
    source: SourceKind
    gone: int


def seen(db: sqlite3.Connection, collection: int) -> dict[str, Seen]:
    """All documents of a collection by path."""
    rows = db.execute(
        "SELECT path, id, bytes, modified, sha256, checked_at, owner, source, gone FROM documents WHERE collection = ?",
        (collection,),
    )
    return {path: Seen(*rest) for path, *rest in rows}


def documents(db: sqlite3.Connection, scope: Scope = EVERYTHING, id: str | None = None) -> list[Document]:
    """The permitted documents by path; of this id alone, if one is given."""
    condition, values = access.condition(scope)
    if id is not None:
        condition, values = f"{condition} AND d.id = :id", values | {"id": id}
    rows = db.execute(
        "SELECT d.id, d.path, d.title, d.type, json_array_length(d.pages), "
        "(SELECT count(*) FROM passages WHERE document = d.id), d.bytes, d.indexed_at, d.language, c.name, d.owner, "
        "d.modified / 1e9, d.source, CASE WHEN d.gone THEN 'gone' WHEN f.path IS NULL THEN 'indexed' "
        "WHEN f.bytes < 0 THEN 'partial' ELSE 'stale' END, "
        "coalesce(f.reason, '') FROM documents d JOIN collections c ON c.number = d.collection "
        "LEFT JOIN failures f ON f.collection = d.collection AND f.path = d.path "
        f"WHERE {condition} ORDER BY d.path, c.name",
        values,
    )
    return [Document(*row) for row in rows]


def passages(
    db: sqlite3.Connection, id: str, scope: Scope = EVERYTHING, first: int = 0, count: int = -1
) -> list[Passage]:
    """`count` passages of a permitted document in reading order, from number `first` (0 for the first of all)."""
    condition, values = access.condition(scope)
    rows = db.execute(
        'SELECT p.id, p.text, d.title, d.path, p.page, p.heading, p.start, p."end" FROM passages p '
        f"JOIN documents d ON d.id = p.document WHERE p.document = :id AND {condition} "
        "ORDER BY p.start, p.number LIMIT :count OFFSET :first",
        values | {"id": id, "first": first, "count": count},
    )
    return [
        Passage(pid, text, title, path, "library", page, tuple(json.loads(heading)), id, start, end)
        for pid, text, title, path, page, heading, start, end in rows
    ]
