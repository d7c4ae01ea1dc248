"""The library: documents in, passages out."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from tools.base import Passage, ToolError
from tools.library import access, listing, matching, search, sources, store
from tools.library.embed import Embedder, TokenEmbedder
from tools.library.forms import meant
from tools.library.keeping import Keeping, added
from tools.library.load import LoadError
from tools.library.loaders import Loader
from tools.library.read import Order
from tools.library.records import (
    DEFAULT,
    EVERYTHING,
    Context,
    Document,
    IndexReport,
    LibraryStatus,
    OnChange,
    OnProgress,
    Scope,
    Text,
)
from tools.library.search import ALL, Shares
from tools.library.section import widened
from tools.library.words import search_terms
from tools.library.worker import Worker
from tools.web.egress import Egress


class Library(Keeping):
    """Documents on this machine, searchable by meaning and by words. All methods may be called from any thread.

    Every method raises `ToolError("library_broken")` when the index cannot be read; its `detail` is one line that says
    what is wrong and what to do.
    """

    @classmethod
    def open(cls, folder: Path, embedder: Embedder, *, egress: Egress | None = None) -> Library:
        """The library in `folder`. Nothing is read or made yet: the first `index` makes the folder."""
        return cls(folder, embedder, egress=egress)

    def close(self) -> None:
        """Let go of the files. The library may be used again afterwards."""
        with self._lock:
            self._store.close()

    def index(
        self,
        paths: Sequence[Path | str],
        *,
        collection: str = DEFAULT,
        owner: str | None = None,
        every: float | None = None,
        progress: OnProgress | None = None,
        changed: OnChange | None = None,
        stop: threading.Event | None = None,
        rebuild: bool = False,
        loader: Loader | None = None,
    ) -> IndexReport:
        """Bring a collection up to date with files, folders and web pages; searching goes on meanwhile.

        A text that begins with `http://` or `https://` is the address of a page, anything else a path. Unchanged files
        are skipped, changed ones replaced, and those gone from the given folders removed. What cannot be read is
        reported, kept in `failures`, and does not stop the run. After `stop` is set, or after a crash, running it again
        goes on where it ended. The collection is made when there is none of that name. `owner` is written to what is
        read; None leaves it as it was. `every` (seconds) has a `Watcher` read the given pages again at that interval.
        `rebuild` first embeds all stored documents of all collections anew, which another embedder asks for; it needs
        none of the files. A `loader` is called with each of `paths` as it is given, and nothing is removed then.

        Raises `ToolError("library_busy")` when another process has been writing for half a minute.
        """
        order = Order(collection=collection, owner=owner, every=every)
        with self._writing:
            report = IndexReport()
            with self._writer(any_embedder=rebuild) as writer:
                if rebuild:
                    report = self._run(writer, Order(), progress, None, stop).rebuild()
                if paths and not report.stopped:
                    run = self._run(writer, order, progress, changed, stop)
                    report = added(report, run.index(paths) if loader is None else run.load(paths, loader))
            if not (rebuild and report.stopped):
                self._save_vectors()
        return report

    def index_texts(
        self,
        texts: Iterable[Text],
        *,
        collection: str = DEFAULT,
        progress: OnProgress | None = None,
        stop: threading.Event | None = None,
    ) -> IndexReport:
        """Add texts that stand in no file, each in place of the one of its id; nothing is removed."""
        with self._writing:
            with self._writer() as writer:
                report = self._run(writer, Order(collection=collection), progress, None, stop).texts(texts)
            self._save_vectors()
        return report

    def search(self, query: str, *, k: int = 8, scope: Scope = EVERYTHING, shares: Shares = ALL) -> list[Passage]:
        """The best `k` passages for `query` that `scope` permits, best first; none for an empty query.

        `shares` is for measuring what each stage brings.

        Raises `ToolError("library_empty")` when nothing is indexed.
        """
        query = query.encode("utf-8", "replace").decode()
        if not query.strip() or k < 1:
            return []
        with self._store.read() as db:
            if db is None or db.execute("SELECT 1 FROM passages LIMIT 1").fetchone() is None:
                raise ToolError("library_empty", "Nothing is indexed yet: run `kotae index` with a file or folder.")
        vector = self.embedder.query(query)
        tokens = self.embedder.query_tokens(query) if isinstance(self.embedder, TokenEmbedder) else None
        with self._lock, self._store.read() as db:
            if db is None:
                return []
            index = self._refresh()
            allowed = self._permissions.of(db, scope, index.state)
            return search.retrieve(db, index, query, vector, tokens, k, scope, allowed, shares)

    def sections(self, passages: Sequence[Passage], tokens: int, scope: Scope = EVERYTHING) -> list[Passage]:
        """What `search` found, each with up to `tokens` of the section around it; see `section.widened`."""
        with self._store.read(any_embedder=True) as db:
            return list(passages) if db is None else widened(db, passages, tokens, self.embedder.count, scope)

    def unmentioned(self, words: Sequence[str], scope: Scope = EVERYTHING) -> list[str]:
        """Those of `words` that no permitted passage holds in any of their forms, in the order given."""
        with self._store.read() as db:
            if db is None:
                return list(words)
            asked = [(word, [own, *map(str.split, meant(word))]) for word in words if (own := search_terms(word))]
            return [word for word, forms in asked if not any(matching.holds(db, form, scope) for form in forms)]

    def context(self, passage_id: str, scope: Scope = EVERYTHING, *, around: int = 700) -> Context | None:
        """A passage with up to `around` characters of its document before and after.

        None when it has gone, or when `scope` does not permit it: the two cannot be told apart.
        """
        allowed, values = access.condition(scope)
        with self._store.read(any_embedder=True) as db:
            row = (
                db
                and db.execute(
                    "SELECT p.start, p.end, p.page, p.heading, d.id, d.title, d.path, d.type, "
                    "substr(d.text, max(0, p.start - :around) + 1, p.end + :around - max(0, p.start - :around)) "
                    f"FROM passages p JOIN documents d ON d.id = p.document WHERE p.id = :id AND {allowed}",
                    values | {"around": around, "id": passage_id},
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

    def page_image(
        self,
        document_id: str,
        page: int,
        highlight: str | None = None,
        scale: float = 1.6,
        scope: Scope = EVERYTHING,
    ) -> bytes | None:
        """A page of a PDF as PNG with `highlight` marked where it stands, `scale` in pixels a point.

        None when `scope` does not permit the document, it is no PDF, has no such page, or is no file of this machine
        that can still be read.
        """
        document = self.document(document_id, scope)
        if document is None or (document.type, document.source) != ("pdf", "file"):
            return None
        path = Path(document.path)
        if not path.is_file():
            return None
        try:
            with Worker(self._limits) as worker:
                return worker.page(path, page, highlight, scale)
        except LoadError:
            return None

    def documents(self, scope: Scope = EVERYTHING) -> list[Document]:
        """The permitted documents, by path."""
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else listing.documents(db, scope)

    def document(self, document_id: str, scope: Scope = EVERYTHING) -> Document | None:
        """One document; None when there is none of that id that `scope` permits."""
        with self._store.read(any_embedder=True) as db:
            return next(iter(listing.documents(db, scope, document_id)), None) if db is not None else None

    def passages(
        self, document_id: str, scope: Scope = EVERYTHING, *, first: int = 0, count: int | None = None
    ) -> list[Passage]:
        """`count` passages of one document in reading order, from number `first` (from 0); all when None.

        None at all when there is no document of that id that `scope` permits.
        """
        with self._store.read(any_embedder=True) as db:
            return [] if db is None else listing.passages(db, document_id, scope, first, -1 if count is None else count)

    def remove(self, document_id: str, scope: Scope = EVERYTHING) -> bool:
        """Forget a document; its file stays. False when there is none of that id that `scope` permits.

        A `Watcher` passes the file over from now on; indexing its folder or the file itself brings it back.
        """
        if self.document(document_id, scope) is None:
            return False
        with self._change() as db:
            sources.forget(db, document_id)
            return store.remove(db, document_id)

    def reread(
        self, document_id: str, *, progress: OnProgress | None = None, stop: threading.Event | None = None
    ) -> IndexReport:
        """Read one document again from its file or page, even if it is unchanged.

        Raises `ToolError("library_unknown")` when there is none of that id, or when it came from an archive.
        """
        document = self.document(document_id)
        if document is None or document.source == "import":
            raise ToolError("library_unknown", "There is no such document that could be read again: index its file.")
        order = Order(collection=document.collection, anew=True, roots=False)
        return self._ordered(order, [document.path], progress, None, stop)

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
