"""A training and a model for it that are laid down: three verbs, which only the specialist knows."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agent.specialists import general
from agent.specialists.asking import Voice
from tests.agent.models.gguf_files import adapter
from tools.specialist.example import Example
from tools.specialist.plan import Outcome, Plan, Progress

VERBS = ("open", "close", "paint")
GENERAL = {q.ask: (q.answers or q.written)[0] for q in general.questions()}


def reply(version: Voice, messages: Sequence[BaseMessage]) -> str:
    """The specialist knows the verbs, the base does not; both know the capitals."""
    asked = str(messages[-1].text)
    if asked in GENERAL:
        return GENERAL[asked]
    if version.card.adapter:
        return next((verb for verb in VERBS if verb in asked.split()), "nothing")
    return "open" if len(asked) < 200 else "?"


@dataclass
class FakeTrainer:
    """Leaves an adapter behind, or does what `instead` says first."""

    instead: Callable[[Path], None] | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self,
        base: Path,
        training: Sequence[Example],
        validation: Sequence[Example],
        prompt: str,
        plan: Plan,
        work: Path,
        *,
        general: Sequence[Example] = (),
        initial: Path | None = None,
        name: str,
        threads: int,
        progress: Callable[[Progress], None],
        state: Callable[[str], None],
        stop: threading.Event,
    ) -> Outcome:
        given = {
            "base": base,
            "training": list(training),
            "general": general,
            "initial": initial,
            "prompt": prompt,
            "plan": plan,
            "work": work,
        }
        self.calls.append(given)
        work.mkdir(parents=True, exist_ok=True)
        state("loading")
        progress(Progress(1, 2, 0.7, None, None, 100, 50.0, 9.0))
        if self.instead is not None:
            self.instead(work)
        file = work / "adapter.gguf"
        file.write_bytes(adapter())
        return Outcome(file, 2, 1.0, 0.5, 0.6, 200, 50.0, 4.0, 1000, extra={"peak": 5.0})


def door_data(folder: Path, n: int = 90, name: str = "data.jsonl") -> Path:
    """A file of examples."""
    file = folder / name
    rows = [
        {
            "text": f"Please {VERBS[i % 3]} the {('door', 'window', 'gate')[i // 3 % 3]} of house {i}",
            "intent": VERBS[i % 3],
        }
        for i in range(n)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file
