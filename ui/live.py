"""The turn that is being written, as whoever looks on sees it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.events import Checked, Done, Draft, Event, Status, Token
from agent.state import Step

if TYPE_CHECKING:
    from agent.state import Shown


@dataclass(kw_only=True)
class Progress:
    """How far a turn has come."""

    steps: list[Step] = field(default_factory=list)
    node: str = ""
    specialist: str = ""
    """Who is being asked."""
    since: float = field(default_factory=time.monotonic)
    draft: str = ""
    checked: dict[int, Shown] = field(default_factory=dict)
    answer_done: bool = False

    def take(self, event: Event) -> None:
        if isinstance(event, Status):
            if event.seconds is None:
                self.specialist = str(event.facts.get("specialist") or "")
                self.node = "specialist" if self.specialist else event.node
                self.since = time.monotonic()
            elif event.node != "finish":
                self.steps.append(Step(event.node, event.seconds, event.facts))
        elif isinstance(event, Draft):
            self.draft, self.checked = "", {}
        elif isinstance(event, Checked):
            self.checked[event.number] = event.state
        elif isinstance(event, Token):
            self.draft += event.text
        elif isinstance(event, Done):
            self.answer_done = True


@dataclass
class Live(Progress):
    """A turn of the page."""

    thread: str
    task: asyncio.Task[None]
    discarded: bool = False
    """Nobody looks at this turn any more: another conversation was opened."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its last screen has been taken."""


async def take_next(events: asyncio.Queue[Event], live: Live) -> bool:
    """Wait for something to show and take all there is; False when the turn is over."""
    if events.empty() and not live.task.done():
        getter = asyncio.ensure_future(events.get())
        try:
            await asyncio.wait({getter, live.task}, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                live.take(getter.result())
        finally:
            getter.cancel()
    while not events.empty():
        live.take(events.get_nowait())
    return not live.task.done()
