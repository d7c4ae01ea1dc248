"""What was asked, and how it ended: the rows and figures of `agent.insights_store`."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock
from typing import Literal, get_args

Ending = Literal["ended", "failed", "stopped"]
"""How a turn ended, as whoever ran it sees it."""
Outcome = Literal["answered", "refused", "failed", "stopped"]
Listing = Literal["refused", "disliked", "failed", "slowest", "repeated", "all"]
LISTINGS: tuple[Listing, ...] = get_args(Listing)
Step = Literal["day", "week", "month"]

LONGEST = 1000
"""Characters of a question that are kept here; the conversation has all of it."""
_SAME = 200
"""Characters by which two questions are held to be the same."""


@dataclass(frozen=True)
class Asked:
    """A turn: exchange `n` (from 0) of a conversation. `route` is empty where none was chosen any more."""

    thread: str
    n: int
    turn: str
    """The id under which feedback is given; empty without an answer."""
    at: float
    """`time.time()` at which the turn began."""
    question: str
    language: str
    route: str
    outcome: Outcome
    seconds: float
    calls: int
    prompt: int
    completion: int
    asker: str
    times: int = 1
    """How often the same was asked, where questions are shown once each."""
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    wanted: str = ""
    """Where the answer should have come from, as the feedback on it says."""
    corrected: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Span:
    """Questions of a day, a week or a month, by its first day."""

    start: str
    asked: int
    refused: int


@dataclass(frozen=True)
class Figures:
    """What a period comes to. Seconds are those of turns that came to their end; None where there are none."""

    asked: int
    refused: int
    failed: int
    stopped: int
    liked: int
    disliked: int
    median: float | None
    p95: float | None
    calls: int
    prompt: int
    completion: int
    routes: tuple[tuple[str, int], ...]
    languages: tuple[tuple[str, int], ...]
    step: Step
    spans: tuple[Span, ...]
    """Those in which something was asked, in their order."""

    @property
    def ended(self) -> int:
        """Turns that came to their end."""
        return self.asked - self.failed - self.stopped


@dataclass(frozen=True)
class Listed:
    """A page of a list, and how many rows the list has."""

    total: int
    rows: tuple[Asked, ...]


def since(days: int | None, now: float) -> float:
    """When the last `days` days begin, today being one of them, in local time; 0.0 for None."""
    if days is None:
        return 0.0
    first = datetime.fromtimestamp(now).date() - timedelta(days=days - 1)
    return datetime.combine(first, clock.min).timestamp()


def folded(text: str) -> str:
    """A question without what makes no other question of it: case, width, spaces, marks."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in plain if c.isalnum())[:_SAME] or plain.strip()[:_SAME]
