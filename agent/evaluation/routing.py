"""How often the router takes the right route, how far its confidence can be trusted, and how long it takes.

The decision is that of the router alone: no library is asked whether it knows the subject, and no language model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from agent.classifier import calibration_error
from agent.examples import ROUTES
from agent.facts import is_japanese
from agent.prompts import LANGUAGES
from agent.router import Router
from agent.state import Language
from tools.intervals import wilson
from tools.library import Embedder
from tools.library.evaluate import EvaluationError, rows

_LABELS: Mapping[str, str] = {
    **{route: route for route in ROUTES},
    "retrieve_single": "library",
    "multi_hop": "library",
    "fresh_web": "web",
    "chitchat": "direct",
    "no_retrieval_commonsense": "direct",
}
"""Kotae's own routes, and the kinds of question of the data sets about routing."""
_SPECIALIST = "specialist"


@dataclass(frozen=True)
class Task:
    """A question and the route that it should take."""

    id: str
    text: str
    language: Language
    wanted: str


@dataclass(frozen=True)
class Outcome:
    """What the router made of a task. `milliseconds`: its own time, the embedding of the question left out."""

    task: Task
    chosen: str
    why: str
    confidence: float
    milliseconds: float

    @property
    def right(self) -> bool:
        return self.chosen == self.task.wanted


@dataclass(frozen=True)
class Figures:
    """All that was decided, in the order of the tasks."""

    outcomes: tuple[Outcome, ...]

    @property
    def wrong(self) -> list[Outcome]:
        """What went astray."""
        return [o for o in self.outcomes if not o.right]

    def as_json(self) -> dict[str, Any]:
        """With the keys that a script may rely on."""
        return {
            "n": len(self.outcomes),
            "accuracy": _share(self.outcomes),
            "accuracy_interval": _interval(self.outcomes),
            "by_route": {
                route: {"n": len(some), "recall": _share(some), "recall_interval": _interval(some)}
                for route, some in self._parts(lambda o: o.task.wanted).items()
            },
            "by_language": {name: _share(some) for name, some in self._parts(lambda o: o.task.language).items()},
            "by_language_interval": {
                name: _interval(some) for name, some in self._parts(lambda o: o.task.language).items()
            },
            "n_by_language": {name: len(some) for name, some in self._parts(lambda o: o.task.language).items()},
            "ece": round(calibration_error([o.confidence for o in self.outcomes], [o.right for o in self.outcomes]), 4),
            "p50_ms": round(median(o.milliseconds for o in self.outcomes), 3) if self.outcomes else 0.0,
            "wrong": [
                {
                    "id": o.task.id,
                    "text": o.task.text,
                    "language": o.task.language,
                    "wanted": o.task.wanted,
                    "chosen": o.chosen,
                    "why": o.why,
                    "confidence": round(o.confidence, 4),
                }
                for o in self.wrong
            ],
        }

    def _parts(self, by: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
        names = sorted({by(o) for o in self.outcomes})
        return {name: [o for o in self.outcomes if by(o) == name] for name in names}


def tasks(file: Path) -> list[Task]:
    """The tasks of a JSONL file with `text`, `label` and, if it likes, `id` and `lang`.

    A label is a route, `specialist:NAME` or `specialist_NAME`, or a kind of question of the data sets. Raises
    `EvaluationError` that names file, line and fault.
    """
    found: list[Task] = []
    for row in rows(file, ("text", "label")):
        text, label = str(row["text"]), str(row["label"])
        wanted = _route(label)
        if wanted is None:
            known = ", ".join((*_LABELS, "specialist:NAME"))
            raise EvaluationError(f"{file}: the label {label!r} of {text[:40]!r} is unknown; known are {known}.")
        named: Language | None = next((known for known in LANGUAGES if known == row.get("lang")), None)
        language = named or ("ja" if is_japanese(text) else "en")
        found.append(Task(str(row.get("id") or len(found) + 1), text, language, wanted))
    return found


def served(asked: Sequence[Task], specialists: Sequence[str]) -> tuple[list[Task], list[str]]:
    """The tasks that can be judged with these specialists (`specialist:NAME`), and the labels that none of them has.

    With one specialist and one label, they belong together whatever their names: whoever made the questions did not
    know what the card would be called.
    """
    named = sorted({t.wanted for t in asked if t.wanted not in ROUTES})
    if len(named) == len(specialists) == 1 and named != list(specialists):
        renamed = [Task(t.id, t.text, t.language, specialists[0]) if t.wanted in named else t for t in asked]
        return renamed, []
    missing = [label for label in named if label not in specialists]
    return [t for t in asked if t.wanted not in missing], missing


def measure(
    router: Router, embedder: Embedder, asked: Sequence[Task], done: Callable[[], None] = lambda: None
) -> Figures:
    """Route each task. `embedder` is that of the router and remembers what it embedded last, so that the time measured
    is the router's own. `done` is called after each task."""
    outcomes = []
    for task in asked:
        embedder.query(task.text)
        began = time.perf_counter()
        choice = router.choose(task.text, task.language)
        spent = time.perf_counter() - began
        outcomes.append(Outcome(task, choice.route, choice.why, choice.confidence, 1000 * spent))
        done()
    return Figures(tuple(outcomes))


def _route(label: str) -> str | None:
    kind, name = label[: len(_SPECIALIST)], label[len(_SPECIALIST) + 1 :]
    if kind == _SPECIALIST and label[len(kind) : len(kind) + 1] in (":", "_") and name:
        return f"{_SPECIALIST}:{name}"
    return _LABELS.get(label)


def _share(outcomes: Sequence[Outcome]) -> float:
    return round(sum(o.right for o in outcomes) / len(outcomes), 4) if outcomes else 0.0


def _interval(outcomes: Sequence[Outcome]) -> list[float]:
    return [round(bound, 4) for bound in wilson(sum(o.right for o in outcomes), len(outcomes))]
