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


def is_verified(path: Path, model: CatalogueModel) -> bool:
    """Whether `path` was found to be `model` before and has not changed since."""
    try:
        noted = json.loads(_note(path).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(noted == _vouch(path, model))


def remember(path: Path, model: CatalogueModel) -> None:
    """Note that `path` was found to be `model`. A folder that cannot be written is no reason to fail."""
    try:
        _note(path).write_text(json.dumps(_vouch(path, model)), "utf-8")
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


def _vouch(path: Path, model: CatalogueModel) -> dict[str, str | int]:
    status = path.stat()
    return {"sha256": model.sha256, "bytes": status.st_size, "changed": status.st_mtime_ns}
