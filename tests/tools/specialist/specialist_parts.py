"""Cards, adapters, examples and evaluations for tests of what is kept of a specialist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.agent.models.gguf_files import ADAPTER, FACTORS, adapter
from tools.specialist.card import Card
from tools.specialist.evaluation import Evaluation
from tools.specialist.example import Example, Message
from tools.specialist.registry import Registry
from tools.specialist.split import Split
from tools.specialist.versions import Version

BASE = "b" * 64


def a_card(name: str = "banking", **more: Any) -> Card:
    given = {"description": "Questions about accounts", "examples": ["Where is my card?"], "adapter": "adapter.gguf"}
    return Card.model_validate({"name": name, "base": {"sha256": BASE}, **given, **more})


def weights(mark: float = 1.0) -> bytes:
    """An adapter; each mark makes another one."""
    return adapter(ADAPTER | {"adapter.lora.alpha": float(mark)}, FACTORS)


def an_adapter(folder: Path, mark: float = 1.0) -> Path:
    file = folder / f"trained-{mark}.gguf"
    file.write_bytes(weights(mark))
    return file


def a_split(mark: str = "") -> Split:
    def some(kind: str, count: int) -> tuple[Example, ...]:
        return tuple(Example((Message("user", f"{kind} {mark} {i} は？"),), f"答え{i}") for i in range(count))

    return Split(some("training", 8), some("validation", 2), some("test", 3))


def an_evaluation(*, passed: bool = True, failed: tuple[str, ...] = (), base: str = BASE) -> Evaluation:
    score = {"score": 0.9, "low": 0.8, "high": 0.95, "examples": 40}
    return Evaluation.model_validate(
        {
            "metric": "text", "examples": 40, "scores": {"specialist": score, "base": score}, "margins": {},
            "general": {"base": 0.7, "specialist": 0.7, "off": 0.7}, "general_examples": 100, "unchanged": True,
            "base": base, "data": "d" * 64, "date": "2026-01-01T00:00:00+00:00", "seconds": 60.0, "passed": passed,
            "failed": failed,
        }
    )  # fmt: skip


def added(
    registry: Registry, folder: Path, name: str = "banking", mark: float = 1.0, *, proven: bool = False
) -> Version:
    """A new version, examined if it is to be `proven`."""
    version = registry.add(a_card(name), an_adapter(folder, mark), a_split(str(mark)))
    return registry.record(name, version.number, an_evaluation()) if proven else version
