"""A run of indexing: read what changed, cut, embed across documents, write each document in one transaction."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.base import ToolError
from tools.library import chunk, collection, listing, sources, store
from tools.library.embed import BATCH_TOKENS, Embedder, Reading, headed, read
from tools.library.load import Limits
from tools.library.outcome import Outcome, Scanned
from tools.library.read import Order, Reader, digest
from tools.library.records import IndexReport, OnChange, OnProgress, Progress, Stage
from tools.library.scan import scan
from tools.library.sources import Page
from tools.library.store import NewDocument, NewPassage, Store
from tools.library.tokens import language
from tools.library.words import search_terms
from tools.library.worker import Worker

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class _Piece:
    """A passage that waits for its vector. `embed` is what is embedded: title and headings, then the text."""

    chunk: chunk.Chunk
    text: str
    embed: str
    key: str


@dataclass(frozen=True)
class Pending:
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
        order: Order | None = None,
        *,
        progress: OnProgress | None = None,
        changed: OnChange | None = None,
        stop: threading.Event | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._order = order or Order()
        self._progress = progress
        self._changed = changed
        self._stop = stop or threading.Event()
        self._limits = limits or Limits()
        self._began = time.monotonic()
        self._report = IndexReport()
        self._outcome = Outcome()
        self._own = collection.FIRST
        self._done = self._total = 0
        self._pending: list[Pending] = []
        self._path = ""

    def index(self, paths: Sequence[Path | str]) -> IndexReport:
        """Bring the collection up to date with files, folders and pages. See `Library.index`."""
        self._tell("scan", "")
        self._own = self._collection()
        with self._store.read() as db:
            assert db is not None
            known = listing.seen(db, self._own)
            pages = sources.pages(db, self._own)
            self._outcome = Outcome(self._order.collection, sources.failed(db, self._own), self._changed)
            ignored = sources.ignored(db, self._own)
        urls = self._addresses(paths)
        found = scan([Path(path) for path in paths if not sources.is_url(path)], self._stop.is_set)
        for failure in found.failed:
            self._outcome.fail(failure.path, failure.reason)
        given = {os.path.abspath(Path(path).expanduser()) for path in paths if not sources.is_url(path)}
        passed = {path for path, moved in ignored.items() if (moved or self._order.patient) and path not in given}
        files = [path for path in found.files if str(path) not in passed]
        self._total = len(files) + len(urls)
        try:
            with Worker(self._limits, self._scanned) as worker:
                reader = Reader(self._store, self._order, self._own, self._outcome, self._limits, worker)
                for path in files:
                    self._check()
                    self._tell("read", str(path))
                    self._take(reader.file(path, known.get(str(path))), str(path) in known)
                for url in urls:
                    self._check()
                    self._tell("read", url)
                    self._take(reader.page(url, pages.get(url, Page()), known.get(url)), url in known)
            self._flush()
            self._check()
            self._finish(Scanned(found, given, tuple(urls), known, frozenset(ignored) - passed))
        except Stopped:
            self._report = replace(self._report, stopped=True)
            self._keep_failures()
        except (ToolError, OSError) as error:
            if getattr(error, "reason", "") != "library_full" and getattr(error, "errno", None) != errno.ENOSPC:
                raise
            self._outcome.fail(str(self._store.path), store.FULL, remember=False)
            self._report = replace(self._report, stopped=True)
        return self._finished()

    def rebuild(self) -> IndexReport:
        """Cut and embed every stored document anew, from its stored text, in one transaction: all or nothing."""
        with self._store.read(any_embedder=True) as db:
            rows = [] if db is None else db.execute("SELECT id FROM documents WHERE NOT gone ORDER BY path").fetchall()
        self._total = len(rows)
        try:
            with self._store.write() as db:
                db.execute("UPDATE meta SET value = ? WHERE key = 'embedder'", (self._embedder.name,))
                for id in rows:
                    row = db.execute("SELECT * FROM documents WHERE id = ?", id).fetchone()
                    if row is None:
                        continue
                    old = NewDocument(*row)
                    old = replace(old, pages=tuple(json.loads(row[-2])))
                    pending = Pending(old, self._cut(old), True)
                    fresh = self._embed(list(pending.pieces), old.path)
                    store.replace(db, old, self._passages(pending, fresh))
                    self._written(pending, tell=False)
        except Stopped:
            self._report = IndexReport(stopped=True)
        return self._finished()

    def _collection(self) -> int:
        """The number of the collection, which is made when there is none of its name."""
        with self._store.read() as db:
            assert db is not None
            try:
                return collection.number(db, self._order.collection)
            except ToolError as error:
                if error.reason != "library_unknown" or not self._order.roots:
                    raise
        with self._store.write(passages=False) as db:
            return collection.create(db, self._order.collection, anew=False)

    def _addresses(self, paths: Sequence[Path | str]) -> list[str]:
        from tools.web.addresses import EgressError

        urls: dict[str, None] = {}
        for path in paths:
            if sources.is_url(path):
                try:
                    urls[sources.located(path)] = None
                except EgressError as error:
                    self._outcome.fail(str(path), str(error), remember=False)
        return list(urls)

    def _take(self, document: NewDocument | None, known: bool) -> None:
        """Put a document that was read into the batch at hand; with None there is nothing to do."""
        pieces = () if document is None else self._cut(document)
        if document is not None and not pieces:
            reason = "No text was found: the file holds headings or marks, but no sentence."
            self._outcome.fail(document.path, reason, (document.bytes, document.modified), kept=known)
        if document is None or not pieces:
            self._done += 1
            return
        self._pending.append(Pending(document, pieces, known))
        if sum(piece.chunk.tokens for p in self._pending for piece in p.pieces) >= BATCH_TOKENS:
            self._flush()

    def _cut(self, document: NewDocument) -> tuple[_Piece, ...]:
        parts = chunk.cut(document.text, document.type, self._embedder.count, pages=document.pages)
        return tuple(piece_of(document, part) for part in parts)

    def _flush(self) -> None:
        """Embed and write what is pending, in one transaction. Small documents share batches, so the engine is full."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        pieces = {piece.key: piece for p in pending for piece in p.pieces}
        with self._store.read() as db:
            readings = dict(store.embedded(db, list(pieces))) if db is not None else {}
        missing = [piece for key, piece in pieces.items() if key not in readings]
        readings |= self._embed(missing, pending[-1].document.path)
        self._check()
        rows = [(one.document, self._passages(one, readings)) for one in pending]
        with self._write() as db:
            for document, passages in rows:
                store.replace(db, document, passages)
            sources.forgive(db, self._own, [document.path for document, _ in rows])
        for one in pending:
            self._written(one)

    @contextlib.contextmanager
    def _write(self, *, passages: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction in which the collection is still there."""
        with self._store.write(passages=passages) as db:
            if db.execute("SELECT 1 FROM collections WHERE number = ?", (self._own,)).fetchone() is None:
                name = self._order.collection
                raise ToolError("library_unknown", f"The collection {name!r} was deleted while it was indexed.")
            yield db

    def _embed(self, pieces: list[_Piece], path: str) -> dict[str, Reading]:
        readings: dict[str, Reading] = {}
        for batch in _batches(pieces):
            self._check()
            for piece, reading in zip(batch, read(self._embedder, [p.embed for p in batch]), strict=True):
                readings[piece.key] = reading
            self._report = replace(self._report, embedded=self._report.embedded + len(batch))
            self._tell("embed", path)
        return readings

    def _passages(self, pending: Pending, readings: dict[str, Reading]) -> list[NewPassage]:
        document = pending.document
        return [
            NewPassage(
                id=digest(f"{document.id}:{piece.chunk.start}:{piece.chunk.end}:{piece.text}"),
                start=piece.chunk.start,
                end=piece.chunk.end,
                page=piece.chunk.page,
                heading=piece.chunk.heading,
                language=language(piece.text),
                text=piece.text,
                key=piece.key,
                terms=" ".join(search_terms(piece.embed)),
                vector=np.asarray(readings[piece.key].vector, np.float32),
                tokens=readings[piece.key].tokens,
            )
            for piece in pending.pieces
        ]

    def _finish(self, scanned: Scanned) -> None:
        """Forget the documents whose files are gone, under the given roots only; note roots, failures and pages."""
        self._outcome.settle(scanned)
        with self._write(passages=self._outcome.changes_passages) as db:
            self._outcome.write(db, self._own)
            if self._order.roots:
                sources.remember(db, self._own, scanned.roots, self._order.every)
            sources.checked(db, self._own, scanned.roots)
            for url, page in self._outcome.pages.items():
                sources.read_page(db, self._own, url, page)
        self._report = replace(self._report, removed=len(self._outcome.removed) + len(self._outcome.gone))
        self._outcome.tell()
        self._tell("save", "")

    def _keep_failures(self) -> None:
        with contextlib.suppress(ToolError), self._write(passages=False) as db:
            self._outcome.write_failures(db, self._own)
        self._outcome.tell()

    def _written(self, pending: Pending, *, tell: bool = True) -> None:
        self._done += 1
        report = self._report
        self._report = replace(
            report,
            added=report.added + (not pending.known),
            replaced=report.replaced + pending.known,
            passages=report.passages + len(pending.pieces),
        )
        self._tell("save", pending.document.path)
        if tell:
            self._outcome.change("replaced" if pending.known else "added", pending.document.path, written=True)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _scanned(self, done: int, total: int) -> None:
        self._check()
        self._tell("read", self._path, (done, total))

    def _tell(self, stage: Stage, path: str, scanned: tuple[int, int] = (0, 0)) -> None:
        self._path = path
        if self._progress is not None:
            seconds = time.monotonic() - self._began
            self._progress(Progress(self._done, self._total, path, self._report.embedded, seconds, stage, scanned))

    def _finished(self) -> IndexReport:
        return replace(
            self._report,
            unchanged=self._outcome.unchanged,
            failed=self._outcome.failures(),
            seconds=time.monotonic() - self._began,
        )


def piece_of(document: NewDocument, part: chunk.Chunk) -> _Piece:
    text = document.text[part.start : part.end]
    embed = headed(document.title, part.heading, text)
    return _Piece(part, text, embed, digest(embed))


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
