"""Model files on disk: nothing is loaded whose hash is not the catalogue's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.errors import ModelUnusable
from agent.models.catalogue import CatalogueModel

BLOCK: Final = 1 << 20


def verify(path: Path, model: CatalogueModel, *, read: Callable[[int], None] | None = None) -> None:
    """Make sure that `path` holds `model`, by its hash; `read` is told the bytes read so far.

    The whole file is read once; then size and time of change vouch for it, kept in a small file beside it.
    Raises `ModelUnusable` when the file is another one.
    """
    if is_verified(path, model):
        return
    size = path.stat().st_size
    if size != model.bytes or digest(path, read=read) != model.sha256:
        raise ModelUnusable(
            f"{path} is not the model {model.name} (its hash differs): "
            f"delete it and run `kotae models pull {model.name}`."
        )
    remember(path, model)


def is_downloaded(model: CatalogueModel, folder: Path) -> bool:
    """Whether the whole file is there, by its size; its hash is checked when it is loaded."""
    path = folder / model.file
    return path.is_file() and path.stat().st_size == model.bytes


def is_verified(path: Path, model: CatalogueModel) -> bool:
    """Whether `path` was found to be `model` before and has not changed since."""
    return noted(path) == model.sha256


def noted(path: Path) -> str:
    """The SHA-256 that `path` was found to have before, if it has not changed since; otherwise empty."""
    try:
        note = json.loads(_note(path).read_text("utf-8"))
        sha256 = str(note["sha256"])
        return sha256 if note == _vouch(path, sha256) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def known_digest(path: Path) -> str:
    """SHA-256 of a file, which is read whole only where it was not read before or has changed since."""
    sha256 = noted(path)
    if not sha256:
        sha256 = digest(path)
        _write_note(path, sha256)
    return sha256


def remember(path: Path, model: CatalogueModel) -> None:
    """Note that `path` was found to be `model`. A folder that cannot be written is no reason to fail."""
    _write_note(path, model.sha256)


def _write_note(path: Path, sha256: str) -> None:
    try:
        _note(path).write_text(json.dumps(_vouch(path, sha256)), "utf-8")
    except OSError:
        return


def digest(path: Path, *, read: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal."""
    total = 0
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
            total += len(block)
            if read is not None:
                read(total)
    return sha.hexdigest()


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified.json")


def _vouch(path: Path, sha256: str) -> dict[str, str | int]:
    status = path.stat()
    return {"sha256": sha256, "bytes": status.st_size, "changed": status.st_mtime_ns}
