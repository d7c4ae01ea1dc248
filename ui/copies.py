"""The copies that Kotae made of uploaded files go with their documents; nobody's own files are touched.

First the library lets go of a document, then its copy is deleted. A mark is set before, so that the next start ends
what a process that was killed in between has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tools.base import ToolError

if TYPE_CHECKING:
    from tools.library import Library
    from ui.uploads import Uploads


@contextmanager
def going_along(library: Library, uploads: Uploads, paths: Iterable[str]) -> Iterator[None]:
    """Whatever of `paths` is an uploaded file goes, if the library knows it no longer after what is done here."""
    ours = [path for path in dict.fromkeys(paths) if uploads.holds(path)]
    for path in ours:
        uploads.doom(path)
    try:
        yield
    finally:
        settle(library, uploads, ours)


def settle(library: Library, uploads: Uploads, paths: Iterable[str] | None = None) -> None:
    """Delete those uploaded files that were about to go, all without `paths`, and spare those that the library still
    knows. If it cannot be read they wait for the next start."""
    paths = uploads.doomed() if paths is None else list(paths)
    if not paths:
        return
    try:
        known = {document.path for document in library.documents()}
        known |= {failure.path for failure in library.failures() if not failure.partial}
    except ToolError:
        return
    for path in paths:
        if path in known:
            uploads.spare(path)
        else:
            uploads.forget(path)
