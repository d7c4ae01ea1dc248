"""Asking a model many questions: who speaks, two at a time, and to be stopped between any two."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from tools.specialist.card import Card
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Message

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from agent.models.chat import Meter

AT_ONCE = 2
"""The embedded model has so many slots, and each keeps what it has read for the next question."""

T = TypeVar("T")


@dataclass(frozen=True)
class Voice:
    """Who speaks: a card, and the folder with its adapter. Any version of a specialist is one."""

    card: Card
    folder: Path

    def silent(self) -> Voice:
        """Its base model alone, in no form but with no words of the card's either."""
        return self.unformed().without_adapter()

    def unformed(self) -> Voice:
        """With its adapter, in no form, with no prompt and no examples in front."""
        return self._with(prompt="", shots=(), answers=(), schema_=None)

    def without_adapter(self) -> Voice:
        """Its base model in the same form."""
        return self._with(adapter="", remote=None)

    def unprompted(self) -> Voice:
        """For messages that hold prompt and examples already."""
        return self._with(prompt="", shots=())

    def _with(self, **changed: object) -> Voice:
        return Voice(self.card.model_copy(update=changed), self.folder)


class Speaker(Protocol):
    """Whoever lets specialists and their base models speak: `agent.specialists.speakers.Speakers`."""

    def usable(self, card: Card) -> str:
        """Empty, or a code that says why nobody can speak for the card."""

    async def write(
        self,
        version: Voice,
        messages: Sequence[BaseMessage],
        *,
        max_tokens: int,
        meter: Meter,
        anew: bool = False,
    ) -> str: ...


async def each(
    items: Iterable[T], work: Callable[[T], Awaitable[None]], stop: threading.Event, at_once: int = AT_ONCE
) -> None:
    """`work` on every item, in their order. Raises `SpecialistError` (`stopped`) once `stop` is set."""
    waiting = iter(items)

    async def worker() -> None:
        for item in waiting:
            if stop.is_set():
                raise SpecialistError("stopped", "Stopped before the end; run the same command again to go on.")
            await work(item)

    workers = [asyncio.ensure_future(worker()) for _ in range(at_once)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


def spoken(messages: Iterable[Message]) -> list[BaseMessage]:
    """The messages of an example as a model takes them."""
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[message.role](message.content) for message in messages]
