"""What a turn tells its listener while it runs, in the order it happens; the last event is always `Done`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.state import Answer, Shown, Source


@dataclass(frozen=True)
class Status:
    """A node began (`seconds` is None) or ended. `facts` are what the interface shows of it."""

    node: str
    seconds: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A new draft begins: what was streamed before it is void. `number` counts from 1."""

    number: int


@dataclass(frozen=True)
class Token:
    """The next piece of the draft, not yet verified."""

    text: str


@dataclass(frozen=True)
class Checked:
    """What the rules say of sentence `number` (from 1) of the draft, while the next one is being written. A sentence
    of which nothing is told is looked at when the draft is complete."""

    number: int
    state: Shown


@dataclass(frozen=True)
class Sources:
    """The passages that the draft is written from, numbered as the draft cites them."""

    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Done:
    """The verified answer. It replaces everything that was streamed."""

    answer: Answer
    thread: str
    index: int | None = None
    """Where the exchange stands in its conversation, from 0; None when that is not known."""
    turn: str = ""
    """The id under which feedback on the answer is given."""


Event = Status | Draft | Token | Checked | Sources | Done
