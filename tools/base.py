"""What every tool speaks: a `Passage`, the `Tool` protocol, and `ToolError`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

Kind = Literal["library", "web", "specialist"]
Consent = Literal["on", "ask", "off"]
"""Whether a question may leave the machine for a web search: without asking, if its writer says yes, or never."""


@dataclass(frozen=True)
class Passage:
    """A piece of text that an answer may cite, and where it stands.

    `score` orders passages of one call, best first; it is not comparable between tools.
    `stages` keeps what each stage of retrieval gave (`vector`: cosine similarity, `words`: BM25).
    `trust` in [0, 1] says how far the source is believed: the owner's documents 1.0, the web less.
    A `specialist` passage is opinion and never counts as evidence.
    """

    id: str
    text: str
    title: str
    url: str
    kind: Kind
    page: int | None = None
    """1-based page of a PDF, otherwise None."""
    heading: tuple[str, ...] = ()
    """The headings above the passage, outermost first."""
    document: str = ""
    """Id of the document or web page it was cut from; empty for what was cut from none, as a search's snippet."""
    start: int = 0
    """First character of the passage in its document's text."""
    end: int = 0
    """One past its last character."""
    score: float = 0.0
    trust: float = 1.0
    stages: Mapping[str, float] = field(default_factory=dict)
    copies: tuple[str, ...] = ()
    """Addresses of other documents that hold nearly the same passage, which search gives once."""
    published: str = ""
    """The day that a web page says it was published or changed on, as 2025-03-14; empty when it does not say."""
    read_at: float = 0.0
    """When a web page was read: seconds since 1970, UTC; 0 for what was not read from the web now."""

    def __post_init__(self) -> None:
        # A checkpoint gives tuples back as lists.
        object.__setattr__(self, "heading", tuple(self.heading))
        object.__setattr__(self, "copies", tuple(self.copies))


@dataclass(frozen=True)
class Sent:
    """A query that left the machine. `at`: `time.time()`."""

    provider: str
    query: str
    at: float


class Gathered(list[Passage]):
    """Passages, and the queries that left the machine for them. What the library finds needs none and is a list."""

    def __init__(self, passages: Iterable[Passage] = (), sent: Iterable[Sent] = ()) -> None:
        super().__init__(passages)
        self.sent = tuple(sent)


class ToolError(Exception):
    """A tool could not do its work. `reason` is a short code that the reader's language has a sentence for.

    Codes: `web_unavailable` (search is down, slow or limits us), `web_off` (the owner switched it off),
    `library_empty` (nothing is indexed yet), `library_broken` (the index cannot be read), `library_busy` (another
    program has been writing for too long), `library_other_embedder` (the index is of another embedder),
    `library_full` (the disk is full). Only its owner meets: `library_unknown` (no such document or collection),
    `library_name` (a collection cannot have that name), `library_archive` (an export cannot be written or taken in).
    """

    def __init__(self, reason: str, detail: str = "", sent: Iterable[Sent] = ()) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.sent = tuple(sent)
        """The queries that had left the machine by then."""


@runtime_checkable
class Tool(Protocol):
    """Finds passages for a question. To add one: implement this, and name it in `agent/wiring.py`."""

    @property
    def name(self) -> str:
        """The route that leads here."""

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """The best `k` passages for `query`, best first; an empty list when there are none.

        Raises `ToolError` when the tool itself could not work, which is not the same as finding nothing.
        """


@runtime_checkable
class Closing(Protocol):
    """A tool that holds what must be let go of at the end, such as processes."""

    def close(self) -> None: ...


@runtime_checkable
class Remembering(Protocol):
    """A tool that keeps what it was asked."""

    def forget(self) -> None:
        """Drop all of it. Raises `ToolError("web_unavailable")` where that is not possible."""
