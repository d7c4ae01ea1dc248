"""The library: documents in, passages out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path

from tools.base import Passage, ToolError
from tools.library import search, store, vectors
from tools.library.embed import Embedder
from tools.library.given import LoaderRun
from tools.library.index import Run
from tools.library.load import Limits, LoadError
from tools.library.loaders import Loader
from tools.library.records import Context, Document, IndexReport, LibraryStatus, OnProgress
from tools.library.store import Store
from tools.library.tokens import search_terms
from tools.library.vectors import VectorIndex
from tools.library.worker import Worker


class Library:
    """Documents on this machine, searchable by meaning and by words. All methods may be called from any thread.

    Every method raises `ToolError("library_broken")` when the index cannot be read; its `detail` is one line that says
    what is wrong and what to do.
    """

    def __init__(self, folder: Path, embedder: Embedder, limits: Limits | None = None) -> None:
        self.folder = folder
        self.embedder = embedder
        self._limits = limits or Limits()
        self._store = Store(folder, embedder.name)
        self._vectors = VectorIndex(embedder.dimension)
        self._file: tuple[int, int] | None = None
        self._lock = threading.RLock()
        self._writing = threading.Lock()

    @classmethod
    def open(cls, folder: Path, embedder: Embedder) -> Library:
        """The library in `folder`. Nothing is read or made yet: the first `index` makes the folder."""
        return cls(folder, embedder)

    def close(self) -> None:
        """Let go of the files. The library may be used again afterwards."""
        with self._lock:
            self._store.close()

    def index(
        self,
        paths: Sequence[Path | str],
        *,
        progress: OnProgress | None = None,
        stop: threading.Event | None = None,
        rebuild: bool = False,
        loader: Loader | None = None,
    ) -> IndexReport:
        """Bring the library up to date with files and folders; searching goes on meanwhile.

        Unchanged files are skipped, changed ones replaced, and those gone from the given folders removed. A file that
        cannot be read is reported and does not stop the run. After `stop` is set, or after a crash, running it again
        goes on where it ended. `rebuild` first embeds all stored documents anew, which another embedder asks for; it
        needs none of the files. A `loader` is called with each of `paths` as it is given, which may then be an address
        too, and nothing is removed.
        """
        with self._writing:
            writer = Store(self.folder, self.embedder.name)
            try:
                writer.create(any_embedder=rebuild)
                report = IndexReport()
                if rebuild:
                    report = self._run(writer, progress, stop).rebuild()
                if paths and not report.stopped:
                    given = list(map(str, paths))
                    if loader is None:
                        done = self._run(writer, progress, stop).index(list(map(Path, given)))
                    else:
                        run = LoaderRun(writer, self.embedder, progress=progress, stop=stop, limits=self._limits)
                        done = run.load(given, loader)
                    report = _sum(report, done)
            finally:
                writer.close()
            if not (rebuild and report.stopped):
                with self._lock, self._store.read():
                    self._refresh().save(self.folder / vectors.FILE)
            return report

    def search(self, query: str, *, k: int = 8) -> list[Passage]:
        """The best `k` passages for `query`, best first; none for an empty query.

        Raises `ToolError("library_empty")` when nothing is indexed.
        """
        query = query.encode("utf-8", "replace").decode()
        if not query.strip() or k < 1:
            return []
        with self._store.read() as db:
            if db is None or db.execute("SELECT 1 FROM passages LIMIT 1").fetchone() is None:
                raise ToolError("library_empty", "Nothing is indexed yet: run `kotae index` with a file or folder.")
        vector = self.embedder.query(query)
        with self._lock, self._store.read() as db:
            if db is None:
                return []
            return search.retrieve(db, self._refresh(), query, vector, k)

    def unmentioned(self, words: Sequence[str]) -> list[str]:
        """Those of `words` that no passage holds, in the order given."""
        with self._store.read() as db:
            if db is None:
                return list(words)
            return [word for word in words if (own := search_terms(word)) and not store.holds(db, own)]

    def context(self, passage_id: str, *, around: int = 700) -> Context | None:
        """A passage with up to `around` characters of its document before and after; None when it has gone."""
        with self._store.read(any_embedder=True) as db:
            row = (
                db
                and db.execute(
                    "SELECT p.start, p.end, p.page, p.heading, d.id, d.title, d.path, d.type, "
                    "substr(d.text, max(0, p.start - ?1) + 1, p.end + ?1 - max(0, p.start - ?1)) "
                    "FROM passages p JOIN documents d ON d.id = p.document WHERE p.id = ?2",
                    (around, passage_id),
                ).fetchone()
            )
        if not row:
            return None
        start, end, page, heading, document, title, path, type, text = row
        left = start - max(0, start - around)
        return Context(
            before=text[:left],
            text=text[left : left + end - start],
            after=text[left + end - start :],
            title=title,
            path=path,
            document=document,
            type=type,
            page=page,
            heading=tuple(json.loads(heading)),
        )

    def page_image(self, document_id: str, page: int, highlight: str | None = None, scale: float = 1.6) -> bytes | None:
        """A page of a PDF as PNG with `highlight` marked where it stands, `scale` in pixels a point.

        None when the document is no PDF, has no such page, or its file has gone or can no longer be read.
        """
        with self._store.read(any_embedder=True) as db:
            row = (
                db and db.execute("SELECT path FROM documents WHERE id = ? AND type = 'pdf'", (document_id,)).fetchone()
            )
        if not row or not Path(row[0]).is_file():
            return None
        try:
            with Worker(self._limits) as worker:
                return worker.page(Path(row[0]), page, highlight, scale)
        except LoadError:
            return None

    def documents(self) -> list[Document]:
        """All documents, by path."""
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else store.documents(db)

    def remove(self, document_id: str) -> bool:
        """Forget a document; its file stays. False when there is none of that id."""
        with self._store.read(any_embedder=True) as db:
            if db is None or db.execute("SELECT 1 FROM documents WHERE id = ?", (document_id,)).fetchone() is None:
                return False
        writer = Store(self.folder, self.embedder.name)
        try:
            with writer.write() as db:
                return store.remove(db, document_id)
        finally:
            writer.close()

    def status(self) -> LibraryStatus:
        """How much there is. An index of another embedder is described, not refused: `embedder` names it."""
        with self._store.read(any_embedder=True) as db:
            if db is None:
                return LibraryStatus(0, 0, self.embedder.name, self.folder, 0, ())
            counts = [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("documents", "passages")]
            name = db.execute("SELECT value FROM meta WHERE key = 'embedder'").fetchone()[0]
            roots = tuple(row[0] for row in db.execute("SELECT path FROM roots ORDER BY path"))
        size = 0
        for file in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # the log comes and goes with the connections
                size += file.stat().st_size
        return LibraryStatus(counts[0], counts[1], name, self.folder, size, roots)

    def _run(self, writer: Store, progress: OnProgress | None, stop: threading.Event | None) -> Run:
        return Run(writer, self.embedder, progress=progress, stop=stop, limits=self._limits)

    def _refresh(self) -> VectorIndex:
        """The vectors as the store has them now; called with the lock held and inside a read."""
        with self._store.read() as db:
            assert db is not None
            file = self._store.file
            if file != self._file:  # another database: its numbers mean other passages
                self._vectors, self._file = VectorIndex(self.embedder.dimension), file
            self._vectors.refresh(db, self.folder / vectors.FILE)
            return self._vectors


class LibraryTool:
    """The library as a tool of the graph."""

    name = "library"

    def __init__(self, library: Library) -> None:
        self._library = library

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """See `Tool`."""
        return await asyncio.to_thread(self._library.search, query, k=k)


def _sum(a: IndexReport, b: IndexReport) -> IndexReport:
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
