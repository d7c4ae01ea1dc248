"""Where the base model of a specialist is on this machine: a file, known by its SHA-256."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from agent.errors import ModelMissing
from agent.models.catalogue import Catalogue
from agent.models.connect import Target, model_file, resolve
from agent.models.files import known_digest, noted
from agent.settings import Settings
from tools.specialist.card import Base

Lack = Literal["base_missing", "base_other"]


class BaseFiles:
    """The configured model, the catalogue's, and other files in the folder of models.

    No file is hashed whose hash is known; one that is not in the catalogue is hashed when it is met for the first time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[tuple[Path, int, int], str] = {}

    def configured(self) -> str:
        """SHA-256 of the configured model; empty where it is no file of this machine, or not downloaded."""
        target = self._target
        file = model_file(target, self._settings) if target is not None else None
        if target is None or file is None or not file.is_file():
            return ""
        return target.entry.sha256 if target.entry is not None else self._digest(file)

    def find(self, base: Base) -> Target | None:
        """The model with that hash, if it is here."""
        if self._target is not None and self.configured() == base.sha256:
            return self._target
        for entry in self._catalogue.models:
            if entry.sha256 == base.sha256 and (self._settings.models_dir / entry.file).is_file():
                return Target("catalogue", entry.name, entry=entry)
        for file in sorted(self._settings.models_dir.glob("*.gguf")):
            known = self._digest(file) if base.name in (file.name, file.stem) else noted(file)
            if known == base.sha256:
                return Target("file", str(file))
        return None

    def path(self, base: Base) -> Path | None:
        """Its file."""
        target = self.find(base)
        return model_file(target, self._settings) if target is not None else None

    def lack(self, base: Base) -> Lack:
        """Why there is none: `base_other` where another model goes by its name now."""
        entry = self._catalogue.find(base.name) if base.name else None
        if entry is not None:
            return "base_missing" if entry.sha256 == base.sha256 else "base_other"
        mine = [Path(self._target.value)] if self._target is not None and self._target.where == "file" else []
        named = [*mine, *self._settings.models_dir.glob("*.gguf")]
        return "base_other" if any(base.name in (file.name, file.stem) for file in named) else "base_missing"

    def _digest(self, file: Path) -> str:
        status = file.stat()
        mark = (file, status.st_size, status.st_mtime_ns)
        if mark not in self._known:  # where no note can be written beside the file, it is read once in each process
            self._known[mark] = known_digest(file)
        return self._known[mark]

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.load()

    @cached_property
    def _target(self) -> Target | None:
        """The configured model if it is an embedded one."""
        try:
            target = resolve(self._settings.model, self._catalogue)
        except ModelMissing:
            return None
        return target if target.where in ("catalogue", "file") else None
