"""gather: run one tool and keep its passages. One node serves every tool; a tool that fails becomes a notice.

A specialist is a tool too. What it says is all there is to wait for, so it reaches the reader while it is said.
"""

from __future__ import annotations

import asyncio
import logging
import time
import unicodedata
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.runtime import Runtime

from agent.ambiguity import bearers
from agent.asked import current, of_the_day
from agent.consent import CHOSEN
from agent.context import Context
from agent.errors import MemoryFileError
from agent.events import Draft, Token
from agent.guard import disarm
from agent.models.chat import Meter
from agent.places import without_wish
from agent.reading import weighed
from agent.specialists.tool import UNUSABLE
from agent.state import Decision, State, Turn
from tools.base import Gathered, Passage, ToolError
from tools.library.tokens import terms

KEPT = 0.7
"""Share of the best score that a passage after the second must reach to be read."""

log = logging.getLogger(__name__)


async def gather(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    decision = turn.decision
    assert decision is not None
    turn = replace(turn, gathers=turn.gathers + 1, tried=(*turn.tried, tried(decision)))
    if decision.route == "web":
        decision = replace(decision, query=without_wish(decision.query))
    if decision.tool == "specialist":
        return {"turn": await _spoken(turn, decision, runtime)}
    if decision.route == "web" and turn.web == "off":
        return {"turn": _noted(turn, "asked_web_off" if turn.wish else "web_off")}
    query = decision.query
    if decision.route == "web":
        query = outgoing(turn, state["messages"], runtime.context)
    try:
        passages = await runtime.context.tools[decision.tool].gather(query, k=runtime.context.limits.passages)
    except ToolError as error:
        log.info("%s could not gather: %s", decision.tool, error)
        return {"turn": _noted(replace(turn, sent=(*turn.sent, *error.sent)), error.reason)}
    if isinstance(passages, Gathered):
        turn = replace(turn, sent=(*turn.sent, *passages.sent))
    passages = [passage for passage in passages if passage.kind != "specialist"]  # it says so of itself alone
    if not passages:
        return {"turn": turn}  # what an earlier look-up found is still the nearest there is
    passages = of_the_day(passages, decision.query)
    found = worth_reading(passages)
    found += [one for one in bearers(decision.query, passages).values() if one not in found]
    beside = [passage for passage in passages if passage not in found]
    read = [disarm(passage) for passage in found]
    if read != found:
        turn = _noted(turn, "orders_left_out")
    passages = [passage for passage in read if passage.text]
    ordered, evidence = await asyncio.to_thread(weighed, decision.query, passages, runtime.context.nearness)
    if decision.route == "web":  # what its owner keeps in the library is not out of date because of its year
        evidence = current(evidence, ordered, decision.query)
    return {"turn": replace(turn, passages=ordered, evidence=evidence, beside=tuple(beside))}


def after_gather(state: State) -> Literal["judge", "answer"]:
    """Passages are judged. A specialist's words are not: there is nothing to judge them by."""
    return "judge" if state["turn"].opinion is None else "answer"


async def _spoken(turn: Turn, decision: Decision, runtime: Runtime[Context]) -> Turn:
    """The turn with what the specialist says to the question, told piece by piece; no passage of another kind stays
    beside it."""
    meter, said, first = Meter(), "", turn.first_token
    try:
        tool = runtime.context.specialists.tool(decision.specialist)
        runtime.stream_writer(Draft(1))
        async with aclosing(tool.stream(decision.query, meter)) as pieces:
            async for piece in pieces:
                first = first or time.time() - turn.started
                said += piece
                runtime.stream_writer(Token(piece))
        passages = tool.passages(said)
    except ToolError as error:
        log.warning("%s could not be asked: %s", decision.place, error)
        passages = []
    turn = replace(turn, usage=turn.usage + meter.usage)
    if not passages:  # it is remembered in `tried`, and does not count against the look-ups
        return _noted(replace(turn, gathers=turn.gathers - 1), UNUSABLE)
    return replace(turn, passages=tuple(passages), evidence=(), first_token=first)


def worth_reading(passages: Sequence[Passage]) -> list[Passage]:
    """The passages without the far weaker ones at the end: each costs a local model a second or two, and misleads it.

    The first two always stay, since the right one is among them nine times in ten. A third one of the web holds the
    answer of 5 questions in 60 more, and misleads the small model as often.
    """
    if not passages or passages[0].score <= 0:
        return list(passages)
    return [p for i, p in enumerate(passages) if i < 2 or p.score >= KEPT * passages[0].score]


def outgoing(turn: Turn, messages: Sequence[AnyMessage], context: Context) -> str:
    """What a web search is asked for a turn; see `outward`."""
    assert turn.decision is not None
    # "search the web for this" is no part of what is searched for
    said = messages[:-1] if turn.wish else messages
    return outward(without_wish(turn.decision.query), said, carries=turn.carries, kept=_kept(context))


def outward(query: str, messages: Sequence[AnyMessage], *, carries: str = "", kept: Sequence[str] = ()) -> str:
    """The query as it may leave the machine: in words that the user wrote.

    A follow-up was rewritten against earlier answers, and these hold words of private documents. If the rewriting
    has a term that no question of the user has, the user's last two questions go out instead. A choice that was picked
    is a heading of a document, not the user's words, unless a web search had found it. What the user told about
    themselves (`carries`, `kept`) stays here, unless it stands in the very question that is asked.
    """
    asked = [str(m.text) for m in messages if isinstance(m, HumanMessage) and not m.additional_kwargs.get(CHOSEN)]
    for fact in kept:
        asked[:-1] = [unicodedata.normalize("NFKC", q).replace(fact, " ") for q in asked[:-1]]
    query = query.replace(carries, "") if carries else query
    known = set(terms(" ".join([*asked, *_found_outside(messages)])))
    return query if set(terms(query)) <= known else " ".join(" ".join(asked[-2:]).split())


def _found_outside(messages: Sequence[AnyMessage]) -> list[str]:
    """What Kotae let the user choose from that stands on pages of the web."""
    records = [m.additional_kwargs.get("answer") or {} for m in messages if isinstance(m, AIMessage)]
    return [choice for record in records if record.get("choices_of_web") for choice in record.get("choices", ())]


def _kept(context: Context) -> list[str]:
    """What the user told about themselves, whether it is used or not."""
    try:
        return [fact.text for fact in context.about.facts()] if context.about else []
    except MemoryFileError:
        return []


def tried(decision: Decision) -> str:
    """The mark under which a look-up is remembered."""
    return f"{decision.tool}:{decision.query}"


def _noted(turn: Turn, notice: str) -> Turn:
    return turn if notice in turn.notices else replace(turn, notices=(*turn.notices, notice))
