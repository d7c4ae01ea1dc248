"""The base model of a specialist: a file of this machine, known by its SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.errors import ModelError
from agent.models.catalogue import Catalogue
from agent.models.connect import Target, model_file, resolve
from agent.models.files import known_digest, verify
from agent.settings import Settings
from tools.specialist.card import Base
from tools.specialist.errors import SpecialistError


@dataclass(frozen=True)
class Trainable:
    """A model that can be trained on this machine."""

    file: Path
    base: Base


def trainable(settings: Settings, name: str = "") -> Trainable:
    """The model of that name or file, or else the configured one. Hashes once the file of a model that is not in the
    catalogue, which takes seconds.

    Raises `SpecialistError` (`base`) for a model that is elsewhere, not downloaded, or another than its name says.
    """
    called = name or settings.model
    try:
        target = resolve(called, Catalogue.load())
        if target.where not in ("catalogue", "file"):
            raise SpecialistError(
                "base", f"{called} is not on this machine, so it cannot be trained here: choose a base, --base small."
            )
        file = model_file(target, settings)
        if not file.is_file():
            raise SpecialistError("base", _missing(target, file))
        if target.entry is not None:
            verify(file, target.entry)
            return Trainable(file, Base(name=target.entry.name, sha256=target.entry.sha256))
        return Trainable(file, Base(name=file.stem, sha256=known_digest(file)))
    except ModelError as error:
        raise SpecialistError("base", str(error)) from error


def _missing(target: Target, file: Path) -> str:
    if target.entry is None:
        return f"There is no model file {file}; name one that is there with --base."
    return f"The base model {target.entry.name} is not downloaded yet: kotae models pull {target.entry.names[-1]}"


@dataclass(frozen=True)
class Choice:
    """A model that a training may begin with."""

    name: str
    """As `trainable` takes it; empty for the configured one."""
    title: str
    here: bool
    """Whether its file is on this machine."""
    bytes: int = 0


def choices(settings: Settings) -> tuple[Choice, ...]:
    """The configured model where it is a file, then all others of the catalogue. Hashes nothing."""
    catalogue = Catalogue.load()
    found: list[Choice] = []
    configured = ""
    try:
        target = resolve(settings.model, catalogue)
    except ModelError:
        target = None
    if target is not None and target.where in ("catalogue", "file"):
        file = model_file(target, settings)
        configured = target.entry.name if target.entry is not None else ""
        title = target.entry.title if target.entry is not None else file.stem
        found.append(Choice("", title, file.is_file(), file.stat().st_size if file.is_file() else 0))
    for entry in catalogue.models:
        if entry.name != configured:
            here = (settings.models_dir / entry.file).is_file()
            found.append(Choice(entry.name, entry.title, here, entry.bytes))
    return tuple(found)


@dataclass(frozen=True)
class Stale:
    """A promoted specialist whose base model is no longer what its name says, or no longer to be had."""

    name: str
    version: int
    base: Base
    now: str
    """The model of the catalogue that goes by the name now; empty where there is none."""

    @property
    def command(self) -> str:
        """What trains it anew on the data that it was trained on."""
        return f"kotae specialist train {self.name}" + (f" --base {self.now}" if self.now else "")


def retired(base: Base, code: str) -> str | None:
    """None for a base that is here or can be downloaded; otherwise what is called so now, or "". `code` is what
    `Speakers.usable` says."""
    catalogue = Catalogue.load()
    known = any(model.sha256 == base.sha256 for model in catalogue.models)
    if not code or (known and code != "base_other"):
        return None
    same = catalogue.find(base.name) if base.name else None
    return same.name if same is not None else ""
