"""Search services behind one protocol. To add one: implement `Provider`, and name it in `agent/wiring.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tools.web.query import WebQuery


@dataclass(frozen=True)
class Hit:
    """A page that a search found."""

    title: str
    url: str
    text: str
    """What the service shows of the page."""
    published: str = ""
    """The day, ISO 8601; empty where the service does not tell."""


class Provider(Protocol):
    """A search service. It is asked from threads of its own, several at once."""

    @property
    def name(self) -> str:
        """As the owner names it in the settings."""

    def search(self, query: WebQuery, seconds: float) -> Sequence[Hit]:
        """Blocking: the hits found within so many seconds, best first; empty only when the service says so.

        Raises `SearchRefused` where asking again would not help, `SearchBusy` where it would after a while, and
        anything else where it may.
        """


class SearchRefused(Exception):
    """The service takes us for a robot or forbids us. Asking again at once only prolongs it."""

    def __init__(self, message: str, rest: float = 0.0) -> None:
        super().__init__(message)
        self.rest = rest
        """Seconds for which it asks to be left alone."""


class SearchBusy(ConnectionError):
    """The service asks to be left alone for `rest` seconds, and may be asked again then."""

    def __init__(self, message: str, rest: float) -> None:
        super().__init__(message)
        self.rest = rest
