"""The truth of the library: documents, passages, their vectors and their words, in one SQLite file.

A document is written or removed in one transaction, so a crash leaves the old or the new state. Many may read while
one writes (write-ahead log). Nothing here deletes or repairs a file that it cannot read: it says so.
"""

from __future__ import annotations

import contextlib
import errno
import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import ToolError
from tools.library import schema
from tools.library.embed import Reading, Vectors
from tools.library.records import DocumentType, SourceKind

FILE = "library.db"
PATIENCE = 30.0
"""Seconds that a writer waits for another one: they take turns, transaction by transaction."""
FULL = "The disk is full: make room and try again; what was there is untouched."


@dataclass(frozen=True)
class NewDocument:
    """A document about to be written; the order of the fields is that of the table."""

    id: str
    collection: int
    path: str
    title: str
    type: DocumentType
    language: str
    owner: str
    source: SourceKind
    bytes: int
    modified: int
    sha256: str
    indexed_at: float
    checked_at: float
    gone: int
    pages: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class NewPassage:
    """A passage about to be written. `key` names the text that was embedded, `terms` what the word index holds."""

    id: str
    start: int
    end: int
    page: int | None
    heading: tuple[str, ...]
    language: str
    text: str
    key: str
    terms: str
    vector: Vectors
    tokens: bytes = b""
    """See `Reading`."""


class Store:
    """One connection, usable from any thread. `create` makes folder and tables when there are none."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self.path = folder / FILE
        self._embedder = embedder
        self._db: sqlite3.Connection | None = None
        self.file: tuple[int, int] | None = None
        """Device and inode of the open database: another file under its name is another library."""
        self._lock = threading.RLock()

    def create(self, *, any_embedder: bool = False) -> None:
        """Make what is missing. Raises `ToolError` when the file cannot be used or is another embedder's."""
        with self._lock, self._guard():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = self._connection(make=True)
            assert db is not None
            if schema.version(db) == 0:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("BEGIN IMMEDIATE")
                try:
                    if schema.version(db) == 0:  # no other process was faster
                        schema.make(db, self._embedder)
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
            if not any_embedder:
                self._same_embedder(db)

    @contextlib.contextmanager
    def read(self, *, any_embedder: bool = False) -> Iterator[sqlite3.Connection | None]:
        """The connection for a few quick reads of one and the same state; None when nothing was ever indexed.

        Raises `ToolError("library_broken")` when the file cannot be read or is another embedder's.
        """
        with self._lock, self._guard():
            db = self._connection(make=False)
            if db is not None and schema.version(db) == 0:
                db = None
            if db is not None and not any_embedder:
                self._same_embedder(db)
            # without a transaction each statement would see what another process has written since the one before
            begun = db is not None and not db.in_transaction
            if db is not None and begun:
                db.execute("BEGIN")
            try:
                yield db
            finally:
                if db is not None and begun and db.in_transaction:
                    db.execute("ROLLBACK")

    @contextlib.contextmanager
    def write(self, *, passages: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction; it is undone when the block raises.

        The state's name changes with it, unless it leaves the passages alone.
        """
        with self._lock, self._guard():
            db = self._connection(make=False)
            if db is None:
                raise ToolError("library_broken", f"{self.path} has gone while it was in use: index again.")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                if passages:
                    db.execute("UPDATE meta SET value = ? WHERE key = 'state'", (secrets.token_hex(8),))
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def _connection(self, *, make: bool) -> sqlite3.Connection | None:
        try:
            stat = self.path.stat()
            file = (stat.st_dev, stat.st_ino)
        except (FileNotFoundError, NotADirectoryError):
            file = None
        if self._db is not None and file != self.file:
            self.close()  # it was moved away or replaced
        if self._db is None and (file is not None or make):
            db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA foreign_keys = ON")
                db.execute("PRAGMA synchronous = FULL")
                version = schema.version(db)
                if not schema.readable(version):
                    raise ToolError(
                        "library_broken",
                        f"{self.path} was made by another version of Kotae (its layout is {version}, this one reads "
                        f"{schema.SCHEMA}): update Kotae, or move the file away and run `kotae index` again.",
                    )
                schema.migrate(db)
                db.execute(schema.FREQUENCIES)
            except BaseException:
                db.close()
                raise
            stat = self.path.stat()
            self._db, self.file = db, (stat.st_dev, stat.st_ino)
        return self._db

    def _same_embedder(self, db: sqlite3.Connection) -> None:
        row = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()
        made_with = row[0] if row else "unknown"
        if made_with != self._embedder:
            raise ToolError(
                "library_other_embedder",
                f"The index was made with another embedder ({made_with}; this one is {self._embedder}): "
                "run `kotae index --rebuild`, which keeps the documents and embeds them anew.",
            )

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_full(error):
                raise ToolError("library_full", FULL) from error
            self.close()
            if is_busy(error):
                advice = "another program is writing to it: try again when that is done."
                raise ToolError("library_busy", f"{self.path}: {advice}") from error
            if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
                advice = "it cannot be opened: check the permissions of its folder."
            elif isinstance(error, sqlite3.OperationalError) and "readonly" in str(error):
                advice = "it may not be written: check the permissions of the file and its folder."
            else:
                advice = "it is damaged: move it away (with its -wal and -shm files) and run `kotae index` again."
            raise ToolError("library_broken", f"{self.path}: {advice}") from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise ToolError("library_full", FULL) from error
            raise ToolError(
                "library_broken",
                f"{self.path} cannot be used ({error.strerror}): check its folder, the permissions and the disk.",
            ) from error


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full: the transaction is undone, what there was stays."""
    # with the log in shared memory a full disk shows as an error of that
    return isinstance(error, sqlite3.OperationalError) and "full" in str(error)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the lock for longer than the connection waits."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def state(db: sqlite3.Connection) -> str:
    """Names the present content. It changes with every transaction and never comes back."""
    name: str = db.execute("SELECT value FROM meta WHERE key = 'state'").fetchone()[0]
    return name


def replace(db: sqlite3.Connection, new: NewDocument, passages: Sequence[NewPassage]) -> None:
    """Write a document, in place of what stood under its path in its collection."""
    for (id,) in db.execute(
        "SELECT id FROM documents WHERE collection = ? AND path = ?", (new.collection, new.path)
    ).fetchall():
        remove(db, id)
    document = vars(new) | {"pages": json.dumps(new.pages, separators=(",", ":"))}
    db.execute(f"INSERT INTO documents VALUES ({', '.join(f':{name}' for name in document)})", document)
    for p in passages:
        row = vars(p) | {"document": new.id, "heading": json.dumps(p.heading, ensure_ascii=False)}
        row["vector"] = p.vector.astype("<f4").tobytes()
        number = db.execute(
            'INSERT INTO passages (id, document, start, "end", page, heading, language, text, key, vector) '
            "VALUES (:id, :document, :start, :end, :page, :heading, :language, :text, :key, :vector)",
            row,
        ).lastrowid
        db.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (number, p.terms))
        if p.tokens:
            db.execute("INSERT INTO tokens VALUES (?, ?)", (number, p.tokens))


