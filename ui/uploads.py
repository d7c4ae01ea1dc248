"""Files that were dropped on the page, kept in the data folder under names that the server makes.

Each file has a folder of its own with a random name. The name in it is made from the client's by keeping letters,
digits and a few marks, so that it can be read in lists and citations, and can lead nowhere else. It is never the
client's word that decides where something is written.

Until a file has been read, a mark beside it says for which collection it waits and which process is to read it, so that
the next start goes on with what a process left behind that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from tools.library import DEFAULT, Limits

MOST = 200
"""Files that may wait to be read at once."""
SPARE = 256 * 2**20
"""Bytes that must stay free on the disk: the index grows with what is uploaded."""

_KEPT = re.compile(r"[^\w \-()+&,.\[\]]", re.UNICODE)
_SUFFIX = re.compile(r"\.([A-Za-z0-9]{1,8})$")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)
_LONGEST = 120
"""Bytes of a name; file systems allow 255."""
_MARK, _ARRIVING, _DOOMED = ".waiting", ".arriving", ".going"
"""The mark, what a file is called until all of it is there, and the mark of one that is about to be deleted; names of
clients never begin with a point."""
_SAME = 5.0
"""Seconds by which the start of one process may seem to differ, since the clock that it is told by may be set."""


class UploadError(Exception):
    """A file that is not taken. `reason` is a code that the reader's language has a sentence for."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Uploads:
    """The folder of uploaded files. `limit` is the most bytes of one file."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    @classmethod
    def of(cls, data_dir: Path) -> Uploads:
        """Those of a data folder, in its folder `uploads`."""
        return cls(Path(os.path.abspath(data_dir)) / "uploads", Limits().bytes)

    async def take(self, name: str, size: int, content: AsyncIterator[bytes], collection: str = DEFAULT) -> Path:
        """Write a file of `size` bytes, as the client says, and return where it is. It waits for `collection` now.

        Raises `UploadError`: `too_large`, `empty`, `no_room`, `broken_off`. Then nothing is left of it.
        """
        if size > self.limit:
            raise UploadError("too_large")
        if size == 0:
            raise UploadError("empty")
        try:
            place = self.folder / secrets.token_hex(8)
            place.mkdir(parents=True)
        except OSError as error:
            raise UploadError("no_room") from error
        path = place / safe_name(name)
        try:
            if shutil.disk_usage(place).free < size + SPARE:
                raise UploadError("no_room")
            # before the file, so that there is none that nobody knows of
            _mark(place, collection)
            written = 0
            arriving = place / _ARRIVING
            with contextlib.closing(await asyncio.to_thread(arriving.open, "xb")) as file:
                async for part in content:
                    written += len(part)
                    if written > self.limit:
                        raise UploadError("too_large")
                    file.write(part)
            if written != size:
                raise UploadError("broken_off")
            arriving.rename(path)
        except BaseException as error:
            shutil.rmtree(place, ignore_errors=True)
            if isinstance(error, OSError):
                raise UploadError("no_room") from error
            raise
        return path

    def holds(self, path: Path | str) -> bool:
        """Whether this is an uploaded file: one that lies in a folder of ours, and no link."""
        path = Path(path)
        return path.parent.parent == self.folder and ".." not in path.parts and not path.is_symlink()

    def twin(self, path: Path, others: Iterable[Path]) -> Path | None:
        """The first of `others` that has the name and the content of `path`."""
        same = [one for one in others if one != path and one.name == path.name]
        size = path.stat().st_size
        for one in same:
            with contextlib.suppress(OSError):
                if one.stat().st_size == size and _digest(one) == _digest(path):
                    return one
        return None

    def left(self) -> list[tuple[Path, str]]:
        """Files that wait for a process which is no longer there, with their collections; they wait for this one now.

        What such a process had received in part only is deleted.
        """
        found: list[tuple[Path, str]] = []
        for mark in sorted(self.folder.glob(f"*/{_MARK}")):
            place = mark.parent
            with contextlib.suppress(OSError):
                collection, process, started = _marked(mark)
                if _alive(process, started):
                    continue
                names = sorted(path for path in place.iterdir() if not path.name.startswith("."))
                if not names:
                    shutil.rmtree(place)
                    continue
                _mark(place, collection)
                found.append((names[0], collection))
        return found

    def read(self, path: Path | str) -> None:
        """An uploaded file waits no longer: it is in the library, or among what failed."""
        if self.holds(path):
            with contextlib.suppress(OSError):
                (Path(path).parent / _MARK).unlink(missing_ok=True)

    def doom(self, path: Path | str) -> None:
        """Mark an uploaded file as one that is about to go."""
        if self.holds(path):
            with contextlib.suppress(OSError):
                (Path(path).parent / _DOOMED).touch()

    def doomed(self) -> list[str]:
        """The files that were about to go, and are still there."""
        return [
            str(path)
            for mark in sorted(self.folder.glob(f"*/{_DOOMED}"))
            for path in mark.parent.iterdir()
            if not path.name.startswith(".")
        ]

    def spare(self, path: Path | str) -> None:
        """It is not about to go any more."""
        if self.holds(path):
            with contextlib.suppress(OSError):
                (Path(path).parent / _DOOMED).unlink(missing_ok=True)

    def forget(self, path: Path | str) -> None:
        """Delete an uploaded file; any other file is left alone."""
        if self.holds(path):
            shutil.rmtree(Path(path).parent, ignore_errors=True)


def safe_name(name: str) -> str:
    """A file name made from what a client says its file is called: no separator, no mark that means anything to a
    file system or a shell, never hidden, at most 120 bytes."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = re.split(r"[/\\]", name)[-1]
    found = _SUFFIX.search(name)
    suffix = f".{found.group(1).lower()}" if found else ""
    stem = _KEPT.sub(" ", name[: found.start()] if found else name)
    stem = " ".join(stem.split()).strip(" .-")
    while len(stem.encode()) + len(suffix) > _LONGEST:
        stem = stem[:-1]
    stem = stem.strip(" .-")
    if not stem or _RESERVED.match(stem):
        stem = f"document {stem}".strip()
    return stem + suffix


def _mark(place: Path, collection: str) -> None:
    import psutil

    mark = {"collection": collection, "process": os.getpid(), "started": psutil.Process().create_time()}
    fresh = place / f"{_MARK}.new"
    fresh.write_text(json.dumps(mark), "utf-8")
    fresh.replace(place / _MARK)


def _marked(mark: Path) -> tuple[str, int, float]:
    """(collection, process, its start). A mark that says nothing is nobody's."""
    try:
        said = json.loads(mark.read_text("utf-8"))
        return str(said["collection"]), int(said["process"]), float(said["started"])
    except (ValueError, KeyError, TypeError):
        return DEFAULT, 0, 0.0


def _alive(process: int, started: float) -> bool:
    """Whether it is still there; another process may have its number by now."""
    import psutil

    try:
        return process > 0 and abs(psutil.Process(process).create_time() - started) < _SAME
    except psutil.Error:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
