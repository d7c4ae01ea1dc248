"""understand: a follow-up becomes a question that stands alone; one that already does is left as it is. A wish for a
place ("search the web for this") becomes the question before it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.runtime import Runtime

from agent import facts, places, wishes
from agent.consent import settled
from agent.context import Context
from agent.digest import Gist, Reach, also_named, gists, lines, pointed_at, reach, speaker, unpointed
from agent.errors import MemoryFileError
from agent.models.chat import Meter
from agent.parts import divided
from agent.prompts import FOLDER, LANGUAGES, fill
from agent.records import is_opinion
from agent.router import SURE, cue
from agent.specialists.manner import takes_texts
from agent.state import Decision, Language, State
from agent.telling import helping
from tools.library.tokens import terms
from tools.library.words import search_terms

HISTORY = 3
"""How many past exchanges a follow-up is read against."""
_FEW_TERMS = 4
_FEW_WORDS = 3
FAMILIAR = 0.88
"""Cosine similarity (multilingual-e5-small) from which on a passage answers a question rather than one like it."""
_RESEMBLES = 0.9
"""Confidence of the router from which on a question is plainly one for a specialist."""
_WHY = re.compile("なぜ|何故|なんで|どうして|理由")
_ASKS = ("?", "？", "か", "か。")
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
    put = _corrected(question, language) if past and not _answers_back(past) else ""
    if not past or not (put or _leans(question, language, past, context)):
        return question
    prompt = fill(language, "understand", history=await _history(question, past, language, context), question=question)
    said = await context.model.write([HumanMessage(prompt)], max_tokens=80, meter=meter)
    line = _accept(said, question, past)
    if line and (language == "en" or _completes(line, put or question, past)):
        return line
    before = _asked_before(past, language)
    if put:
        return _with(before, put, language)
    if language == "ja" and facts.solid(question) in facts.solid(before):
        return question  # who asks the same again may mean another one
    return _with(question, before, language)


def _completes(line: str, question: str, past: Sequence[AnyMessage]) -> bool:
    """Whether a rewriting leaves nothing to be looked for in the conversation and loses nothing of the question. A
    small model likes to repeat a Japanese follow-up as it is, or to ask the question before once more."""
    said = gists(past[-2 * HISTORY :])
    rest = unicodedata.normalize("NFKC", question)
    for pattern in _patterns("ja", "points"):
        rest = pattern.sub(" ", rest)
    if facts.solid(line) == facts.solid(question) or _points(line, "ja") or not _joins(line, rest, said):
        return False
    if _WHY.search(question) and not _WHY.search(line):
        return False
    return not set(terms(line)) <= set(terms(said[-1].asked if said else ""))


def _with(question: str, before: str, language: Language) -> str:
    """A question with the one before it, which says what it is about. In Japanese that stands in brackets, since two
    sentences would be answered as two questions; English ones may be."""
    if language == "en":
        return f"{before} {question}".strip()
    bare = before.rstrip("?？。.!！ ")
    return f"{question}（{bare}）" if bare else question


def _asked_before(past: Sequence[AnyMessage], language: Language) -> str:
    """The last question as it was understood. Where that is not known and its words point back themselves, it stands
    with the one before it: a client that sends the conversation along keeps only what was typed. Thanks ask nothing."""
    talk = [n for n, m in enumerate(past) if (m.additional_kwargs.get("answer") or {}).get("route") == "direct"]
    said = gists([m for n, m in enumerate(past) if n not in talk and n + 1 not in talk]) or gists(past)
    if not said:
        return ""
    if len(said) > 1 and language == "ja" and _points_or_little(said[-1].asked):
        return "、".join(one.asked.rstrip("?？。 ") for one in said[-2:])
    return said[-1].asked


def _points_or_little(question: str) -> bool:
    return "（" not in question and (leans_on_context(question, "ja") or says_little(question))


def _corrected(question: str, language: Language) -> str:
    """What a correction puts right ("no, the bicycles, I mean"), without the words that say no; "" if it is none. Put
    into the question before it by the model, it replaces what was wrong there; behind that question it only stands
    beside it, and a small model then answers what was asked first."""
    text = unicodedata.normalize("NFKC", question).strip()
    if text.rstrip("。 ").endswith(_ASKS):
        return ""
    for pattern in _patterns(language, "corrects"):
        if found := pattern.search(text):
            return text[found.end("drop") :].rstrip("。.!！ ")
    return ""


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
    line = _accept(said, rest, [HumanMessage(gist.asked) for gist in picked])
    if line and _joins(line, rest, picked):
        return line
    return _with(rest, "".join(gist.asked for gist in picked[-1:]), language)


def _joins(line: str, rest: str, picked: Sequence[Gist]) -> bool:
    """Whether a rewriting has something of what was pointed at, and at least half of what is new in the question. A
    small model likes to leave out one or the other; both questions, one behind the other, are then found as well."""
    old, own, has = set(terms(" ".join(gist.text for gist in picked))), set(terms(rest)), set(terms(line))
    return bool((old - own) & has) and 2 * len((own - old) & has) >= len(own - old)


def detect(question: str, past: list[AnyMessage]) -> Language:
    """The language of a question; one without letters (a number, a product code) keeps that of the conversation."""
    if facts.is_japanese(question):
        return "ja"
    if re.search(r"[A-Za-z]{2,}", question) or not past:
        return "en"
    return "ja" if facts.is_japanese(str(past[-1].text)) else "en"


@cache
def _patterns(language: Language, kind: Literal["any", "points", "corrects"]) -> tuple[re.Pattern[str], ...]:
    """The patterns of followups.yaml: those that say how a question leans, of which some `points` at what was said, and
    those of a correction."""
    rows = yaml.safe_load((FOLDER / language / "followups.yaml").read_text("utf-8"))
    found = [row if isinstance(row, str) else row.get("points", "") for row in rows] if kind == "any" else []
    found += [row[kind] for row in rows if isinstance(row, dict) and kind in row]
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in found if pattern)


def leans_on_context(question: str, language: Language) -> bool:
    """Whether the words of a question point outside of it: pronouns, ellipsis, "and the second one?"."""
    text = unicodedata.normalize("NFKC", question)
    return any(pattern.search(text) for pattern in _patterns(language, "any"))


def _points(question: str, language: Language) -> bool:
    """Whether words of a question point at what was said: "it", "the third one", a bare "why?"."""
    text = unicodedata.normalize("NFKC", question)
    return any(pattern.search(text) for pattern in _patterns(language, "points"))


def says_little(question: str) -> bool:
    """Whether a question has so few words, and no name, that its subject must be that of the conversation ("What are
    the rules on overtime?"). Of 193 such questions behind others a person found only 35 clear without them."""
    names = facts.claimed_names(question)
    if len(set(terms(question))) <= _FEW_TERMS and not names:
        return True
    # pairs of characters count no words of Japanese, and its words in katakana are mostly no names
    few = facts.is_japanese(question) and len(set(search_terms(question))) <= _FEW_WORDS
    return few and not any(name.isascii() for name in names)


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
    if _points(question, language) and question.rstrip("。 ").endswith((*_ASKS, "の")):
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


def _sent_away(line: str, asked: list[str]) -> bool:
    """Whether a rewriting names a route that the user never did. Earlier answers quote documents, and no document may
    send a question to the web."""
    return any(
        (found := cue(line, each)) is not None and found not in [cue(q, each) for q in asked] for each in LANGUAGES
    )


def _accept(said: str, question: str, past: list[AnyMessage]) -> str:
    """The model's rewriting if it is one line of sane length that keeps the user's own words and asks something new
    where the user asked, otherwise "": a small model sometimes repeats what was asked before."""
    line = said.strip().splitlines()[0].strip(" \"'「」") if said.strip() else ""
    asked = [str(m.text) for m in past if isinstance(m, HumanMessage)]
    repeats = facts.solid(line) in {facts.solid(q) for q in asked} and facts.solid(line) != facts.solid(question)
    own = set(terms(question))
    keeps = not own or bool(own & set(terms(line)))
    answers = question.endswith(_ASKS) and not line.endswith(_ASKS)
    if (
        line
        and len(line) <= max(200, 4 * len(question))
        and keeps
        and not repeats
        and not answers
        and not _sent_away(line, [*asked, question])
    ):
        return line
    return ""
