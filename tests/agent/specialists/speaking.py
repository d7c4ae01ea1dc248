"""A speaker that says what a test lays down, and fails loudly where it was asked something else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from langchain_core.messages import BaseMessage

from agent.models.chat import Meter
from agent.specialists.asking import Voice
from tools.library import E5
from tools.library.embed import Vectors
from tools.specialist.card import Base, Card
from tools.specialist.example import Example, Message

SHA = "a" * 64
CARD = Card(
    name="banking",
    description=("Name what a customer wants.",),
    examples=("Where is my card?",),
    prompt="Name the intent.",
    base=Base(name="small", sha256=SHA),
    adapter="adapter.gguf",
    metric="exact",
)


class Remembering:
    """The library's embedder; a text that several tests use is embedded once."""

    def __init__(self) -> None:
        self._embedder = E5()
        self._known: dict[str, Vectors] = {}
        self.name, self.dimension = self._embedder.name, self._embedder.dimension

    def query(self, text: str) -> Vectors:
        if text not in self._known:
            self._known[text] = self._embedder.query(text)
        return self._known[text]

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.passages(texts)

    def count(self, text: str) -> int:
        return self._embedder.count(text)


EMBEDDER = Remembering()
Reply = Callable[[Voice, Sequence[BaseMessage]], str]


@dataclass
class Asked:
    voice: Voice
    messages: list[tuple[str, str]]
    max_tokens: int
    together: int = 1
    """How many it was asked at that moment, this one included."""


@dataclass
class FakeSpeaker:
    """`reply` gets the voice and the messages. `asked` is all that it was asked, in order."""

    reply: Reply
    asked: list[Asked] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    unusable: str = ""

    def usable(self, card: Card) -> str:
        return self.unusable

    async def write(
        self, version: Voice, messages: Sequence[BaseMessage], *, max_tokens: int, meter: Meter, anew: bool = False
    ) -> str:
        assert version.card.prompt == "", "the messages hold the prompt already"
        assert version.card.shots == ()
        self.at_once += 1
        self.asked.append(Asked(version, [(m.type, str(m.text)) for m in messages], max_tokens, self.at_once))
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return self.reply(version, messages)


def voice(folder: Path, **changed: object) -> Voice:
    return Voice(CARD.model_copy(update=changed), folder)


def example(question: str, answer: str, group: str = "", system: str = "", refuses: bool | None = None) -> Example:
    said = (Message("system", system),) if system else ()
    return Example((*said, Message("user", question)), answer, group, refuses)
