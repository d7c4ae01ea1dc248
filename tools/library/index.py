"""A run of indexing: read what changed, cut, embed across documents, write each document in one transaction."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tools.library import chunk, load, store
from tools.library.embed import BATCH_TOKENS, Embedder, Vectors
from tools.library.load import Limits, Loaded, LoadError
from tools.library.records import Failure, IndexReport, OnProgress, Progress, Stage
from tools.library.scan import Scan, scan
from tools.library.store import NewDocument, NewPassage, Seen, Store
from tools.library.tokens import language, search_terms
from tools.library.worker import Worker

_RACY = 2.0
"""Seconds. A file changed this shortly before it was indexed may have changed again within the clock's grain."""


@dataclass(frozen=True)
class _Piece:
    """A passage that waits for its vector. `embed` is what is embedded: title and headings, then the text."""

    chunk: chunk.Chunk
    text: str
    embed: str
    key: str


@dataclass(frozen=True)
class _Pending:
    document: NewDocument
    pieces: tuple[_Piece, ...]
    known: bool


class Stopped(Exception):
    """The caller asked to stop; what is pending is dropped, what is written stays."""


class Run:
    """One run over a store. Use once, from one thread."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        *,
        progress: OnProgress | None = None,
        stop: threading.Event | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._progress = progress
        self._stop = stop or threading.Event()
        self._limits = limits or Limits()
        self._began = time.monotonic()
        self._report = IndexReport()
        self._failed: list[Failure] = []
        self._done = self._total = 0
        self._pending: list[_Pending] = []
        self._path: Path | None = None

    def index(self, paths: Sequence[Path]) -> IndexReport:
        """Bring the store up to date with `paths`. See `Library.index`."""
        self._tell("scan", None)
        found = scan(paths, self._stop.is_set)
        self._failed.extend(found.failed)
        self._total = len(found.files)
        with self._store.read() as db:
            known = store.seen(db) if db is not None else {}
        try:
            with Worker(self._limits, self._scanned) as worker:
                for path in found.files:
                    self._check()
                    self._path = path
                    self._tell("read", path)
                    pending = self._read(path, known.get(str(path)), worker)
                    if pending is None:
                        self._done += 1
                        continue
                    self._pending.append(pending)
                    if sum(piece.chunk.tokens for p in self._pending for piece in p.pieces) >= BATCH_TOKENS:
                        self._flush()
            self._flush()
            self._check()
            self._remove(paths, found, known)
        except Stopped:
            self._report = replace(self._report, stopped=True)
        except (sqlite3.OperationalError, OSError) as error:
            if not store.is_full(error) and getattr(error, "errno", None) != 28:
                raise
            self._fail(self._store.path, "The disk is full: make room and index again; what was there is untouched.")
            self._report = replace(self._report, stopped=True)
        return self._finished()

    def rebuild(self) -> IndexReport:
        """Cut and embed every stored document anew, from its stored text, in one transaction: all or nothing."""
        with self._store.read(any_embedder=True) as db:
            ids = [] if db is None else [row[0] for row in db.execute("SELECT id FROM documents ORDER BY path")]
        self._total = len(ids)
        try:
            with self._store.write() as db:
                db.execute("UPDATE meta SET value = ? WHERE key = 'embedder'", (self._embedder.name,))
                for id in ids:
                    row = db.execute("SELECT * FROM documents WHERE id = ?", (id,)).fetchone()
                    if row is None:
                        continue
                    old = NewDocument(*row)
                    old = replace(old, pages=tuple(json.loads(row[6])))
                    pending = _Pending(old, self._cut(old), True)
                    fresh = self._embed(list(pending.pieces), Path(old.path))
                    store.replace(db, old, self._passages(pending, fresh))
                    self._written(pending)
        except Stopped:
            self._report = IndexReport(stopped=True)
        return self._finished()

    def _read(self, path: Path, known: Seen | None, worker: Worker) -> _Pending | None:
        """What has to be embedded of a file; None when it is unchanged or cannot be read."""
        try:
            str(path).encode()
            stat = path.stat()
            if known and (known.bytes, known.modified) == (stat.st_size, stat.st_mtime_ns):
                racy = stat.st_mtime_ns / 1e9 > known.indexed_at - _RACY
                if not racy or sha256(path) == known.sha256:
                    self._report = replace(self._report, unchanged=self._report.unchanged + 1)
                    return None
            load.examine(stat.st_size, self._limits)
            digest = sha256(path)
            if known and digest == known.sha256:
                with self._store.write() as db:
                    db.execute(
                        "UPDATE documents SET bytes = ?, modified = ? WHERE id = ?",
                        (stat.st_size, stat.st_mtime_ns, known.id),
                    )
                self._report = replace(self._report, unchanged=self._report.unchanged + 1)
                return None
            loaded = worker.read(path)
        except UnicodeEncodeError:
            self._fail(path, "The name of the file is not valid Unicode: rename it.")
        except LoadError as error:
            self._fail(path, str(error), known)
        except FileNotFoundError:
            reason = "The link leads nowhere" if path.is_symlink() else "The file vanished while it was indexed"
            self._fail(path, f"{reason}: index again when it is back.", known)
        except PermissionError:
            self._fail(path, "The file may not be read: change its permissions.", known)
        except OSError as error:
            self._fail(path, f"The file cannot be read ({error.strerror}): check the disk.", known)
        else:
            return self._prepared(path, loaded, stat, digest, known)
        return None

    def _prepared(
        self,
        path: Path,
        loaded: Loaded,
        stat: os.stat_result | None,
        digest: str,
        known: Seen | None,
        *,
        place: str | None = None,
    ) -> _Pending | None:
        document = _document(place or str(path), loaded, stat, digest)
        if loaded.unread:
            # an empty digest and no date make the next run read it again, perhaps with what was missing
            document = replace(document, modified=0, sha256="")
            self._failed.append(Failure(path, loaded.unread))
        pieces = self._cut(document)
        if not pieces:
            self._fail(path, "No text was found: the file holds headings or marks, but no sentence.", known)
            return None
        return _Pending(document, pieces, known is not None)

    def _cut(self, document: NewDocument) -> tuple[_Piece, ...]:
        pieces = []
        for part in chunk.cut(document.text, document.type, self._embedder.count, pages=document.pages):
            text = document.text[part.start : part.end]
            names = dict.fromkeys((document.title, *part.heading))
            embed = " › ".join(names) + "\n" + text
            pieces.append(_Piece(part, text, embed, _digest(embed)))
        return tuple(pieces)

    def _flush(self) -> None:
        """Embed and write what is pending. Small documents share batches, so the engine is always full."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        pieces = {piece.key: piece for p in pending for piece in p.pieces}
        with self._store.read() as db:
            vectors = dict(store.embedded(db, list(pieces))) if db is not None else {}
        missing = [piece for key, piece in pieces.items() if key not in vectors]
        vectors |= self._embed(missing, Path(pending[-1].document.path))
        for one in pending:
            self._check()
            passages = self._passages(one, vectors)
            with self._store.write() as db:
                store.replace(db, one.document, passages)
            self._written(one)

    def _embed(self, pieces: list[_Piece], path: Path) -> dict[str, Vectors]:
        vectors: dict[str, Vectors] = {}
        for batch in _batches(pieces):
            self._check()
            for piece, vector in zip(batch, self._embedder.passages([p.embed for p in batch]), strict=True):
                vectors[piece.key] = vector
            self._report = replace(self._report, embedded=self._report.embedded + len(batch))
            self._tell("embed", path)
        return vectors

    def _passages(self, pending: _Pending, vectors: dict[str, Vectors]) -> list[NewPassage]:
        document = pending.document
        return [
            NewPassage(
                id=_digest(f"{document.id}:{piece.chunk.start}:{piece.chunk.end}:{piece.text}"),
                start=piece.chunk.start,
                end=piece.chunk.end,
                page=piece.chunk.page,
                heading=piece.chunk.heading,
                language=language(piece.text),
                text=piece.text,
                key=piece.key,
                terms=" ".join(search_terms(piece.embed)),
                vector=np.asarray(vectors[piece.key], np.float32),
            )
            for piece in pending.pieces
        ]

    def _remove(self, paths: Sequence[Path], found: Scan, known: dict[str, Seen]) -> None:
        """Forget the documents whose files are gone, under the given roots only; and remember the roots."""
        there = {str(path) for path in found.files}
        given = {str(failure.path) for failure in found.failed}
        gone = [
            seen.id
            for path, seen in known.items()
            if path not in there and (found.covers(Path(path)) or path in given) and not Path(path).exists()
        ]
        removed = {path for path, seen in known.items() if seen.id in set(gone)}
        self._failed = [failure for failure in self._failed if str(failure.path) not in removed]
        roots = [str(f) for f in found.folders] + [str(f) for f in found.files if not found.covers(f)]
        with self._store.write() as db:
            for id in gone:
                store.remove(db, id)
            db.executemany("INSERT OR IGNORE INTO roots VALUES (?)", [(root,) for root in roots])
        self._report = replace(self._report, removed=len(gone))
        self._tell("save", None)

    def _written(self, pending: _Pending) -> None:
        self._done += 1
        report = self._report
        self._report = replace(
            report,
            added=report.added + (not pending.known),
            replaced=report.replaced + pending.known,
            passages=report.passages + len(pending.pieces),
        )
        self._tell("save", Path(pending.document.path))

    def _fail(self, path: Path, reason: str, known: Seen | None = None) -> None:
        if known:
            reason += " What was indexed of it before is kept."
        self._failed.append(Failure(path, reason))

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _scanned(self, done: int, total: int) -> None:
        self._check()
        self._tell("read", self._path, (done, total))

    def _tell(self, stage: Stage, path: Path | None, scanned: tuple[int, int] = (0, 0)) -> None:
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(Progress(self._done, self._total, path, self._report.embedded, seconds, stage, scanned))

    def _finished(self) -> IndexReport:
        return replace(self._report, failed=tuple(self._failed), seconds=time.monotonic() - self._began)


def document_id(path: str) -> str:
    """The id of the document at an absolute path."""
    return _digest(path)


def _document(path: str, loaded: Loaded, stat: os.stat_result | None, digest: str) -> NewDocument:
    return NewDocument(
        id=document_id(path),
        path=path,
        title=" ".join(loaded.title.split())[:200],
        type=loaded.type,
        language=language(loaded.text[:20_000]),
        text=loaded.text,
        pages=loaded.pages,
        bytes=stat.st_size if stat else len(loaded.text.encode("utf-8", "replace")),
        modified=stat.st_mtime_ns if stat else 0,
        sha256=digest,
        indexed_at=time.time(),
    )


def _batches(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        if batch and size + piece.chunk.tokens > BATCH_TOKENS:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += piece.chunk.tokens
    if batch:
        yield batch


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
