"""What the nodes work with. Built once, in `wiring.py`; the graph hands it to every node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.models.chat import ChatModel
from agent.router import Router
from agent.state import Route
from tools.base import Tool


@dataclass(frozen=True)
class Limits:
    """The bounds of one turn. Every loop of the graph ends at one of them."""

    gathers: int = 2
    drafts: int = 2
    seconds: float = 180.0
    passages: int = 4
    answer_tokens: int = 320


@dataclass(frozen=True)
class Context:
    """`familiarity` is the best cosine similarity of the library to a question, None when nothing is indexed;
    `titles` are the titles of its documents, and `unmentioned` keeps of some words those that none of them holds.
    `nearness` is the cosine similarity of a question and the nearest of some sentences, 0 when there are none."""

    model: ChatModel
    router: Router
    tools: Mapping[Route, Tool]
    limits: Limits
    familiarity: Callable[[str], float | None]
    titles: Callable[[], list[str]]
    unmentioned: Callable[[Sequence[str]], list[str]]
    nearness: Callable[[str, Sequence[str]], float]
