"""judge: can these passages answer the question? If not, what to try next.

The verdict of CRAG (Yan et al. 2024, arXiv 2401.15884, section 4.2) from three witnesses instead of a trained
evaluator: how near the nearest sentence of the passages is to the question, how many of the question's words stand
there or anywhere in the documents, and, where these leave it open, the model's probability of "yes" over the prompt
that the answer will be written from (so its tokens are paid for once).
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.runtime import Runtime

from agent import ambiguity, facts
from agent.asked import other_day, without_when
from agent.consent import to_ask
from agent.context import Context, Limits
from agent.models.chat import Meter
from agent.nodes.gather import tried
from agent.nodes.reply import asked_back
from agent.prompts import fill
from agent.reading import over_sources
from agent.specialists.manner import reads_passages
from agent.state import Decision, Evidence, Route, State, Turn, Verdict
from tools.base import Passage
from tools.library.forms import other_forms, told
from tools.library.tokens import terms
from tools.library.words import search_terms

SUFFICIENT = 0.5
"""From this probability on the passages are taken to hold the answer: a draft that finds nothing in them may still say
so, a question that is turned down here is lost."""
CLEAR = (0.05, 0.85)
"""Outside of these probabilities the model need not be asked."""
CLEAR_WHEN_TRAINED = 0.95
"""From this probability on a model that has learned to read need not be asked either. Of 119 Japanese questions the
shipped one turns down 46 of 55 unanswerable ones so, 44 if it is not asked from .85 on, and no answerable one more."""
MODEL = 0.8
"""Weight of the model's word, as the logarithm of its odds."""
UNRELATED = (0.80, 0.15)
"""Below this cosine similarity (multilingual-e5-small) and this coverage nobody needs to ask the model."""
ABROAD = 0.03
"""By how much lower that similarity may be where all passages are in the other language, which lies farther off."""
_NAMED = 3
"""How many words that no document mentions a refusal names."""
_NAMING_WORD = re.compile(r"[A-Za-z][\w-]{5,}|[ァ-ヴー]{3,}|[一-鿿々]{2,}|\d+(?:[.,]\d+)*")
_COMMON_WORD = re.compile(
    r"without|between|during|before|through|should|really|something|anything|someone|happens?|another|different|"
    r"already|always|usually|possible|please|question|answers?|documents?|whether|because|about|exactly|maximum|minimum|"
    r"length|amount|number|percentage|average|bigger|smaller|larger|longer|better|latest|official|connect|continue|"
    r"actually|currently|automatically|instead|several|certain|together|anybody|everybody|nothing|"
    r".*[何幾].*|文書|場合|方法|時間|場所|理由|質問|回答|可能|必要|以外|以上|以下|全部|全員|今日|今年|本当|一番|勝手|一日|件数|"
    r"名前|名称|人物|種類|最大|最小|最新|最初|最後|平均|合計|公式|現在|普通|自分|一緒|同時|途中|簡単|具体|結局",
    re.IGNORECASE,
)
"""Words whose absence from the documents tells the reader nothing."""


