"""route: where the answer should come from. Milliseconds; the model is asked only where the classifier is unsure.

A question that the router sends to a specialist is looked at once more, since what a specialist says is an opinion and
what the documents say can be checked: see `way`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, cast

from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from agent import places
from agent.ambiguity import leaves_open
from agent.context import Context
from agent.digest import reach, unpointed
from agent.models.chat import Meter
from agent.nodes.reply import asked_back
from agent.nodes.understand import detect
from agent.prompts import fill
from agent.router import SURE
from agent.specialists.manner import reads_passages, writes_freely
from agent.specialists.tool import UNUSABLE
from agent.state import Decision, Language, Route, State, Turn
from agent.telling import only_tells
from tools.specialist.card import Card

FAMILIAR: Mapping[Language, float] = {"en": 0.84, "ja": 0.86}
"""Cosine similarity (multilingual-e5-small) from which on the library plainly speaks about the question; Japanese texts
lie nearer to each other. On the sample library nine in ten questions to it have it; of small talk one in a hundred
English pieces and one in seven Japanese ones do."""
ANSWERS: Mapping[Language, float] = {"en": 0.88, "ja": 0.90}
"""From here on a passage answers the question rather than one like it, and comes before any specialist but the one that
the user named."""
SURE_TO_LEAVE = 0.9
"""Below this, what only the classifier sends elsewhere (to the web, to small talk, back to the user) stays here if the
library speaks about it."""
_LETTERS: dict[str, Route] = {"A": "library", "B": "web", "C": "direct", "D": "clarify"}

Way = Literal["alone", "over", "after"]
"""How a specialist comes to its word: by itself, over passages of the library, or after the documents if these do not
hold the answer."""


async def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, context = state["turn"], runtime.context
    if turn.wish is not None:
        kind, _, name = turn.wish.partition(":")
        wished = Decision(cast("Route", kind), turn.standalone, 1.0, "asked", specialist=name)
        return {"turn": await _decided(turn, wished, context)}
    if turn.decision is not None:  # by a choice that the user picked, or by the name of a specialist
        return {"turn": await _decided(turn, turn.decision, context)}
    again = asked_back(state["messages"]) is not None
    asked = turn.standalone.removesuffix(turn.carries)
    if cue := _among_ourselves(turn.question, turn.language):
        return {"turn": replace(turn, decision=Decision("direct", asked, 1.0, "cue", cue))}
    language = detect(asked, [])  # the answer may be wanted in another
    decision = context.router.decide(asked, language, follows=again or asked != turn.question)
    if decision.route == "specialist":
        return {"turn": await _decided(turn, decision, context)}
    meter = Meter()
    leaves = decision.route != "library" and decision.why == "classifier"
    if decision.confidence < SURE or (leaves and decision.confidence < SURE_TO_LEAVE):
        decision = await _settle(decision, language, context, meter)
    if decision.route == "clarify" and (again or not context.limits.ask_back):
        decision = replace(decision, route="library", why="fallback", cue="")  # asking back twice helps nobody
    elif decision.route in ("clarify", "direct") and _by_guess(decision) and leaves_open(decision.query, language):
        decision = replace(decision, route="library", why="open", cue="")  # the documents may hold what to choose from
    elif decision.route == "direct" and _by_guess(decision) and places.points_inside(decision.query, language):
        decision = replace(decision, route="library", why="open", cue="")  # nobody else knows which is meant
    decision = replace(decision, query=decision.query + turn.carries)
    return {"turn": replace(turn, decision=decision, usage=turn.usage + meter.usage)}


def way(card: Card, decision: Decision, near: float | None, language: Language) -> Way:
    """What a question to a specialist is answered from. `near` is the library's best similarity to it, None where the
    library is empty.

    Whom the user named, now or by a correction, answers. Whoever only resembles the question does not keep it from
    documents that speak about it: who writes freely writes over their passages and is checked against them; who gives
    labels or JSON cannot, and comes after them. Texts to be rewritten are no questions, however near documents are.
    """
    if reads_passages(card):
        return "over"
    named = decision.why in ("asked", "correction")
    documents = places.asks_documents(decision.query, language)
    if near is None or (named and not documents):
        return "alone"
    if documents:
        return "over" if writes_freely(card) else "alone" if named else "after"
    if decision.confidence < SURE:
        return "after"
    if card.use == "style":
        return "alone"
    if not writes_freely(card):
        enough = ANSWERS if decision.confidence >= SURE_TO_LEAVE else FAMILIAR
        return "after" if near >= enough[language] else "alone"
    return "over" if near >= FAMILIAR[language] else "alone"


async def _decided(turn: Turn, decision: Decision, context: Context) -> Turn:
    """A decision that a wish or a card has made, with the way that a specialist takes."""
    if decision.route != "specialist":
        return replace(turn, decision=decision)
    # what the user told about themselves is looked up with the question, and put to no specialist
    decision = replace(decision, query=turn.standalone.removesuffix(turn.carries))
    card = context.specialists.card(decision.specialist)
    if card is None or not await asyncio.to_thread(context.specialists.usable, decision.specialist):
        documents = Decision("library", turn.standalone, decision.confidence, UNUSABLE)
        return replace(turn, decision=documents, notices=(*turn.notices, UNUSABLE))
    language = detect(decision.query, [])
    near = await asyncio.to_thread(context.familiarity, decision.query)
    found = way(card, decision, near, language)
    if found == "after":
        why = "library_match" if near is not None and near >= FAMILIAR[language] else "documents_first"
        return replace(turn, decision=replace(decision, route="library", query=turn.standalone, why=why))
    if found == "over":
        decision = replace(decision, query=turn.standalone, reads=True)
    return replace(turn, decision=decision, parts=())  # to a specialist a question of several parts is one


def _among_ourselves(question: str, language: Language) -> str:
    """The cue for what no document can answer: the user only tells something, or asks about the conversation."""
    if only_tells(question, language):
        return "about_user"
    far = reach(question, language)
    return "conversation" if far == "whole" or (far and not unpointed(question, language)) else ""


async def _settle(decision: Decision, language: Language, context: Context, meter: Meter) -> Decision:
    near = await asyncio.to_thread(context.familiarity, decision.query)
    if near is not None and near >= FAMILIAR[language]:
        return Decision("library", decision.query, decision.confidence, "library_match")
    if decision.confidence >= SURE:
        return decision
    prompt = fill(language, "route", question=decision.query)
    said = await context.model.write([HumanMessage(prompt)], max_tokens=2, meter=meter)
    chosen = _LETTERS.get(said.strip()[:1].upper())
    return decision if chosen is None else replace(decision, route=chosen, why="model")


def _by_guess(decision: Decision) -> bool:
    """Whether neither a cue nor the user's own correction settled the route."""
    return decision.why in ("classifier", "model")
