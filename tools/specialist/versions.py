"""A specialist and its versions as they lie in their folder, which is read and believed only where it fits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.specialist import card as cards
from tools.specialist.card import ADAPTER, EVALUATION, Card
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.example import Example
from tools.specialist.split import Split

IMPORTED = "imported_evaluation.json"
"""An evaluation that was made elsewhere: shown, and never believed."""
PROMOTED, VERSIONS, DATA = "promoted.json", "versions", "data"
PARTS = ("training", "validation", "test")
AGAINST = {
    "not_examined": "it was not examined here (kotae specialist evaluate)",
    "not_better_than_base": "it is not surely better than its base model",
    "not_better_than_retrieval": "it is not surely better than its base model with the library",
    "forgets": "it answers general questions worse than its base model",
    "changes_base": "with it loaded and switched off the base model answers differently",
    "too_few": "there are too few held-out examples",
    "other_base": "it was examined on another base model",
}
"""What the codes of `Version.against` mean."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Version:
    """One training of a specialist, in a folder of its own, which is never written to again but for its evaluation."""

    number: int
    folder: Path
    card: Card
    evaluation: Evaluation | None = None

    @property
    def adapter(self) -> Path | None:
        """The file of its adapter; None where that is on a server, or where there is none."""
        return self.folder / ADAPTER if self.card.adapter == ADAPTER else None

    @property
    def imported(self) -> Evaluation | None:
        """What was found where it was exported."""
        return _evaluation(self.folder / IMPORTED)

    @property
    def proven(self) -> bool:
        """Whether the gate was passed here."""
        return not self.against

    @property
    def against(self) -> tuple[str, ...]:
        """The codes of what speaks against its promotion: those of `Evaluation.failed`, and `not_examined`."""
        if self.evaluation is None:
            return ("not_examined",)
        if not self.evaluation.passed:
            return self.evaluation.failed or ("not_examined",)
        base = self.card.base
        return ("other_base",) if base is not None and base.sha256 != self.evaluation.base else ()


@dataclass(frozen=True)
class Specialist:
    """All versions under one name, the oldest first."""

    name: str
    promoted: int | None
    """The version that questions are sent to."""
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version | None:
        """The promoted version."""
        return next((version for version in self.versions if version.number == self.promoted), None)

    @property
    def latest(self) -> Version:
        return self.versions[-1]


How = Literal["promoted", "unproven", "rolled_back", "retired"]
"""`unproven`: promoted although the gate was not passed."""


class Event(BaseModel):
    """A change of what is promoted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    how: How
    version: int | None
    """What is promoted since then."""
    date: str


class State(BaseModel):
    """The content of `promoted.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int | None = Field(default=None, ge=1)
    before: tuple[int | None, ...] = ()
    """What was promoted before, the latest last: where a rollback leads."""
    last: int = Field(default=0, ge=0)
    """The highest number that a version ever had; no number is given twice."""
    history: tuple[Event, ...] = ()

    def moved(self, how: How, version: int | None, before: tuple[int | None, ...]) -> State:
        """With another version promoted."""
        event = Event(how=how, version=version, date=datetime.now(UTC).isoformat(timespec="seconds"))
        return State(version=version, before=before, last=self.last, history=(*self.history, event))


def state(folder: Path) -> State:
    """What is promoted; nothing where the file cannot be read."""
    try:
        return State.model_validate_json((folder / PROMOTED).read_bytes())
    except FileNotFoundError:
        return State()
    except (OSError, ValidationError):
        log.warning("%s cannot be read; nothing counts as promoted", folder / PROMOTED)
        return State()


def numbers(folder: Path) -> list[int]:
    """Numbers of the versions that there are, ascending."""
    try:
        found = [path.name for path in (folder / VERSIONS).iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name) for name in found if name.isascii() and name.isdigit() and name[0] != "0")


def version(folder: Path, number: int) -> Version:
    """A version of the specialist in `folder`. Raises `SpecialistError` (`card`)."""
    place = folder / VERSIONS / str(number)
    card = cards.load(place)
    if card.name != folder.name:
        raise SpecialistError(
            "card", f"{place / cards.FILE}, name: this is the folder of {folder.name}; do not rename."
        )
    if card.adapter == ADAPTER and not (place / ADAPTER).is_file():
        raise SpecialistError("card", f"{place / ADAPTER} is missing; remove the version, or put the file back.")
    return Version(number, place, card, _evaluation(place / EVALUATION))


def specialist(folder: Path) -> Specialist | None:
    """The specialist in `folder`, without versions that cannot be read; None where there is none."""
    versions = tuple(_readable(folder))
    if not versions:
        return None
    promoted = state(folder).version
    if promoted is not None and all(one.number != promoted for one in versions):
        log.warning("%s: version %d is promoted and cannot be used", folder, promoted)
        promoted = None
    return Specialist(folder.name, promoted, versions)


def _readable(folder: Path) -> Iterator[Version]:
    for number in numbers(folder):
        try:
            yield version(folder, number)
        except SpecialistError as error:
            log.warning("%s", error)


def _evaluation(file: Path) -> Evaluation | None:
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        log.warning("%s cannot be read; it counts as not examined", file)
        return None


def lines(examples: tuple[Example, ...]) -> bytes:
    """Examples as a file of the folder `data`."""
    return b"".join(json.dumps(e.as_json(), ensure_ascii=False).encode() + b"\n" for e in examples)


def kept_split(folder: Path) -> Split:
    """The parts in the folder of a version. Raises `SpecialistError` (`data`)."""
    parts: dict[str, tuple[Example, ...]] = {}
    for name in PARTS:
        file = folder / DATA / f"{name}.jsonl"
        try:
            rows = [json.loads(line) for line in file.read_bytes().split(b"\n") if line.strip()]
            parts[name] = tuple(map(Example.from_json, rows))
        except FileNotFoundError as error:
            raise SpecialistError("data", f"{folder} keeps no examples; train it again to examine it.") from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SpecialistError("data", f"{file} is damaged; train the specialist again.") from error
    return Split(parts["training"], parts["validation"], parts["test"])
