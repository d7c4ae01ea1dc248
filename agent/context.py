"""What the nodes work with. Built once, in `wiring.py`; the graph hands it to every node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.about_user import AboutUser
from agent.digest import Gist
from agent.models.chat import ChatModel
from agent.router import Router
from agent.specialists.promoted import Promoted
from agent.state import Route
from tools.base import Closing, Remembering, Tool
from tools.library.evidence import Nearness


@dataclass(frozen=True)
class Limits:
    """The bounds of one turn. Every loop of the graph ends at one of them."""

    gathers: int = 2
    drafts: int = 2
    seconds: float = 180.0
    passages: int = 4
    answer_tokens: int = 320
    ask_back: bool = True
    """Whether a question that cannot be understood, or that the documents answer in several ways, is asked back."""
    read: int = 900
    """Characters of Latin text that the model reads of all passages together; 0 is everything. Prompt tokens are the
    cost of a model on this machine, 65 to 85 a second on two cores."""
    digest: int = 240
    """Tokens of older exchanges that a question is read with when it points back to them; 0 is none."""


async def _nothing() -> list[Gist]:
    return []


@dataclass(frozen=True)
class Context:
    """`familiarity` is the best cosine similarity of the library to a question, None when nothing is indexed;
    `titles` are the titles of its documents, and `unmentioned` keeps of some words those that none of them holds.
    `nearness` tells of sentences, each with what stands above it, how near they are to a question. `specialists` are
    those that are promoted; they come and go."""

    model: ChatModel
    router: Router
    tools: Mapping[Route, Tool]
    specialists: Promoted
    limits: Limits
    familiarity: Callable[[str], float | None]
    titles: Callable[[], list[str]]
    unmentioned: Callable[[Sequence[str]], list[str]]
    nearness: Callable[[str, Sequence[tuple[str, str]]], list[Nearness]]
    earlier: Callable[[], Awaitable[list[Gist]]] = _nothing
    """What stays of those exchanges of the conversation that its state no longer holds."""
    about: AboutUser | None = None
    """What the user told about themselves."""

    def close(self) -> None:
        """Let go of what the tools hold."""
        for tool in self.tools.values():
            if isinstance(tool, Closing):
                tool.close()

    def forget(self) -> None:
        """Drop what the tools keep of earlier questions. Raises `ToolError`."""
        for tool in self.tools.values():
            if isinstance(tool, Remembering):
                tool.forget()
