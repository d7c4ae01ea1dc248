"""A run of indexing over what a LangChain loader gives, instead of over files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools.library import store
from tools.library.embed import BATCH_TOKENS
from tools.library.index import Run, Stopped, sha256
from tools.library.load import Loaded, LoadError
from tools.library.loaders import Loader
from tools.library.records import IndexReport
from tools.library.store import Seen


class LoaderRun(Run):
    """One run of a loader over a store. Use once, from one thread."""

    def load(self, given: Sequence[str], loader: Loader) -> IndexReport:
        """Add what a loader makes of each path or address. See `Library.index`."""
        self._total = len(given)
        with self._store.read() as db:
            known = store.seen(db) if db is not None else {}
        try:
            for one in given:
                self._check()
                self._tell("read", Path(one))
                try:
                    documents = loader.read(one, self._limits)
                except LoadError as error:
                    self._fail(Path(one), str(error))
                    continue
                for place, loaded in documents:
                    self._given(place, loaded, known.get(place))
            self._flush()
        except Stopped:
            self._report = replace(self._report, stopped=True)
        return self._finished()

    def _given(self, place: str, loaded: Loaded, known: Seen | None) -> None:
        """Take in a document of a loader; a file keeps its date, so that it counts as unchanged later."""
        with self._store.read() as db:
            row = db and db.execute("SELECT text FROM documents WHERE path = ?", (place,)).fetchone()
        if row and row[0] == loaded.text:
            self._report = replace(self._report, unchanged=self._report.unchanged + 1)
            return
        path = Path(place)
        if path.is_file():
            pending = self._prepared(path, loaded, path.stat(), sha256(path), known)
        else:
            pending = self._prepared(path, loaded, None, "", known, place=place)
        if pending is not None:
            self._pending.append(pending)
            if sum(piece.chunk.tokens for p in self._pending for piece in p.pieces) >= BATCH_TOKENS:
                self._flush()
