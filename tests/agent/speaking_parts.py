"""Specialists of a data folder and a model that speaks for them, for tests of whole turns.

Registry, router, library and graph are real; only what the model says is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agent import Agent, Answer, Settings
from agent.models.chat import ChatModel
from agent.models.scripted import ScriptedChatModel
from tests.agent.models.gguf_files import adapter as adapter_file
from tests.agent.models.gguf_files import gguf
from tools.base import Passage
from tools.specialist.card import ADAPTER, Base, Card
from tools.specialist.registry import Registry, Version

BANK = Card(
    name="banking",
    description="Questions of the customers of an online bank about cards, payments, transfers and top-ups",
    examples=(
        "My card was swallowed by the cash machine",
        "How do I activate my new card?",
        "When will the transfer reach my account?",
        "I was charged a fee for withdrawing cash abroad",
        "How can I top up my account with another card?",
        "There is a payment on my statement that I don't recognise",
    ),
    prompt="You answer the customers of a bank.",
)
DECLINED = "Why has my card been declined?"
LEAVE = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"

Opens = Callable[..., AbstractAsyncContextManager[Agent]]


class Heard:
    """Stands for the embedded model: says given lines, and keeps with which adapter each was asked for.

    `refuses`: adapters of these specialists cannot be loaded.
    """

    name, origin, formats, runs = "heard", "the setting `model`", True, 1

    def __init__(self, *lines: str, refuses: Sequence[str] = ()) -> None:
        self.model = ScriptedChatModel(lines=list(lines))
        self.beginnings = self
        self.refuses = refuses
        self.voices: list[str] = []
        """The specialist whose adapter counted in each call; "" for none."""
        self.loaded: list[str] = []

    @property
    def embedded(self) -> Heard:
        return self

    @property
    def prompts(self) -> list[str]:
        return self.model.prompts

    def chat(self) -> ChatModel:
        return ChatModel(lambda: self)  # type: ignore[arg-type,return-value]

    @asynccontextmanager
    async def entered(self, path: Path | None) -> AsyncIterator[str]:
        from agent.errors import ModelUnusable

        name = "" if path is None else path.parents[2].name
        if name in self.refuses:
            raise ModelUnusable(f"{path} does not fit; train the specialist again.")
        yield name

    async def load(self, paths: Sequence[Path]) -> None:
        self.loaded = [path.parents[2].name for path in paths]

    @contextmanager
    def slot(self, voice: str, messages: Sequence[BaseMessage]) -> Iterator[dict[str, Any]]:
        self.voices.append(voice)
        yield {}

    def read(self, messages: Sequence[BaseMessage], number: int) -> None:
        """What prompts begin with; read in no time."""

    def note(self, number: int, messages: Sequence[BaseMessage]) -> None:
        pass

    def close(self) -> None:
        pass


def with_base(settings: Settings, folder: Path) -> Settings:
    """Settings whose model is a file, so that its hash is known."""
    path = folder / "base.gguf"
    path.write_bytes(gguf())
    return settings.model_copy(update={"model": str(path)})


def promoted(settings: Settings, card: Card, *, adapter: bool = True, base: str = "") -> Version:
    """The card as a promoted specialist of the data folder, with an adapter for the configured model."""
    registry = Registry(settings.data_dir / "specialists")
    path: Path | None = None
    if adapter:
        path = settings.data_dir.parent / "made.gguf"
        path.write_bytes(adapter_file())
        sha256 = base or hashlib.sha256(Path(settings.model).read_bytes()).hexdigest()
        card = card.model_copy(update={"adapter": ADAPTER, "base": Base(name="base", sha256=sha256)})
    version = registry.add(card, path, None)
    registry.promote(card.name, version.number, unproven=True)
    return version


def removed(settings: Settings, name: str) -> None:
    Registry(settings.data_dir / "specialists").retire(name)


@dataclass
class Web:
    """A web of one page; it keeps what it was asked."""

    name: str = "web"
    asked: list[str] = field(default_factory=list)

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        self.asked.append(query)
        return [Passage("w1", "Cards are declined for many reasons.", "Cards", "https://a.example/", "web", score=1.0)]


@pytest.fixture
def based(indexed: Settings, tmp_path: Path) -> Settings:
    return with_base(indexed, tmp_path)


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Opens:
    @asynccontextmanager
    async def open_(settings: Settings, heard: Heard, web: Web | None = None) -> AsyncIterator[Agent]:
        monkeypatch.setattr("agent.agent.chat_model", lambda settings, given: heard.chat())
        async with Agent.open(settings, web=web) as agent:
            yield agent
        assert heard.model.leftover == []

    return open_


def path_of(answer: Answer) -> list[str]:
    return [step.node for step in answer.steps]


def facts_of(answer: Answer, node: str) -> dict[str, object]:
    return next(step.facts for step in answer.steps if step.node == node)
