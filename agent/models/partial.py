"""A file that is being downloaded: it only grows, and its hash grows with it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO

from agent.models.files import BLOCK


class Stopped(Exception):
    """The caller does not want to wait any longer."""


class Overflow(Exception):
    """There came more bytes than the file may have."""


class Partial:
    """The bytes of `path` that one kind of source has given so far, beside it.

    A source that comes in pieces calls `seal` after each: on the next opening, what follows the last seal is cut off.
    `size` is the number of bytes there, `digest` the SHA-256 of them while and after it is opened.
    """

    def __init__(self, path: Path, *, kind: str, total: int) -> None:
        self.file = path.with_name(f"{path.name}.{kind}.partial")
        self._note = path.with_name(f"{path.name}.{kind}.pieces.json")
        self.in_pieces = kind != "url"
        self.total = total
        self.pieces: list[int] = []
        """Bytes after each piece that is whole."""
        self._out: IO[bytes] | None = None
        self._sha = hashlib.sha256()
        self.size = self._known()

    @property
    def digest(self) -> str:
        return self._sha.hexdigest()

    @contextmanager
    def opened(self, resuming: Callable[[int], None], stop: Event) -> Iterator[None]:
        """Read again what is there, for the hash, and get ready for more; flushed to the disk at the end."""
        self.file.touch()
        self._sha = hashlib.sha256()
        with self.file.open("r+b") as out:
            out.truncate(self.size)
            read = 0
            while block := out.read(BLOCK):
                self._sha.update(block)
                read += len(block)
                resuming(read)
                if stop.is_set():
                    raise Stopped
            self._out = out
            try:
                yield
            finally:
                self._out = None
                out.flush()
                os.fsync(out.fileno())

    def write(self, block: bytes) -> None:
        """Append. Raises `Overflow` before writing a byte too many."""
        assert self._out is not None
        if self.size + len(block) > self.total:
            raise Overflow
        self._out.write(block)
        self._sha.update(block)
        self.size += len(block)

    def seal(self) -> None:
        """What is there is whole up to here."""
        assert self._out is not None
        self._out.flush()
        os.fsync(self._out.fileno())
        self.pieces.append(self.size)
        self._note.write_text(json.dumps(self.pieces), "utf-8")

    def restart(self) -> None:
        """Begin again from the first byte."""
        assert self._out is not None
        self._out.seek(0)
        self._out.truncate()
        self._sha = hashlib.sha256()
        self.size = 0
        self.pieces = []
        self._note.unlink(missing_ok=True)

    def finish(self, path: Path) -> None:
        """Put it in its place, in one step."""
        os.replace(self.file, path)
        self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _known(self) -> int:
        there = self.file.stat().st_size if self.file.is_file() else 0
        if not self.in_pieces:
            return there if there <= self.total else 0
        try:
            pieces = json.loads(self._note.read_text("utf-8"))
        except (OSError, ValueError):
            return 0
        if not isinstance(pieces, list) or not all(isinstance(end, int) for end in pieces):
            return 0
        self.pieces = [end for end in pieces if end <= there]
        return self.pieces[-1] if self.pieces else 0
