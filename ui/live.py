"""The turn that is being written, as whoever looks on sees it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.events import Checked, Draft, Status, Token
from agent.state import Step
from ui.http.turn import Queued

if TYPE_CHECKING:
    from agent.state import Shown
    from ui.http.turn import Turn, TurnEvent


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

    def take(self, event: TurnEvent) -> None:
        if isinstance(event, Queued):
            self.node = "queue" if event.seconds is None else ""
        elif isinstance(event, Status):
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


@dataclass
class Live(Progress):
    """A turn of the page."""

    turn: Turn
    discarded: bool = False
    """Nobody looks at this turn any more: another conversation was opened."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when its last screen has been taken."""
