"""What the library tells its callers: documents, surroundings, progress, and what a run of `index` did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.base import Consent

DocumentType = Literal[
    "markdown", "text", "html", "pdf", "word", "slides", "sheet", "epub", "mail", "json", "code", "image"
]
Stage = Literal["scan", "read", "embed", "save"]
SourceKind = Literal["file", "url", "import"]
"""Where a document is read from: a file of this machine, a web page, or an archive that another library wrote."""
DocumentState = Literal["indexed", "partial", "stale", "gone"]
"""`partial`: something of it could not be read, the rest is indexed. `stale`: the last try to read it failed, what was
indexed before is kept. `gone`: its page is no longer there, so its passages are not found any more; the document stays
listed until it is removed or its page comes back."""
ChangeKind = Literal["added", "replaced", "removed", "gone", "partial", "failed"]
"""`partial` is told besides `added` or `replaced`."""
WatchState = Literal["stopped", "starting", "watching", "reading", "elsewhere", "waiting"]
"""`elsewhere`: another process watches this library. `waiting`: something failed, it is tried again shortly."""

DEFAULT = "default"
"""The collection of documents that were given none. It is always there."""


@dataclass(frozen=True)
class Collection:
    """A named part of the library, which is what access is granted to. Every document belongs to exactly one."""

    name: str
    documents: int
    passages: int
    created_at: float
    """`time.time()` of its making."""
    web: Consent = "on"
    """Whether questions whose answer may be in it may go to a web search."""


@dataclass(frozen=True)
class Scope:
    """What the asker may read, and which part of that is wanted. `None` restricts nothing, an empty set allows nothing.

    `collections` is the access right: whoever answers somebody else than the owner of the library must name them.
    """

    collections: frozenset[str] | None = None
    types: frozenset[DocumentType] | None = None
    since: float | None = None
    """Documents changed at this time or later, as `time.time()` counts."""
    until: float | None = None
    """Documents changed before this time."""
    owners: frozenset[str] | None = None

    @classmethod
    def of(cls, *collections: str) -> Scope:
        """The scope of these collections; none of them, nothing."""
        return cls(frozenset(collections))


EVERYTHING = Scope()
"""All documents of all collections: for the owner's own tools."""


@dataclass(frozen=True)
class Document:
    """A file or web page that is in the library, as it was when it was indexed."""

    id: str
    """Made by the library from collection and path, so it survives re-indexing; renaming and moving keep it."""
    path: str
    """Absolute path of the file, or the address of the page."""
    title: str
    type: DocumentType
    pages: int
    """Pages of a PDF, or slides; otherwise 0."""
    passages: int
    bytes: int
    indexed_at: float
    """`time.time()` of the last time its text was read."""
    language: str
    """`ja` or `en` (everything that is not Japanese), by the script it is written in."""
    collection: str = DEFAULT
    owner: str = ""
    """Whose document it is, as whoever indexed it said; empty when nobody said."""
    modified: float = 0.0
    """`time.time()` of the file's last change; of a page, what its server says or when it was read."""
    source: SourceKind = "file"
    state: DocumentState = "indexed"
    error: str = ""
    """Why the last try to read it failed, or what is missing, in one sentence; empty when it was read whole."""


@dataclass(frozen=True)
class Text:
    """A document that stands in no file."""

    id: str
    """Takes the place of a path: a text of the same id replaces it."""
    text: str
    title: str = ""


@dataclass(frozen=True)
class Context:
    """A passage in its document's surroundings; `before + text + after` is one stretch of the document's text."""

    before: str
    text: str
    after: str
    title: str
    path: str
    document: str
    type: DocumentType
    page: int | None
    heading: tuple[str, ...]


@dataclass(frozen=True)
class LibraryStatus:
    """What there is. `bytes` is the space the index takes on disk; `roots` are the paths given to `index`."""

    documents: int
    passages: int
    embedder: str
    folder: Path
    bytes: int
    roots: tuple[str, ...]


@dataclass(frozen=True)
class Failure:
    """What could not be indexed, or not all of it. `reason` is one sentence: what is wrong and what to do."""

    path: str
    """Absolute path of the file or folder, or the address of the page."""
    reason: str
    collection: str = DEFAULT
    failed_at: float = 0.0
    """`time.time()` of the last try."""
    tries: int = 1
    """How often it failed in a row."""
    partial: bool = False
    """It is indexed, without what `reason` says."""

    @property
    def name(self) -> str:
        """The last part of the path, for where there is little room."""
        return self.path.rstrip("/").rpartition("/")[2] or self.path


@dataclass(frozen=True)
class Source:
    """A file, folder or page that was given to `index`. A watched one is kept current by a `Watcher`."""

    path: str
    collection: str
    kind: Literal["file", "folder", "url"]
    watched: bool
    every: float | None
    """Seconds between two readings of a watched page; None for files and folders, which are read when they change."""
    checked_at: float
    """`time.time()` when it was last compared with the library; 0 when never."""


@dataclass(frozen=True)
class Progress:
    """How far a run of `index` is. Files are counted in `done` and `total`, `passages` are those embedded so far."""

    done: int
    total: int
    path: str
    """The file or page at hand; empty when there is none."""
    passages: int
    seconds: float
    """Since the run began."""
    stage: Stage
    scanned: tuple[int, int] = (0, 0)
    """Pages of the file at hand whose text is recognised: so many are done, of so many; zeros for other files."""

    @property
    def name(self) -> str:
        """The last part of the path, for where there is little room."""
        return self.path.rstrip("/").rpartition("/")[2] or self.path


@dataclass(frozen=True)
class Change:
    """What a run did to one document, as it is written. `reason` says why it failed or is gone, or what is missing."""

    kind: ChangeKind
    path: str
    collection: str
    reason: str = ""


@dataclass(frozen=True)
class IndexReport:
    """What a run did, in files; `passages` were written, of which `embedded` needed the embedder."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    """Documents whose files have gone, and pages that are no longer there."""
    failed: tuple[Failure, ...] = ()
    """Those that are `partial` were added or replaced all the same."""
    passages: int = 0
    seconds: float = 0.0
    embedded: int = 0
    stopped: bool = False
    """The run was asked to stop, or the disk was full; running it again goes on where it ended."""


@dataclass(frozen=True)
class Problem:
    """Something that `verify` found wrong. Both are one sentence: what is wrong, and what to do."""

    finding: str
    remedy: str


@dataclass(frozen=True)
class Transfer:
    """What an export or import carried. `embedded` passages needed the embedder, since it is another one here."""

    collections: tuple[str, ...]
    documents: int
    passages: int
    embedded: int
    bytes: int
    """Size of the archive."""


@dataclass(frozen=True)
class WatchStatus:
    """What a `Watcher` does. `error` is why it waits, in one sentence; empty when nothing is wrong."""

    state: WatchState
    folders: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    last_read: float = 0.0
    """`time.time()` of the last time something was compared with the library; 0 when never."""
    changes: int = 0
    """Documents added, replaced and removed since it was started."""
    error: str = ""


OnProgress = Callable[[Progress], None]
OnChange = Callable[[Change], None]
