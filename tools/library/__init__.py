"""The library: people's documents, cut into passages, found by meaning and by words."""

from tools.library.e5 import E5
from tools.library.embed import Embedder
from tools.library.library import Library
from tools.library.load import Limits, LoadError
from tools.library.loaders import Loader
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
    Text,
    Transfer,
    WatchState,
    WatchStatus,
)
from tools.library.tool import LibraryTool
from tools.library.watch import Watcher

__all__ = [
    "DEFAULT",
    "E5",
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
    "LoadError",
    "Loader",
    "OnChange",
    "OnProgress",
    "Problem",
    "Progress",
    "Scope",
    "Source",
    "SourceKind",
    "Stage",
    "Text",
    "Transfer",
    "WatchState",
    "WatchStatus",
    "Watcher",
]
