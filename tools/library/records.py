"""What the library tells its callers: documents, surroundings, progress, and what a run of `index` did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DocumentType = Literal[
    "markdown", "text", "html", "pdf", "word", "slides", "sheet", "epub", "mail", "json", "code", "image"
]
Stage = Literal["scan", "read", "embed", "save"]


@dataclass(frozen=True)
class Document:
    """A file that is in the library, as it was when it was indexed."""

    id: str
    """Made by the library from the path, so it survives re-indexing."""
    path: str
    """Absolute path of the file."""
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
    """A path that could not be indexed, or not all of it. `reason` is one sentence: what is wrong and what to do."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Progress:
    """How far a run of `index` is. Files are counted in `done` and `total`, `passages` are those embedded so far."""

    done: int
    total: int
    path: Path | None
    passages: int
    seconds: float
    """Since the run began."""
    stage: Stage
    scanned: tuple[int, int] = (0, 0)
    """Pages of the file at hand whose text is recognised: so many are done, of so many; zeros for other files."""


@dataclass(frozen=True)
class IndexReport:
    """What a run did, in files; `passages` were written, of which `embedded` needed the embedder."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[Failure, ...] = ()
    passages: int = 0
    seconds: float = 0.0
    embedded: int = 0
    stopped: bool = False
    """The run was asked to stop, or the disk was full; running it again goes on where it ended."""


OnProgress = Callable[[Progress], None]
