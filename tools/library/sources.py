"""What the library is kept current with: roots that were given to `index`, what failed, and what is passed over."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.library.records import Failure, Source

DAY = 86_400.0
"""Seconds between two readings of a watched page when nobody said how often."""
SHORTEST = 60.0
"""Seconds. Reading a page more often than this would be a burden to its server."""


@dataclass(frozen=True)
class Page:
    """What is known of a web page from its last reading; all empty when it was never read."""

    etag: str = ""
    last_modified: str = ""
    missing: int = 0
    """How often in a row its server said that it is not there."""


@dataclass(frozen=True)
class Failed:
    """A failure as it is stored, with what tells whether the file has changed since. `partial` as in `Failure`."""

    reason: str
    failed_at: float
    tries: int
    bytes: int
    modified: int
    partial: bool = False


def is_url(path: Path | str) -> bool:
    """Whether this is the address of a page and no path."""
    return isinstance(path, str) and path[:8].lower().startswith(("http://", "https://"))


def located(path: Path | str) -> str:
    """A path or an address as the library stores it. Raises `EgressError` for an address that cannot be one."""
    if is_url(path):
        from tools.web.egress import normal

        return normal(str(path))
    return os.path.abspath(Path(path).expanduser())


def pages(db: sqlite3.Connection, own: int) -> dict[str, Page]:
    """The pages of a collection by address."""
    rows = db.execute(
        "SELECT path, etag, last_modified, missing FROM roots WHERE collection = ? AND kind = 'url'", (own,)
    )
    return {path: Page(*rest) for path, *rest in rows}


def read_page(db: sqlite3.Connection, own: int, url: str, page: Page) -> None:
    """Remember what a page's server said."""
    db.execute(
        "UPDATE roots SET etag = ?, last_modified = ?, missing = ? WHERE collection = ? AND path = ?",
        (page.etag, page.last_modified, page.missing, own, url),
    )


def remember(
    db: sqlite3.Connection, own: int, roots: Mapping[str, Literal["file", "folder", "url"]], every: float | None
) -> None:
    """Add roots; pages become watched when `every` is given."""
    db.executemany(
        "INSERT OR IGNORE INTO roots (collection, path, kind) VALUES (?, ?, ?)",
        [(own, path, kind) for path, kind in roots.items()],
    )
    if every is not None:
        _watch(db, own, [path for path, kind in roots.items() if kind == "url"], every)


def checked(db: sqlite3.Connection, own: int, paths: Iterable[str]) -> None:
    """Note that these roots were compared with the library just now."""
    now = time.time()
    db.executemany("UPDATE roots SET checked_at = ? WHERE collection = ? AND path = ?", [(now, own, p) for p in paths])


def sources(db: sqlite3.Connection, *, watched: bool = False) -> list[Source]:
    """All roots by path; the watched ones alone if asked."""
    rows = db.execute(
        "SELECT r.path, c.name, r.kind, r.watched, r.every, r.checked_at FROM roots r JOIN collections c "
        f"ON c.number = r.collection {'WHERE r.watched' if watched else ''} ORDER BY r.path, c.name"
    )
    return [Source(path, name, kind, bool(on), every, at) for path, name, kind, on, every, at in rows]


def watch(db: sqlite3.Connection, own: int, paths: Sequence[Path | str], every: float | None) -> None:
    """See `Library.watch`."""
    for given in paths:
        path = located(given)
        kind = "url" if is_url(given) else "folder" if os.path.isdir(path) else "file"
        db.execute("INSERT OR IGNORE INTO roots (collection, path, kind) VALUES (?, ?, ?)", (own, path, kind))
        db.execute("UPDATE roots SET watched = 1 WHERE collection = ? AND path = ?", (own, path))
        if kind == "url":
            _watch(db, own, [path], every or DAY)


def _watch(db: sqlite3.Connection, own: int, urls: Sequence[str], every: float) -> None:
    db.executemany(
        "UPDATE roots SET watched = 1, every = ? WHERE collection = ? AND path = ?",
        [(max(SHORTEST, every), own, url) for url in urls],
    )


