"""What searches found, kept for the day, so that the same question does not leave the machine twice.

What somebody searched for is personal: no query is written down, only its hash, but the hits tell enough. `forget`
overwrites them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from tools.web.providers import Hit
from tools.web.query import WebQuery

ROWS = 2000
DAY, HOUR, NOTHING = 86400, 3600, 300
"""Seconds that hits are kept: in general (and no longer than the day in UTC), of a search for the last day, and that
nothing was found."""

_PATIENCE = 0.3
"""Seconds that a statement waits for another process."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS searches"
    " (key TEXT PRIMARY KEY, at REAL NOT NULL, until REAL NOT NULL, hits TEXT NOT NULL) WITHOUT ROWID"
)

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What a search found earlier."""

    hits: tuple[Hit, ...]
    at: float
    """When they were found, in seconds since the epoch."""


class SearchCache:
    """A file that several threads and processes may use. Nothing is opened or made before it is needed.

    A file that cannot be used is no reason not to search: after one warning in the log nothing is kept.
    """

    def __init__(self, path: Path, *, rows: int = ROWS, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._rows = rows
        self._clock = clock
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._off = False

    def get(self, provider: str, query: WebQuery) -> Kept | None:
        """What that service found for that query, if that may still be told. Never raises."""
        now = self._clock()

        def read(db: sqlite3.Connection) -> tuple[float, str] | None:
            found: tuple[float, str] | None = db.execute(
                "SELECT at, hits FROM searches WHERE key = ? AND at <= ? AND until > ?",
                (_key(provider, query), now, now),
            ).fetchone()
            return found

        row = self._with(read, make=False)
        if row is None:
            return None
        try:
            return Kept(tuple(Hit(**hit) for hit in json.loads(row[1])), row[0])
        except (TypeError, ValueError):
            return None

    def put(self, provider: str, query: WebQuery, hits: Sequence[Hit], at: float) -> None:
        """Keep what was found. Never raises."""
        row = (_key(provider, query), at, _until(query, hits, at), json.dumps([asdict(hit) for hit in hits]))

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            try:
                db.execute("INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?)", row)
                db.execute("DELETE FROM searches WHERE until <= ?", (self._clock(),))
                db.execute(
                    "DELETE FROM searches WHERE key IN (SELECT key FROM searches ORDER BY at DESC LIMIT -1 OFFSET ?)",
                    (self._rows,),
                )
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

        self._with(write, make=True)

    def forget(self) -> None:
        """Delete everything; nothing of it is left in the file. Raises `OSError` or `sqlite3.Error` where it cannot."""
        with self._lock:
            try:
                db = self._open(make=False)
                if db is None:
                    return
                db.execute("DELETE FROM searches")
                if db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    raise sqlite3.OperationalError("another program is using the file: try again")
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # it is no database any more, and may hold anything
                self._close()
                for ending in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
                self._off = False

    def close(self) -> None:
        with self._lock:
            self._close()

    def _with(self, work: Callable[[sqlite3.Connection], T], *, make: bool) -> T | None:
        with self._lock:
            if self._off:
                return None
            try:
                db = self._open(make=make)
                return None if db is None else work(db)
            except (sqlite3.Error, OSError) as error:
                if _is_busy(error):
                    return None
                self._off = True
                self._close()
                log.warning("%s cannot be used (%s): what searches find is not kept", self._path, error)
                return None

    def _open(self, *, make: bool) -> sqlite3.Connection | None:
        if self._db is not None:
            return self._db
        if not self._path.exists():
            if not make:
                return None
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # for this user's eyes only
        db = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(_TABLE)
            db.execute("DELETE FROM searches WHERE until <= ?", (self._clock(),))
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
        self._db = None


def _key(provider: str, query: WebQuery) -> str:
    asked = query.text.casefold().rstrip("?!。、. ")
    parts = [provider, asked, query.region, query.language, query.timelimit]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _until(query: WebQuery, hits: Sequence[Hit], at: float) -> float:
    midnight = (at // DAY + 1) * DAY
    return min(midnight, at + (NOTHING if not hits else HOUR if query.timelimit == "d" else DAY))


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
