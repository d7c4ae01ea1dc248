"""route: where the answer should come from. Milliseconds; the model is asked only where the classifier is unsure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from agent.ambiguity import leaves_open
from agent.context import Context
from agent.digest import reach, unpointed
from agent.models.chat import Meter
from agent.nodes.reply import asked_back
from agent.nodes.understand import detect
from agent.prompts import fill
from agent.router import SURE
from agent.state import Decision, Language, Route, State
from agent.telling import only_tells

FAMILIAR: Mapping[Language, float] = {"en": 0.84, "ja": 0.86}
"""Cosine similarity (multilingual-e5-small) from which on the library plainly speaks about the question; Japanese texts
lie nearer to each other. On the sample library nine in ten questions to it have it; of small talk one in a hundred
English pieces and one in seven Japanese ones do."""
SURE_TO_LEAVE = 0.9
"""Below this, what only the classifier sends elsewhere (to the web, to small talk, back to the user) stays here if the
library speaks about it."""
_LETTERS: dict[str, Route] = {"A": "library", "B": "web", "C": "direct", "D": "clarify"}


async def route(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, context = state["turn"], runtime.context
    if turn.wish is not None:
        return {"turn": replace(turn, decision=Decision(turn.wish, turn.standalone, 1.0, "asked"))}
    if turn.decision is not None:  # by a choice that the user picked
        return {"turn": turn}
    again = asked_back(state["messages"]) is not None
    asked = turn.standalone.removesuffix(turn.carries)
    if cue := _among_ourselves(turn.question, turn.language):
        return {"turn": replace(turn, decision=Decision("direct", asked, 1.0, "cue", cue))}
    language = detect(asked, [])  # the answer may be wanted in another
    decision = context.router.decide(asked, language, follows=again or asked != turn.question)
    meter = Meter()
    leaves = decision.route != "library" and decision.why == "classifier"
    if decision.confidence < SURE or (leaves and decision.confidence < SURE_TO_LEAVE):
        decision = await _settle(decision, language, context, meter)
    if decision.route == "clarify" and (again or not context.limits.ask_back):
        decision = replace(decision, route="library", why="fallback", cue="")  # asking back twice helps nobody
    elif decision.route in ("clarify", "direct") and _by_guess(decision) and leaves_open(decision.query, language):
        decision = replace(decision, route="library", why="open", cue="")  # the documents may hold what to choose from
    decision = replace(decision, query=decision.query + turn.carries)
    return {"turn": replace(turn, decision=decision, usage=turn.usage + meter.usage)}


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