def unwatch(db: sqlite3.Connection, paths: Sequence[Path | str], own: int | None) -> int:
    """See `Library.unwatch`."""
    count = 0
    for given in paths:
        count += db.execute(
            "UPDATE roots SET watched = 0, every = NULL WHERE path = ? AND watched AND (?2 IS NULL OR collection = ?2)",
            (located(given), own),
        ).rowcount
    return count


def failed(db: sqlite3.Connection, own: int) -> dict[str, Failed]:
    """What failed in a collection, by path."""
    rows = db.execute(
        "SELECT path, reason, failed_at, tries, abs(bytes), modified, bytes < 0 FROM failures WHERE collection = ?",
        (own,),
    )
    return {
        path: Failed(reason, failed_at, tries, size, modified, bool(partial))
        for path, reason, failed_at, tries, size, modified, partial in rows
    }


def fail(db: sqlite3.Connection, own: int, path: str, entry: Failed) -> None:
    """Write a failure, in place of what stood there of the same path."""
    size = -entry.bytes if entry.partial else entry.bytes
    db.execute(
        "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)",
        (own, path, entry.reason, entry.failed_at, entry.tries, size, entry.modified),
    )


def forgive(db: sqlite3.Connection, own: int, paths: Iterable[str]) -> int:
    """Take failures off the list and return how many there were."""
    count = 0
    for path in paths:
        count += db.execute("DELETE FROM failures WHERE collection = ? AND path = ?", (own, path)).rowcount
    return count


def failures(db: sqlite3.Connection, collections: frozenset[str] | None) -> list[Failure]:
    """All failures of the named collections by path; of all collections when None."""
    rows = db.execute(
        "SELECT f.path, f.reason, c.name, f.failed_at, f.tries, f.bytes < 0 FROM failures f JOIN collections c "
        "ON c.number = f.collection ORDER BY f.path, c.name"
    )
    found = [
        Failure(path, reason, name, failed_at, tries, bool(partial))
        for path, reason, name, failed_at, tries, partial in rows
    ]
    return [failure for failure in found if collections is None or failure.collection in collections]


def ignored(db: sqlite3.Connection, own: int) -> dict[str, bool]:
    """Files that folders of the collection pass over, and whether they were moved away.

    What was removed comes back when its folder is indexed by hand, what was moved only by its own path.
    """
    rows = db.execute("SELECT path, moved FROM ignored WHERE collection = ?", (own,))
    return {path: bool(moved) for path, moved in rows}


def forget(db: sqlite3.Connection, id: str) -> None:
    """What a document leaves behind when its owner removes it: it is no longer kept current, nor brought back."""
    row = db.execute("SELECT collection, path FROM documents WHERE id = ?", (id,)).fetchone()
    if row is None:
        return
    own, path = row
    db.execute("DELETE FROM roots WHERE collection = ? AND path = ?", (own, path))
    forgive(db, own, [path])
    folders = db.execute("SELECT path FROM roots WHERE collection = ? AND kind = 'folder'", (own,))
    if any(Path(path).is_relative_to(folder) for (folder,) in folders.fetchall()):
        db.execute("INSERT OR IGNORE INTO ignored VALUES (?, ?, 0)", (own, path))


def drop(db: sqlite3.Connection, own: int, path: str) -> list[str] | None:
    """Forget a root with its failures; the ids of the documents that no other root keeps. None without such a root."""
    row = db.execute("SELECT kind FROM roots WHERE collection = ? AND path = ?", (own, path)).fetchone()
    if row is None:
        return None
    db.execute("DELETE FROM roots WHERE collection = ? AND path = ?", (own, path))
    rest = db.execute("SELECT path, kind FROM roots WHERE collection = ?", (own,)).fetchall()
    single = {other for other, kind in rest if kind != "folder"}
    folders = [other for other, kind in rest if kind == "folder"]

    def orphaned(file: str) -> bool:
        under = file == path or (row[0] == "folder" and Path(file).is_relative_to(path))
        return under and file not in single and not any(Path(file).is_relative_to(folder) for folder in folders)

    failing = db.execute("SELECT path FROM failures WHERE collection = ?", (own,)).fetchall()
    forgive(db, own, [file for (file,) in failing if orphaned(file)])
    known = db.execute("SELECT id, path FROM documents WHERE collection = ? AND source != 'import'", (own,)).fetchall()
    return [id for id, file in known if orphaned(file)]
