"""Where a training keeps its checkpoints until it is done, and how far it has come."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.specialist.card import Card
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Progress

_STARTED = ("checkpoint.safetensors", "outcome.json")
"""What a training leaves behind that had begun."""
What = Literal[
    "questions",
    "reading",
    "loading",
    "training",
    "writing",
    "comparing",
    "base",
    "examples",
    "specialist",
    "general",
]
"""`questions`: examples are made from documents. From `comparing` on: the examination, see `Examining`."""


@dataclass(frozen=True)
class Step:
    """How far the making of a specialist has come."""

    what: What
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    training: Progress | None = None

    @classmethod
    def of_training(cls, told: Progress) -> Step:
        return cls("training", told.step, told.steps, told.seconds_left, told)


class Workplace:
    """The folder of one specialist's training, which whoever uses it holds (`Registry.training`)."""

    def __init__(self, root: Path, name: str) -> None:
        """`root`: see `Registry.work`."""
        self._name = name
        self.folder = root / "run"
        self._order = root / "order.json"

    def claim(self, card: Card, *, again: bool) -> None:
        """Begin the training of this card, or go on with it.

        Raises `exists` where a training of other data or with other settings was stopped here, unless `again` gives
        it up.
        """
        mark = _mark(card)
        started = any((self.folder / name).is_file() for name in _STARTED)
        if started and not again and self._marked() != mark:
            raise SpecialistError(
                "exists",
                f"A training of {self._name} with other data or settings was stopped before its end: give the same to "
                "go on with it, or add --again to begin anew.",
            )
        if again:
            self.clear()
        self._order.write_text(json.dumps(mark), "utf-8")

    def clear(self) -> None:
        """Nothing is left to go on with."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._order.unlink(missing_ok=True)

    def _marked(self) -> object:
        try:
            return json.loads(self._order.read_text("utf-8"))
        except (OSError, ValueError):
            return None


def _mark(card: Card) -> str:
    base = card.base.sha256 if card.base else ""
    told = [card.data.fingerprint, card.training.model_dump(), card.prompt, base, card.continued_from]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()