async def judge(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, context = state["turn"], runtime.context
    may_ask = _may_ask(state, context)
    leaves_open = may_ask and _leaves_open(turn)
    if leaves_open and (choices := ambiguity.choices(turn)):
        return {"turn": ambiguity.ask_back(turn, choices)}
    if may_ask and (choices := ambiguity.namesakes(turn)):
        return {"turn": ambiguity.ask_back(turn, choices, "namesakes")}
    meter = Meter()
    verdict = await _verdict(turn, context, meter)
    if leaves_open and not verdict.sufficient:
        return {"turn": ambiguity.ask_back(replace(turn, usage=turn.usage + meter.usage))}
    turn = replace(turn, verdict=verdict, usage=turn.usage + meter.usage)
    if not verdict.sufficient and (again := next_lookup(turn, context.limits, _tools(turn, context))) is not None:
        turn = replace(turn, decision=again)
    return {"turn": turn}


def after_judge(state: State) -> Literal["answer", "gather", "abstain", "clarify", "consent"]:
    """Answer from what is there; look where `judge` pointed if that is new; otherwise give up. A question that leaves
    open what it is about is asked back."""
    turn = state["turn"]
    assert turn.verdict is not None
    assert turn.decision is not None
    if turn.decision.route == "clarify":
        return "clarify"
    if turn.verdict.sufficient:
        return "answer"
    if tried(turn.decision) in turn.tried:
        return "abstain"
    return "consent" if to_ask(turn) else "gather"


def _may_ask(state: State, context: Context) -> bool:
    """Whether the question may be asked back. Asking back twice helps nobody."""
    return context.limits.ask_back and bool(state["turn"].passages) and asked_back(state["messages"]) is None


def _leaves_open(turn: Turn) -> bool:
    """Whether the documents are asked a question that leaves open what it is about."""
    assert turn.decision is not None
    return turn.decision.route == "library" and ambiguity.leaves_open(turn.standalone, turn.language)


async def _verdict(turn: Turn, context: Context, meter: Meter) -> Verdict:
    if not turn.passages:
        return Verdict(False, 1.0, "nothing_found")
    covered, unread = coverage(turn.standalone, turn.passages)
    absent = await asyncio.to_thread(context.unmentioned, unread) if unread else []
    strangers = [name for name in _names(turn.standalone) if name in absent]
    missing = tuple(absent[:_NAMED])
    if other_day(turn.standalone, turn.passages):
        return Verdict(False, 0.9, "other_day", missing)
    near = max((p.stages.get("vector", 1.0) for p in turn.passages), default=0.0)
    floor = UNRELATED[0] - ABROAD * (covered is None)
    if near < floor and (covered or 0.0) < UNRELATED[1]:
        return Verdict(False, 0.95, "unrelated", missing)
    nearest = turn.evidence[0] if covered is not None and turn.evidence and turn.evidence[0].tokens else None
    chance = sufficiency(nearest, absent=len(absent), stranger=bool(strangers))
    reader = context.specialists.reader
    if CLEAR[0] < chance < (CLEAR_WHEN_TRAINED if reader.trained_for(turn.language) else CLEAR[1]):
        prompt = over_sources(turn, fill(turn.language, "judge"), context.limits.read)
        yes = await reader.yes(context.model, prompt, meter, turn.language)
        chance = sufficiency(nearest, yes, absent=len(absent), stranger=bool(strangers))
    if chance >= SUFFICIENT:
        return Verdict(True, chance, "stated")
    return Verdict(False, 1 - chance, "not_stated", missing)


def sufficiency(
    nearest: Evidence | None, yes: float | None = None, *, absent: int = 0, stranger: bool = False
) -> float:
    """Probability that the passages hold the answer, by a logistic regression over the witnesses.

    `nearest` is the sentence that is nearest to the question: its cosine similarity (multilingual-e5-small, with the
    headings above it) and the share of the question's words in it. It is None where that says little, across languages
    or with another embedder; then only the model counts. `yes` is the model's probability, None before it was asked.
    `absent`: how many words of the question no document mentions; `stranger`: whether one of them is a name.

    Fitted on 973 questions of four collections, each weighing the same: reading questions in English and in Japanese,
    questions to a search engine, and questions to the sample library, most of them in other words than its pages use.
    Left out of the fit in turn, they have an area under the curve of .98, .90, .89 and .76 without the model.
    """
    says = 0.0
    if yes is not None:
        clipped = min(max(yes, 0.02), 0.98)
        says = math.log(clipped / (1 - clipped))
    if nearest is None:
        told = 1.6 * says - 0.5
    else:
        told = 34.2 * nearest.cosine + 4.2 * nearest.words - 0.3 * min(absent, _NAMED) - 30.2 + MODEL * says
    return 1 / (1 + math.exp(-(told - 1.1 * stranger)))


def _tools(turn: Turn, context: Context) -> tuple[Route, ...]:
    """Where the question may be put next, in this order. A specialist that only reads has no opinion of its own."""
    assert turn.decision is not None
    card = context.specialists.card(turn.decision.specialist)
    first: tuple[Route, ...] = () if card is None or reads_passages(card) else ("specialist",)
    return (*first, *context.tools)


def _names(question: str) -> list[str]:
    """Names in Latin letters: no other word of a question says as surely what it is about."""
    return [name for name in facts.claimed_names(question) if re.search(r"[A-Za-z]{3}", name)]


def coverage(question: str, passages: Sequence[Passage]) -> tuple[float | None, tuple[str, ...]]:
    """The share of the question's terms that the best passage holds, and words of it that no passage mentions.

    A passage that says パスワード mentions `password`: see `tools.library.forms`. None and nothing where the question
    is in one language and all the passages in the other.
    """
    same = [p for p in passages if facts.is_japanese(p.text) == facts.is_japanese(question)]
    wanted = set(terms(facts.digits(question)))
    if not same or not wanted:
        return None, ()
    texts = [f"{p.title} {' '.join(p.heading)} {p.text}" for p in same]
    held = [set(terms(facts.digits(text))) for text in texts]
    if spellings := other_forms(question):
        for text, own in zip(texts, held, strict=True):
            own.update(*(terms(word.written) for word in told(spellings, search_terms(text))))
    everything = set().union(*held)
    solid = facts.solid("\n".join(texts))
    naming = without_when(question)
    missing = [
        word
        for word in dict.fromkeys([*_NAMING_WORD.findall(naming), *facts.claimed_names(naming)])
        if not _COMMON_WORD.fullmatch(word)
        and (own := set(terms(word)))
        and not own & everything
        and facts.solid(word) not in solid
    ]
    return max(len(wanted & h) for h in held) / len(wanted), tuple(missing)


def next_lookup(turn: Turn, limits: Limits, tools: Sequence[Route]) -> Decision | None:
    """Where to look next, or None: the other tools with the same question, while gathers and time last."""
    decision = turn.decision
    assert decision is not None
    if turn.wish is not None and not turn.wish.startswith("specialist:"):
        return None  # the user has said where to look
    if turn.gathers >= limits.gathers or time.time() - turn.started > limits.seconds:
        return None
    for name in tools:
        again = replace(decision, route=name, why="fallback", cue="", reads=False)
        if "specialist" in (name, decision.route):
            known = turn.standalone.removesuffix(turn.carries) if name == "specialist" else turn.standalone
            again = replace(again, query=known)
        if tried(again) not in turn.tried and (name != "web" or turn.web != "off"):
            return again
    return None
