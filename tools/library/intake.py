"""Runs over what stands in no file of the library's own: texts, what a LangChain loader gives, an archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.library import chunk, collection, sources, store
from tools.library.index import Pending, Run, Stopped, piece_of
from tools.library.load import Loaded, LoadError
from tools.library.loaders import Loader
from tools.library.outcome import Outcome
from tools.library.read import from_text, given, new_id
from tools.library.records import IndexReport, Text
from tools.library.store import NewDocument

if TYPE_CHECKING:
    from tools.library.archive import DocumentRow
    from tools.library.unpack import Archive


class Intake(Run):
    """One such run over a store. Use once, from one thread."""

    def texts(self, texts: Iterable[Text]) -> IndexReport:
        """Index texts that stand in no file. See `Library.index_texts`."""
        self._own = self._collection()
        self._outcome = Outcome(self._order.collection, {}, self._changed)
        try:
            for text in texts:
                self._check()
                self._total += 1
                self._take(from_text(text, self._own, self._order), False)
            self._flush()
        except Stopped:
            self._report = replace(self._report, stopped=True)
        return self._finished()

    def load(self, paths: Sequence[Path | str], loader: Loader) -> IndexReport:
        """Index what a LangChain loader makes of each path or address. See `Library.index`."""
        self._own = self._collection()
        with self._store.read() as db:
            assert db is not None
            self._outcome = Outcome(self._order.collection, sources.failed(db, self._own), self._changed)
        self._total = len(paths)
        try:
            for path in map(str, paths):
                self._check()
                self._tell("read", path)
                try:
                    documents = loader.read(path, self._limits)
                except LoadError as error:
                    self._outcome.fail(path, str(error), remember=False)
                    continue
                for place, loaded in documents:
                    self._given(place, loaded)
            self._flush()
        except Stopped:
            self._report = replace(self._report, stopped=True)
        return self._finished()

    def _given(self, place: str, loaded: Loaded) -> None:
        """Take in a document of a loader, unless it is what the library has."""
        with self._store.read() as db:
            assert db is not None
            query = "SELECT id, text FROM documents WHERE collection = ? AND path = ?"
            known = db.execute(query, (self._own, place)).fetchone()
            id = known[0] if known else new_id(db, place, self._own)
        if known and known[1] == loaded.text:
            self._outcome.unchanged += 1
            return
        self._take(given(place, loaded, self._own, self._order, id), known is not None)

    def take(self, archive: Archive, into: str | None) -> IndexReport:
        """Take in an archive, in one transaction: all or nothing. See `Library.import_`."""
        manifest = archive.manifest
        fits = (manifest.embedder, manifest.dimension) == (self._embedder.name, self._embedder.dimension)
        self._total = manifest.documents
        names = [into] if into is not None else manifest.collections
        try:
            with self._store.write() as db:
                own = {name: collection.create(db, name, anew=False) for name in names}
                for entry in archive.entries():
                    self._check()
                    document = self._taken(db, entry.document, own[into or entry.document.collection])
                    if fits:
                        parts = [chunk.Chunk(p.start, p.end, tuple(p.heading), p.page, 0) for p in entry.passages]
                        # never taken for the vector of the same text elsewhere: a stranger made it
                        own_pieces = [piece_of(document, part) for part in parts]
                        pieces = [replace(piece, key=f"import:{piece.key}") for piece in own_pieces]
                        readings = {piece.key: reading for piece, reading in zip(pieces, entry.readings, strict=True)}
                    else:
                        pieces = list(self._cut(document))
                        readings = self._embed(pieces, document.path)
                    known = db.execute("SELECT 1 FROM documents WHERE id = ?", (document.id,)).fetchone() is not None
                    pending = Pending(document, tuple(pieces), known)
                    store.replace(db, document, self._passages(pending, readings))
                    sources.forgive(db, document.collection, [document.path])
                    self._written(pending, tell=False)
        except Stopped:
            self._report = IndexReport(stopped=True)
        return self._finished()

    def _taken(self, db: sqlite3.Connection, row: DocumentRow, own: int) -> NewDocument:
        """A document of an archive as one of this library."""
        known = db.execute("SELECT id FROM documents WHERE collection = ? AND path = ?", (own, row.path)).fetchone()
        id = known[0] if known else new_id(db, row.path, own)
        given = row.model_dump(exclude={"collection", "pages"})
        pages = tuple(row.pages)
        return NewDocument(id=id, collection=own, source="import", checked_at=0.0, gone=0, pages=pages, **given)
