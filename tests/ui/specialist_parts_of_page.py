"""Specialists for tests of their page: the real study and registry, with a training and a model that are laid down."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from langchain_core.messages import BaseMessage
from library_parts import WordEmbedder

from agent.settings import Settings
from agent.specialists.asking import Voice
from agent.specialists.study import Specialists
from tests.agent.models.gguf_files import adapter
from tests.agent.specialists.speaking import FakeSpeaker
from tests.agent.specialists.training_parts import GENERAL, VERBS
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example
from tools.specialist.plan import Outcome, Plan, Progress

LOSSES = 40
"""Steps of the training."""


def settings(folder: Path) -> Settings:
    """With a configured model that is a file of its own."""
    model = folder / "tiny.gguf"
    model.write_bytes(b"weights of a tiny model")
    return Settings(data_dir=folder / "data", models_dir=folder, model=str(model), web="off")


def reply(version: Voice, messages: Sequence[BaseMessage]) -> str:
    """The specialist knows the verbs, the base always says the same; both know the capitals."""
    asked = str(messages[-1].text)
    if asked in GENERAL:
        return GENERAL[asked]
    if version.card.adapter:
        return next((verb for verb in VERBS if verb in asked.split()), "nothing <b>bold</b>")
    return "open"


def ignorant(version: Voice, messages: Sequence[BaseMessage]) -> str:
    """A specialist that learned nothing."""
    return GENERAL.get(str(messages[-1].text), "open")


@dataclass
class Trainer:
    """Takes `LOSSES` steps, one whenever `step` lets it, and stops when it is told to. `at` is where it goes on."""

    step: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0
    before: list[int] = field(default_factory=list)
    """At which step each run began."""
    initial: list[Path | None] = field(default_factory=list)
    """Which adapter each run continued."""
    error: SpecialistError | None = None

    def __post_init__(self) -> None:
        self.step.set()

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
        work.mkdir(parents=True, exist_ok=True)
        state("loading")
        if self.error is not None:
            raise self.error
        checkpoint = work / "checkpoint.safetensors"
        first = int(checkpoint.read_text()) if checkpoint.is_file() else 1
        self.before.append(first)
        self.initial.append(initial)
        validated = None
        for step in range(first, LOSSES + 1):
            while not self.step.wait(0.02) and not stop.is_set():
                pass
            if stop.wait(self.pause):
                checkpoint.write_text(str(step))
                raise SpecialistError("stopped", f"Training was stopped after step {step}.")
            loss = 3 * math.exp(-step / 12) + 0.2 + 0.15 * math.sin(step * 1.7)
            if step % 8 == 0:
                validated = 3 * math.exp(-step / 12) + 0.4
            progress(Progress(step, LOSSES, loss, validated, validated, step * 900, 412.0, (LOSSES - step) * 3.0))
            if step == LOSSES // 2:
                self.halfway()
        file = work / "adapter.gguf"
        file.write_bytes(adapter())
        return Outcome(file, LOSSES, 3.0, 0.21, 0.43, LOSSES * 900, 412.0, 87.0, 1000)

    def halfway(self) -> None:
        """What a test does when half of the steps are done."""


def study(
    home: Settings,
    trainer: Trainer | None = None,
    answers: Callable[[Voice, Sequence[BaseMessage]], str] = reply,
) -> Specialists:
    return Specialists(home, FakeSpeaker(answers), WordEmbedder(), trainer=trainer or Trainer())


def rows(n: int = 90) -> bytes:
    """Examples as JSON lines."""
    return "".join(
        json.dumps(
            {
                "text": f"Please {VERBS[i % 3]} the {('door', 'window', 'gate')[i // 3 % 3]} of house {i}",
                "intent": VERBS[i % 3],
            }
        )
        + "\n"
        for i in range(n)
    ).encode()
