"""Which files an order to index means, and what cannot be reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.library.formats.kinds import HEAD, promising
from tools.library.load import NOT_YET, SUFFIXES
from tools.library.records import Failure

_SKIPPED = frozenset(("node_modules", "__pycache__", "venv"))
_LOCKS = frozenset(("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "composer.lock"))
"""Written by programs for programs, and long."""


@dataclass(frozen=True)
class Scan:
    """`files` in a stable order, each once; `failed` paths; `folders` that were read and must be current afterwards."""

    files: tuple[Path, ...]
    failed: tuple[Failure, ...]
    folders: tuple[Path, ...]
    unread: tuple[Path, ...]
    """Folders that could not be read: what was indexed from them is kept."""

    def covers(self, path: Path) -> bool:
        """Whether a file at `path` would have been found if it were there."""
        return any(path.is_relative_to(f) for f in self.folders) and not any(
            path.is_relative_to(f) for f in self.unread
        )


def scan(paths: Sequence[Path], stopped: Callable[[], bool]) -> Scan:
    """Walk `paths`. Hidden files and folders, `node_modules` and the like are skipped, each real file counts once.

    Symbolic links are followed; a folder that was already visited is not entered again, so loops end.
    """
    files: list[Path] = []
    failed: list[Failure] = []
    folders: list[Path] = []
    unread: list[Path] = []
    visited: set[str] = set()
    real: set[str] = set()

    def take(path: Path) -> None:
        target = os.path.realpath(path)
        if target not in real:
            real.add(target)
            files.append(path)

    for given in paths:
        root = Path(os.path.abspath(given.expanduser()))
        if root.is_dir():
            before = len(files), len(failed)
            known = len(visited)
            _walk(root, take, failed, unread, visited, stopped)
            folders.append(root)
            if (len(files), len(failed)) == before and len(visited) > known:
                failed.append(
                    Failure(
                        str(root),
                        "The folder holds no documents: put PDF, Office, HTML, Markdown or text files into it.",
                    )
                )
        elif root.is_file():
            take(root)
        elif os.path.lexists(root):
            failed.append(Failure(str(root), "This is neither a file nor a folder: give the path of one."))
        else:
            failed.append(Failure(str(root), "The path does not exist: check its spelling."))
    return Scan(tuple(files), tuple(failed), tuple(folders), tuple(unread))


def _walk(
    root: Path,
    take: Callable[[Path], None],
    failed: list[Failure],
    unread: list[Path],
    visited: set[str],
    stopped: Callable[[], bool],
) -> None:
    def refuse(error: OSError) -> None:
        folder = Path(error.filename or root)
        unread.append(folder)
        failed.append(Failure(str(folder), "The folder cannot be opened: check its permissions."))

    for folder, inner, names in os.walk(root, followlinks=True, onerror=refuse):
        target = os.path.realpath(folder)
        if target in visited or stopped():
            inner.clear()
            continue
        visited.add(target)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and not name.startswith("~$") and name not in _LOCKS and _is_document(path):
                take(path)


def _is_document(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix in NOT_YET:
        return os.path.lexists(path)
    if not path.is_file():  # opening a pipe would wait for its other end
        return False
    try:
        with path.open("rb") as file:
            return promising(file.read(HEAD))
    except OSError:
        return False