def remove(db: sqlite3.Connection, document: str) -> bool:
    """Remove a document with its passages, vectors and words; False when there is none of that id."""
    db.execute("DELETE FROM words WHERE rowid IN (SELECT number FROM passages WHERE document = ?)", (document,))
    return db.execute("DELETE FROM documents WHERE id = ?", (document,)).rowcount > 0


def empty(db: sqlite3.Connection, document: str) -> None:
    """Keep a document in the list without any text, since its page is no longer there."""
    db.execute("DELETE FROM words WHERE rowid IN (SELECT number FROM passages WHERE document = ?)", (document,))
    db.execute("DELETE FROM passages WHERE document = ?", (document,))
    db.execute("UPDATE documents SET gone = 1, text = '', pages = '[]', sha256 = '' WHERE id = ?", (document,))


def numbers(db: sqlite3.Connection) -> npt.NDArray[np.int64]:
    """The numbers of all passages, ascending, int64."""
    # sorted here, not there: in any order SQLite reads a small index, in this one the whole table
    return np.sort(np.fromiter((row[0] for row in db.execute("SELECT number FROM passages")), np.int64))


def vectors(
    db: sqlite3.Connection, wanted: Sequence[int] | None, dimension: int
) -> Iterator[tuple[list[str], npt.NDArray[np.int64], Vectors]]:
    """Languages (n), numbers (n,) and vectors (n, dimension) of `wanted` passages, of all when None, part by part."""
    if wanted is None:
        rows: Iterator[Any] = db.execute("SELECT language, number, vector FROM passages ORDER BY number")
    else:
        rows = iter(select(db, "SELECT language, number, vector FROM passages WHERE number IN", wanted))
    while part := list(islice(rows, 10_000)):
        numbers = np.fromiter((number for _, number, _ in part), np.int64, len(part))
        values = np.frombuffer(b"".join(blob for _, _, blob in part), "<f4").astype(np.float32)
        yield [language for language, _, _ in part], numbers, values.reshape(len(part), dimension)


def embedded(db: sqlite3.Connection, keys: Sequence[str]) -> Mapping[str, Reading]:
    """Texts that were read by the embedder before, by key."""
    statement = (
        "SELECT p.key, p.vector, t.codes FROM passages p LEFT JOIN tokens t ON t.passage = p.number WHERE p.key IN"
    )
    return {
        key: Reading(np.frombuffer(vector, "<f4").astype(np.float32), codes or b"")
        for key, vector, codes in select(db, statement, keys)
    }


def codes(db: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    """The token codes of passages by number, of those that have any."""
    return dict(select(db, "SELECT passage, codes FROM tokens WHERE passage IN", numbers))


def select(db: sqlite3.Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """`statement` ends in `IN`; the list is given in parts, since SQLite bounds the variables of a statement."""
    rows: list[Any] = []
    for at in range(0, len(values), 500):
        part = values[at : at + 500]
        rows += db.execute(f"{statement} ({','.join('?' * len(part))})", list(part)).fetchall()
    return rows
