"""The owner's side of the library: collections, what failed, what is kept current."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tools.base import Consent, ToolError
from tools.library import access, sources, store, vectors
from tools.library import collection as collections
from tools.library.embed import Embedder
from tools.library.intake import Intake
from tools.library.load import Limits
from tools.library.read import Order
from tools.library.records import (
    DEFAULT,
    EVERYTHING,
    Collection,
    Failure,
    IndexReport,
    OnChange,
    OnProgress,
    Problem,
    Scope,
    Source,
    Transfer,
)
from tools.library.store import Store
from tools.library.vectors import VectorIndex
from tools.web.egress import Egress


class Keeping:
    """What `Library` has for its owner, and how anything is written. Use `Library`."""

    def __init__(
        self, folder: Path, embedder: Embedder, limits: Limits | None = None, egress: Egress | None = None
    ) -> None:
        """`egress` fetches web pages; without one it is made as its defaults say."""
        self.folder = folder
        self._egress = egress or Egress()
        self._permissions = access.Permissions()
        self.embedder = embedder
        self._limits = limits or Limits()
        self._store = Store(folder, embedder.name)
        self._vectors = VectorIndex(embedder.dimension)
        self._file: tuple[int, int] | None = None
        self._lock = threading.RLock()
        self._writing = threading.Lock()

    def failures(self, scope: Scope = EVERYTHING) -> list[Failure]:
        """What could not be read, or not as a whole, by path.

        An entry goes when its file is read as a whole or has gone, or by `dismiss`. Of `scope` the collections
        alone count: what was never read has neither type nor owner.
        """
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else sources.failures(db, scope.collections)

    def retry(
        self,
        paths: Sequence[Path | str] | None = None,
        *,
        collection: str | None = None,
        progress: OnProgress | None = None,
        changed: OnChange | None = None,
        stop: threading.Event | None = None,
    ) -> IndexReport:
        """Index again what failed: these paths, or all; of one collection, or of all."""
        report = IndexReport()
        for name, failed in self._failing(paths, collection).items():
            order = Order(collection=name, roots=False)
            report = added(report, self._ordered(order, failed, progress, changed, stop))
            if report.stopped:
                break
        return report

    def follow(
        self,
        paths: Sequence[Path | str],
        collection: str,
        *,
        changed: OnChange | None = None,
        stop: threading.Event | None = None,
    ) -> IndexReport:
        """Bring roots up to date as a `Watcher` does: what failed or was removed by hand is left until it changes.

        Raises `ToolError("library_unknown")` when the collection is no longer there.
        """
        order = Order(collection=collection, roots=False, patient=True)
        return self._ordered(order, paths, None, changed, stop)

    def dismiss(self, paths: Sequence[Path | str], *, collection: str | None = None) -> int:
        """Take failures off the list and return how many there were; they return when they fail again."""
        with self._change(passages=False) as db:
            return sum(
                sources.forgive(db, collections.number(db, name), failed)
                for name, failed in self._failing(paths, collection).items()
            )

    def collections(self) -> list[Collection]:
        """All collections, by name."""
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else collections.collections(db)

    def set_web(self, name: str, web: Consent) -> None:
        """Say whether questions whose answer may be in a collection may go to a web search. Raises
        `ToolError("library_unknown")`."""
        with self._change(passages=False) as db:
            collections.consent(db, name, web)

    def consents(self, names: frozenset[str] | None = None) -> list[Consent]:
        """What holds for each of the named collections, for each of all of them when None; empty where nothing is."""
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else collections.consents(db, names)

    def create_collection(self, name: str) -> None:
        """Make an empty collection. Raises `ToolError("library_name")` when the name is taken or cannot be used."""
        with self._change(passages=False) as db:
            collections.create(db, name)

    def rename_collection(self, name: str, new: str) -> None:
        """Rename a collection; ids stay. Raises `ToolError`: `library_unknown`, or `library_name` (taken, unusable, or
        the default collection, which keeps its name)."""
        with self._change() as db:
            collections.rename(db, name, new)

    def delete_collection(self, name: str) -> int:
        """Delete a collection with its documents, whose files stay, and return how many there were. The default
        collection is emptied. Raises `ToolError("library_unknown")`."""
        with self._change() as db:
            return collections.delete(db, name)

    def move(self, document_ids: Sequence[str], collection: str) -> int:
        """Move documents to another collection and return how many moved; ids of documents and passages stay.

        Raises `ToolError`: `library_unknown` for a missing document or collection, `library_name` when the collection
        already holds a document of that path. Then nothing has moved.
        """
        with self._change() as db:
            return collections.move(db, document_ids, collection)

    def sources(self) -> list[Source]:
        """The files, folders and pages that were given to `index`, by path."""
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else sources.sources(db)

    def watched(self) -> list[Source]:
        """Those of `sources` that a `Watcher` keeps current."""
        return [source for source in self.sources() if source.watched]

    def watch(self, paths: Sequence[Path | str], *, collection: str = DEFAULT, every: float | None = None) -> None:
        """Mark folders, files and pages as watched; a running `Watcher` takes them up within seconds.

        `every` (seconds, at least 60, a day if not given) is for pages. Raises `ToolError("library_name")` when the
        collection's name cannot be used.
        """
        with self._change(passages=False) as db:
            sources.watch(db, collections.create(db, collection, anew=False), paths, every)

    def unwatch(self, paths: Sequence[Path | str], *, collection: str | None = None) -> int:
        """Watch them no longer and return how many were; what is indexed stays."""
        with self._change(passages=False) as db:
            return sources.unwatch(db, paths, None if collection is None else collections.number(db, collection))

    def remove_source(self, path: Path | str, *, collection: str = DEFAULT) -> int:
        """Forget a file, folder or page that was given to `index`, with its documents that no other source keeps.

        Returns how many documents there were; their files stay. Raises `ToolError("library_unknown")` when there is
        no such source or collection.
        """
        with self._change() as db:
            ids = sources.drop(db, collections.number(db, collection), sources.located(path))
            if ids is None:
                raise ToolError("library_unknown", f"{path} is no source of the collection {collection!r}.")
            return sum(store.remove(db, id) for id in ids)

    def verify(self) -> list[Problem]:
        """Everything that is wrong with the files of the library; empty when all is well. Reads all of it."""
        from tools.library.verify import verify

        reader = Store(self.folder, self.embedder.name)
        try:
            with reader.read(any_embedder=True) as db:
                if db is None:
                    return []
                return verify(db, self.folder, self.embedder.name, self.embedder.dimension)
        finally:
            reader.close()

    def export(self, file: Path, scope: Scope = EVERYTHING) -> Transfer:
        """Write the permitted documents with their passages and vectors into one file, in place of what stood there.

        The format is described in `archive`. Raises `ToolError("library_archive")` when the file cannot be written.
        """
        from tools.library import archive

        reader = Store(self.folder, self.embedder.name)
        try:
            with reader.read() as db:
                if db is None:
                    raise ToolError("library_empty", "There is nothing to export yet: run `kotae index` first.")
                try:
                    made = archive.write(db, file, scope, self.embedder.name, self.embedder.dimension)
                    size = file.stat().st_size
                except OSError as error:
                    detail = f"{file} cannot be written ({error.strerror}): choose another place."
                    raise ToolError("library_archive", detail) from error
        finally:
            reader.close()
        return Transfer(tuple(made.collections), made.documents, made.passages, 0, size)

    def import_(
        self,
        file: Path,
        *,
        collection: str | None = None,
        progress: OnProgress | None = None,
        stop: threading.Event | None = None,
    ) -> Transfer | None:
        """Take in an exported file, all or nothing: into one collection, or into those that it names.

        A document takes the place of the one under the same path. With the same embedder nothing is embedded. None when
        it was stopped. Raises `ToolError("library_archive")` with what is wrong with the file.
        """
        from tools.library.unpack import Archive

        try:
            with file.open("rb") as source, self._writing:
                archive = Archive(source)
                archive.check()
                with self._writer() as writer:
                    report = self._run(writer, Order(), progress, None, stop).take(archive, collection)
                if report.stopped:
                    return None
                self._save_vectors()
        except OSError as error:
            detail = f"{file} cannot be read ({error.strerror}): check the path."
            raise ToolError("library_archive", detail) from error
        made = archive.manifest
        names = tuple(made.collections) if collection is None else (collection,)
        return Transfer(names, made.documents, report.passages, report.embedded, file.stat().st_size)

    def _run(
        self,
        writer: Store,
        order: Order,
        progress: OnProgress | None,
        changed: OnChange | None,
        stop: threading.Event | None,
    ) -> Intake:
        order = replace(order, egress=self._egress)
        return Intake(writer, self.embedder, order, progress=progress, changed=changed, stop=stop, limits=self._limits)

    def _ordered(
        self,
        order: Order,
        paths: Sequence[Path | str],
        progress: OnProgress | None,
        changed: OnChange | None,
        stop: threading.Event | None,
    ) -> IndexReport:
        """One run, and the vectors' file brought up to date."""
        with self._writing:
            with self._writer() as writer:
                report = self._run(writer, order, progress, changed, stop).index(paths)
            self._save_vectors()
        return report

    def _failing(self, paths: Sequence[Path | str] | None, collection: str | None) -> dict[str, list[str]]:
        """What failed, by collection: these paths, or all."""
        wanted = None if paths is None else {sources.located(path) for path in paths}
        found: dict[str, list[str]] = {}
        for failure in self.failures(EVERYTHING if collection is None else Scope.of(collection)):
            if wanted is None or failure.path in wanted:
                found.setdefault(failure.collection, []).append(failure.path)
        return found

    @contextlib.contextmanager
    def _writer(self, *, any_embedder: bool = False) -> Iterator[Store]:
        """A connection of its own, so that searching goes on meanwhile."""
        writer = Store(self.folder, self.embedder.name)
        try:
            writer.create(any_embedder=any_embedder)
            yield writer
        finally:
            writer.close()

    @contextlib.contextmanager
    def _change(self, *, passages: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction; `passages` as in `Store.write`."""
        with self._writer(any_embedder=True) as writer, writer.write(passages=passages) as db:
            yield db

    def _save_vectors(self) -> None:
        """Write the vectors' file unless it is what the store is."""
        file = self.folder / vectors.FILE
        with self._lock, self._store.read() as db:
            if db is not None and vectors.saved_state(file) != store.state(db):
                self._refresh().save(file)

    def _refresh(self) -> VectorIndex:
        """The vectors as the store has them now; called with the lock held and inside a read."""
        with self._store.read() as db:
            assert db is not None
            file = self._store.file
            if file != self._file:  # another database: its numbers mean other passages
                self._vectors, self._file = VectorIndex(self.embedder.dimension), file
            self._vectors.refresh(db, self.folder / vectors.FILE)
            return self._vectors


def added(a: IndexReport, b: IndexReport) -> IndexReport:
    """What two runs did together; what is unchanged after both is what the second one says."""
    return IndexReport(
        added=a.added + b.added,
        replaced=a.replaced + b.replaced,
        unchanged=b.unchanged,
        removed=a.removed + b.removed,
        failed=a.failed + b.failed,
        passages=a.passages + b.passages,
        seconds=a.seconds + b.seconds,
        embedded=a.embedded + b.embedded,
        stopped=a.stopped or b.stopped,
    )
