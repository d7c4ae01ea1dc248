"""One turn: what it was asked, what it told so far, and who reads it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.events import Event

if TYPE_CHECKING:
    from agent import Agent, Answer
    from agent.asker import Asker
    from tools.base import Consent

Outcome = Literal["answered", "refused", "failed", "stopped"]

BEAT = 15
"""Seconds of silence after which a reader is told that there is nothing new."""


@dataclass(frozen=True)
class Asked:
    """What a turn is asked. `thread` is "" for a new conversation, in which `said` was said before (see
    `Agent.begin`); one that is not `kept` is deleted when the turn is over."""

    question: str
    thread: str = ""
    web: Consent | None = None
    said: tuple[tuple[str, str], ...] = ()
    kept: bool = True

    @property
    def fingerprint(self) -> str:
        """The same for the same, and nothing can be read from it."""
        return hashlib.sha256(repr(astuple(self)).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Begun:
    """The first event of a turn."""

    turn: str
    thread: str


@dataclass(frozen=True)
class Queued:
    """The turn waits until others have ended; `ahead` wait before it. `seconds` is None until its wait is over."""

    ahead: int
    seconds: float | None = None


@dataclass(frozen=True)
class Ended:
    """The last event of a turn that came to its answer: the exchange `index` (from 0) of its conversation, whose `id`
    is the one that feedback is given under. Neither is known of a conversation that has been deleted."""

    answer: Answer
    index: int | None = None
    id: str = ""


@dataclass(frozen=True)
class Failed:
    """The last event of a turn without an answer. `code` is one of `ui.faults`, or `stopped`."""

    code: str


TurnEvent = Begun | Queued | Event | Ended | Failed


@dataclass(eq=False)
class Turn:
    """A turn and what it told so far. Read it with `read`; only `Turns` changes it."""

    id: str
    thread: str
    asked: Asked
    asker: Asker
    agent: Agent
    """As the asker meets it."""
    grace: float
    began: float
    key: str = ""
    """What it was asked with, to be found again."""
    events: list[TurnEvent] = field(default_factory=list)
    outcome: Outcome | None = None
    """None as long as it is not over."""
    answer: Answer | None = None
    seconds: float = 0.0
    """How long it took, waiting included."""
    again: bool = False
    """It was asked before with the same key, and stopped or failed: the question is there already, unanswered."""
    task: asyncio.Task[None] | None = None
    _cancelled: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _readers: int = 0
    _farewell: asyncio.TimerHandle | None = None

    def tell(self, event: TurnEvent) -> None:
        self.events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def read(self, after: int = 0, beat: float = BEAT) -> AsyncGenerator[list[tuple[int, TurnEvent]], None]:
        """What was told from event number `after` + 1 on, as it comes, until the turn is over: all that is there at
        once, and an empty list after `beat` seconds of silence. Close it to leave."""
        self._readers += 1
        self._stay()
        try:
            while True:
                fresh = list(enumerate(self.events[after:], after + 1))
                after = len(self.events)
                if fresh:
                    yield fresh
                    continue
                if self.outcome is not None:
                    return
                try:
                    async with asyncio.timeout(beat):
                        await self._news.wait()
                except TimeoutError:
                    yield []
        finally:
            self._readers -= 1
            self.leave()

    def leave(self) -> None:
        """Give the turn its grace if nobody reads it."""
        if self._readers == 0 and self.outcome is None and self.task is not None:
            self._stay()
            self._farewell = asyncio.get_running_loop().call_later(self.grace, self.cancel)

    def cancel(self) -> None:
        """End it soon, if it has no answer yet. Only the first call counts: a second one would break off what is put in
        order then."""
        if self.outcome is None and self.answer is None and self.task is not None and not self._cancelled:
            self._cancelled = True
            self.task.cancel()

    def _stay(self) -> None:
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None
