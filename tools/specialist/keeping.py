"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path


def beside(folder: Path, kind: str) -> Path:
    """A path for something that is not in use yet, or not any more; see `sweep`."""
    return folder / f".{kind}-{secrets.token_hex(8)}"


def sweep(folder: Path, *kinds: str) -> None:
    """Delete what was left behind by a program that died."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.startswith(tuple(f".{kind}-" for kind in kinds)):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def replace(file: Path, data: bytes) -> None:
    """Put `data` in the place of a file at once."""
    temporary = beside(file.parent, "part")
    try:
        create(temporary, data)
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(file.parent)


def create(file: Path, data: bytes) -> None:
    """Write a new file, down to the disk."""
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def take_over(source: Path, target: Path) -> None:
    """Put the file `source` at `target` too: the same bytes on the disk where that is possible, a copy elsewhere."""
    source = source.resolve(strict=True)
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that knows no links
        with source.open("rb") as read, target.open("xb") as out:
            shutil.copyfileobj(read, out, 2**20)
    with target.open("rb") as written:
        os.fsync(written.fileno())


def sync(folder: Path) -> None:
    """Bring the names in a folder down to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
