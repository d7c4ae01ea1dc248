"""understand: a follow-up becomes a question that stands alone; one that already does is left as it is. A wish for a
place ("search the web for this") becomes the question before it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.runtime import Runtime

from agent import facts, places, wishes
from agent.consent import settled
from agent.context import Context
from agent.digest import Reach, also_named, gists, lines, pointed_at, reach, speaker, unpointed
from agent.errors import MemoryFileError
from agent.followups import (
    ASKS,
    HISTORY,
    accepted,
    asked_before,
    completes,
    corrected,
    exchanged,
    joins,
    leans_on_context,
    points,
    says_little,
    together,
)
from agent.models.chat import Meter
from agent.parts import divided
from agent.prompts import fill
from agent.records import is_opinion
from agent.router import SURE
from agent.specialists.manner import takes_texts
from agent.state import Decision, Language, State
from agent.telling import helping
from tools.library.tokens import terms

FAMILIAR = 0.88
"""Cosine similarity (multilingual-e5-small) from which on a passage answers a question rather than one like it."""
_RESEMBLES = 0.9
"""Confidence of the router from which on a question is plainly one for a specialist."""
_REPLY_CHARS = 240
"""An earlier answer is cut to this; its beginning says what it was about."""


async def understand(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, past, specialists = state["turn"], settled(state["messages"][:-1]), runtime.context.specialists
    if (again := places.wish(turn.question, detect(turn.question, past), past, specialists.names)) is not None:
        found = replace(turn, language=again.language, standalone=again.standalone, wish=again.route)
        return {"turn": found}
    if turn.standalone:
        return {"turn": turn}  # a reply to what Kotae asked back comes here with the question that it makes
    called = places.addressed(turn.question, specialists.names)
    said = called.question if called else turn.question
    if called is not None:
        turn = replace(turn, decision=Decision("specialist", said, 1.0, "asked", specialist=called.name))
    if await asyncio.to_thread(_works_on, said, called, runtime.context):
        return {"turn": replace(turn, language=detect(said, past), standalone=said)}
    meter = Meter()
    wish, asked = wishes.read(said)
    standalone = wishes.last_question(past) if not asked else ""
    if not standalone:
        asked = asked or said
        standalone = await stand_alone(asked, past, runtime.context, meter)
    language = wish.language or wishes.standing(past) or detect(asked or said, past)
    parts = await divided(standalone, runtime.context.model, meter)
    carries = "" if parts else await asyncio.to_thread(_carried, standalone, language, runtime.context)
    turn = replace(turn, language=language, standalone=standalone + carries, carries=carries, parts=parts)
    turn = replace(turn, length=wish.length or turn.length, form=wish.form or turn.form)
    return {"turn": replace(turn, usage=turn.usage + meter.usage)}


def _works_on(said: str, called: places.Addressed | None, context: Context) -> bool:
    """Whether a message is a text for a specialist that works on it as it was written: to be rewritten, sorted, read.
    Nothing is completed in it, and its words say nothing about how the answer should be."""
    if not context.specialists.names:
        return False
    if called is not None:
        card = context.specialists.card(called.name)
    else:
        decision = context.router.decide(said, detect(said, []))
        card = context.specialists.card(decision.specialist) if decision.confidence >= SURE else None
    return card is not None and takes_texts(card)


def _carried(question: str, language: Language, context: Context) -> str:
    """What the user told about themselves that a question of theirs is asked with: "What are my working hours?" goes on
    with " (I am on the night shift)". "" where nothing belongs to it."""
    try:
        kept = context.about.used() if context.about else ()
    except MemoryFileError:
        return ""  # finish says so
    fact = helping(question, kept, language)
    if fact is None or set(terms(fact.text)) <= set(terms(question)):
        return ""
    return f"（{fact.text}）" if language == "ja" else f" ({fact.text})"


async def stand_alone(question: str, past: list[AnyMessage], context: Context, meter: Meter) -> str:
    """The question as it reads to somebody who does not know the conversation `past`."""
    language = detect(question, past)
    far = reach(question, language) if past and context.limits.digest else None
    if far and far != "whole" and not _answers_back(past):
        return await _from_afar(question, far, language, past, context, meter)
    put = corrected(question, language) if past and not _answers_back(past) else ""
    if put and (exchange := exchanged(asked_before(past, language), put)):
        return exchange
    if not past or not (put or _leans(question, language, past, context)):
        return question
    prompt = fill(language, "understand", history=await _history(question, past, language, context), question=question)
    said = await context.model.write([HumanMessage(prompt)], max_tokens=80, meter=meter)
    line = accepted(said, question, past)
    if line and (language == "en" or completes(line, put or question, past)):
        return line
    before = asked_before(past, language)
    if put:
        return together(before, put, language)
    if language == "ja" and facts.solid(question) in facts.solid(before):
        return question  # who asks the same again may mean another one
    return together(question, before, language)


async def _from_afar(
    question: str, far: Reach, language: Language, past: list[AnyMessage], context: Context, meter: Meter
) -> str:
    """A question that says where in the conversation to look, read against what it points at instead of the last
    exchanges; so it costs no more than any follow-up."""
    rest = unpointed(question, language)
    if not rest or _asks_nothing(rest, language, context):
        return question  # it is about the conversation itself
    everything = [*await context.earlier(), *gists(past)]
    budget = context.limits.digest
    picked = await asyncio.to_thread(pointed_at, rest, far, everything, context.nearness, budget)
    known = facts.solid(" ".join(gist.text for gist in picked))
    names = [name for name in facts.claimed_names(rest) if name.isascii()]  # words in katakana are mostly no names
    if not leans_on_context(rest, language) and any(facts.solid(name) in known for name in names):
        return question  # it names what it points at
    prompt = fill(language, "understand", history=lines(picked, language), question=rest)
    said = await context.model.write([HumanMessage(prompt)], max_tokens=80, meter=meter)
    line = accepted(said, rest, [HumanMessage(gist.asked) for gist in picked])
    if line and joins(line, rest, picked):
        return line
    return together(rest, "".join(gist.asked for gist in picked[-1:]), language)


def detect(question: str, past: list[AnyMessage]) -> Language:
    """The language of a question; one without letters (a number, a product code) keeps that of the conversation."""
    if facts.is_japanese(question):
        return "ja"
    if re.search(r"[A-Za-z]{2,}", question) or not past:
        return "en"
    return "ja" if facts.is_japanese(str(past[-1].text)) else "en"


def complete(question: str, language: Language, context: Context) -> bool:
    """Whether a question can be understood without what was said before."""
    return not leans_on_context(question, language) and not (says_little(question) and _unknown(question, context))


def _unknown(question: str, context: Context) -> bool:
    """Whether neither the library nor the card of a specialist plainly speaks about the question as it is."""
    near = context.familiarity(question)
    if near is not None and near >= FAMILIAR:
        return False
    decision = context.router.decide(question, detect(question, []))
    return decision.route != "specialist" or decision.confidence < _RESEMBLES


def _leans(question: str, language: Language, past: list[AnyMessage], context: Context) -> bool:
    if _answers_back(past):
        return True
    if complete(question, language, context):
        return False
    return not _asks_nothing(question, language, context)


def _answers_back(past: list[AnyMessage]) -> bool:
    """Whether the user answers what Kotae asked back."""
    return bool(past[-1].additional_kwargs.get("answer", {}).get("route") == "clarify")


def _asks_nothing(question: str, language: Language, context: Context) -> bool:
    """ "Thanks, that helped" points back and still asks nothing; 「3つ目は？」 sounds like small talk and asks."""
    if points(question, language) and question.rstrip("。 ").endswith((*ASKS, "の")):
        return False
    decision = context.router.decide(question, language)
    return decision.route == "direct" and decision.confidence >= 0.8


async def _history(question: str, past: list[AnyMessage], language: Language, context: Context) -> str:
    """The last exchanges; the first of them gives way to an older one that the question names."""
    if len(past) > 2 * HISTORY and context.limits.digest:
        older = [*await context.earlier(), *gists(past[: -2 * HISTORY])]
        if (named := also_named(question, older, gists(past[-2 * HISTORY :]))) is not None:
            return "\n".join([lines([named], language), *_spoken(past[-2 * HISTORY + 2 :], language)])
    return "\n".join(_spoken(past[-2 * HISTORY :], language))


def _spoken(messages: Sequence[AnyMessage], language: Language) -> list[str]:
    """Messages as lines, each with who said it. An opinion is not read: no word of it may lead a question anywhere."""
    spoken = []
    for message in messages:
        if is_opinion(message.additional_kwargs.get("answer") or {}):
            continue
        text = facts.uncited(str(message.text)).replace("\n", " ")
        spoken.append(f"{speaker(isinstance(message, AIMessage), language)}: {text[:_REPLY_CHARS]}")
    return spoken
