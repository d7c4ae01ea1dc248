"""Versions, figures and examples of a specialist that are laid down, for tests of what is shown of them."""

from __future__ import annotations

from pathlib import Path

from agent.specialists.preparing import Prepared
from tools.specialist.card import Base, Card, Data
from tools.specialist.data import Form, Split
from tools.specialist.evaluation import Evaluation, Margin, Score
from tools.specialist.example import Example, Message
from tools.specialist.versions import Specialist, Version
from ui import strings

EN, JA = strings.load("en"), strings.load("ja")
SHA, OTHER = "a" * 64, "b" * 64


def evaluation(*, passed: bool = True, failed: tuple[str, ...] = (), base: str = SHA, gain: float = 0.21) -> Evaluation:
    return Evaluation(
        metric="exact",
        examples=100,
        scores={
            "specialist": Score(score=0.7 + gain, low=0.85, high=0.96, valid=1.0, seconds=0.31, examples=100),
            "base": Score(score=0.7, low=0.61, high=0.78, valid=0.92, seconds=0.3, examples=100),
            "retrieval": Score(score=0.74, low=0.65, high=0.82, valid=0.95, seconds=1.2, examples=100),
        },
        margins={
            "base": Margin(difference=gain, low=gain - 0.09, high=gain + 0.08),
            "retrieval": Margin(difference=gain - 0.04, low=0.06, high=0.27),
        },
        general={"base": 0.8, "specialist": 0.775, "off": 0.8},
        general_examples=80,
        unchanged=True,
        base=base,
        data="c" * 64,
        date="2026-11-01T10:00:00+00:00",
        seconds=200.0,
        passed=passed,
        failed=failed,
    )


def version(
    number: int = 1, found: Evaluation | None = None, folder: Path = Path("/nowhere"), **card: object
) -> Version:
    values = {
        "name": "banking",
        "description": ("Names what a customer wants", "お客様の用件を見分ける"),
        "examples": ("Where is my card?",),
        "base": Base(name="small", sha256=SHA),
        "adapter": "adapter.gguf",
        "metric": "exact",
        "data": Data(training=700, validation=100, test=200, sources=("data.csv",)),
        "figures": {"seconds": 372.0, "tokens_per_second": 512.4},
        "date": "2026-11-01T09:00:00+00:00",
    }
    return Version(number, folder, Card.model_validate({**values, **card}), found)


def one(*versions: Version, promoted: int | None = None) -> Specialist:
    return Specialist("banking", promoted, versions)


def prepared(*, question: str = "Where is my card?", **given: object) -> Prepared:
    examples = tuple(
        Example((Message("system", "Be short."), Message("user", question)), "card_arrival") for _ in range(8)
    )
    values: dict[str, object] = {
        "split": Split(examples, examples[:1], examples[:2]),
        "form": Form("exact", ("card_arrival", "card_lost")),
        "language": "en",
        "read": 12,
        **given,
    }
    return Prepared(**values)  # type: ignore[arg-type]


CASES = [
    {
        "id": "1",
        "question": "Where is my card?",
        "wanted": "card_arrival",
        "replies": {"specialist": "card_arrival", "base": "card_lost"},
        "scores": {"specialist": 1.0, "base": 0.0},
    },
    {
        "id": "2",
        "question": "It is gone",
        "wanted": "card_lost",
        "replies": {"specialist": "card_arrival", "base": "card_lost"},
        "scores": {"specialist": 0.0, "base": 1.0},
    },
]
