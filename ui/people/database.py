"""`people.db`: one SQLite file, which the command line and a running server share."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ui.people.errors import PeopleError

FILE = "people.db"
_VERSION = 1
_SCHEMA = """
CREATE TABLE people (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, folded TEXT NOT NULL UNIQUE, role TEXT NOT NULL, reads TEXT,
  asker TEXT NOT NULL UNIQUE, password TEXT NOT NULL, must_change INTEGER NOT NULL, created REAL NOT NULL
);
CREATE TABLE roles (role TEXT PRIMARY KEY, reads TEXT NOT NULL);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people ON DELETE CASCADE, hash BLOB NOT NULL UNIQUE,
  created REAL NOT NULL, used REAL NOT NULL
);
CREATE TABLE keys (
  id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people ON DELETE CASCADE, hash BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL, scopes TEXT NOT NULL, created REAL NOT NULL, used REAL, expires REAL
);
"""


class Database:
    """The file, opened when it is first needed. Every method raises `PeopleError` when it cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        """What a query finds."""
        with self.changing() as db:
            return db.execute(query, values).fetchall()

    def change(self, query: str, values: Sequence[Any] = ()) -> int:
        """Change something; how many rows that were."""
        with self.changing() as db:
            return db.execute(query, values).rowcount

    @contextmanager
    def changing(self, *, alone: bool = False) -> Iterator[sqlite3.Connection]:
        """The database in one transaction; `alone` keeps others from writing from its first reading on."""
        with self._lock, self._told():
            db = self._opened()
            if alone:
                db.execute("BEGIN IMMEDIATE")
            with db:
                yield db

    def stamp(self) -> tuple[int, int]:
        """Another one after every change, whoever made it."""
        with self.changing() as db:
            return db.execute("PRAGMA data_version").fetchone()[0], db.total_changes

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(self._path, timeout=5, check_same_thread=False)
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA secure_delete = ON")  # who is deleted is gone from the file
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                db.close()
                raise PeopleError("broken", f"{self._path} was written by a later version of Kotae; use that one.")
            if version == 0:
                db.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {_VERSION};COMMIT;")
            self._db = db
        return self._db

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            raise PeopleError("broken", f"The accounts in {self._path} cannot be read ({error}).") from error
