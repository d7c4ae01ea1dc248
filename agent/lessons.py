"""What the router learns from what users say of answers, and from wishes for a place; and the keeping of both."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import FeedbackError, RouteError
from agent.feedback import Feedback, FeedbackStore, Opinion, teach, unknown_route
from agent.followups import HISTORY
from agent.router import Router
from agent.specialists.tool import UNUSABLE
from agent.state import Turn

if TYPE_CHECKING:
    from agent.conversations import Exchange

log = logging.getLogger(__name__)


async def keep(
    opinion: Opinion,
    thread: str,
    turn: str,
    exchanges: Sequence[Exchange],
    store: FeedbackStore,
    router: Router,
    model: str,
    *,
    teaches: bool,
) -> Feedback:
    """Keep an opinion of the answer `turn` in place of the one before, and if it `teaches` let the router follow it;
    both or neither.

    Raises `FeedbackError` and `RouteError`.
    """
    if opinion.wanted is not None and opinion.wanted not in router.places:
        raise unknown_route(opinion.wanted, router.places)
    at, earlier = place(exchanges, turn)
    answer = exchanges[at].answer
    assert answer is not None
    now = opinion.on(
        answer,
        question=exchanges[at].question,
        thread=thread,
        turn=turn,
        model=model,
        time=time.time(),
        history=[(e.question, e.answer.text) for e in exchanges[max(0, at - HISTORY) : at] if e.answer],
    )
    if teaches:
        now = replace(now, replaced=await asyncio.to_thread(teach, router, earlier, now))
    try:
        await store.put(now)
    except FeedbackError:
        if teaches:
            await asyncio.to_thread(teach, router, now, earlier)
        raise
    return now


def place(exchanges: Sequence[Exchange], turn: str) -> tuple[int, Feedback | None]:
    """Where the answer `turn` stands, and what was said of it. Raises `FeedbackError` when there is none."""
    for index, exchange in enumerate(exchanges):
        if turn and exchange.turn == turn:
            return index, exchange.feedback
    raise FeedbackError("unknown_turn", "There is no such answer; the conversation may have changed since.")


async def follow(turn: Turn, router: Router) -> None:
    """Let the router follow the wish of a turn, where it would go elsewhere and the wish can be met."""
    if turn.wish is None or (turn.wish == "web" and turn.web == "off") or UNUSABLE in turn.notices:
        return
    usual = await asyncio.to_thread(router.decide, turn.standalone, turn.language)
    if usual.place == turn.wish:
        return
    try:
        await asyncio.to_thread(router.correct, turn.standalone, turn.wish)
    except RouteError as error:
        log.warning("the wish for a route was met and could not be learned: %s", error)
