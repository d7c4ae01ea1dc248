"""What was said long ago in a conversation, as far as it concerns the question at hand: an extract, not a summary.

A model on this machine would read a long conversation for minutes and sum it up badly (`docs/decisions/0015`). So of
each exchange stays its question as it stands alone and the first supported sentence of its answer, and of these are
read those that the question points at, within a budget of tokens. It takes milliseconds and no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent import facts
from agent.prompts import FOLDER
from agent.records import is_opinion
from agent.state import Language
from tools.library.evidence import Nearness
from tools.library.tokens import terms
from tools.sentences import split

Reach = Literal["first", "beginning", "earlier", "whole"]
"""How far back a question points: to the first exchange, to the first ones, to any, to the conversation as such."""
Near = Callable[[str, Sequence[tuple[str, str]]], list[Nearness]]

_CHARS = 240
"""A question or an answer is cut to this; its beginning says what it was about."""
_BARE = re.compile(r"\W*|[はがを]?(?:[何な]ん?に?|どんな(?:こと|内容))(?:でした|です|だった|だ)?(?:か|っけ)?\W*")
"""「最初の質問は何でしたか」 without what points back."""
_WEIGHED = 36
"""So many exchanges are compared with the question, which takes some 3 ms each."""
_GAIN = (1.5, 1.0, 0.5)
"""What the first exchanges gain, in standard deviations of nearness, where a question points to the beginning."""
_MARGIN = 0.75
"""An exchange that is farther than this behind the nearest one would only mislead a small model."""
_POINTED = 2
"""How many exchanges a question that points back is read against."""


@dataclass(frozen=True)
class Gist:
    """What stays of an exchange: what was asked, and what was answered first; "" where there was no answer."""

    asked: str
    said: str

    @property
    def text(self) -> str:
        return f"{self.asked} {self.said}".strip()


def gists(messages: Sequence[AnyMessage]) -> list[Gist]:
    """One for each question of `messages`, in order."""
    found: list[Gist] = []
    for message in messages:
        if isinstance(message, HumanMessage):
            found.append(Gist(_cut(str(message.text)), ""))
        elif isinstance(message, AIMessage) and found:
            record = message.additional_kwargs.get("answer") or {}
            asked = str(record.get("standalone") or found[-1].asked)
            found[-1] = Gist(_cut(asked), _cut(_first(str(message.text), record)))
    return found


def reach(question: str, language: Language) -> Reach | None:
    """How far back the words of a question point; None if they do not."""
    return next((far for far, pattern in _pointers(language) if pattern.search(question)), None)


def unpointed(question: str, language: Language) -> str:
    """The question without the words that only point back; "" when it has no others."""
    for far, pattern in _pointers(language):
        if far != "whole":
            question = pattern.sub(" " if language == "en" else "", question)
    line = re.sub(r"\s+(?=[,.?!:;])", "", " ".join(question.split())).strip(" ,.:;、。")
    says = terms(line) if language == "en" else not _BARE.fullmatch(line)
    return line if says else ""


def pointed_at(question: str, far: Reach, past: Sequence[Gist], near: Near, budget: int) -> list[Gist]:
    """The exchanges that a question points at, the nearest last, within `budget` tokens; at least one unless there is
    none."""
    if far == "first":  # the very first may have been a greeting
        return next(([gist] for gist in past if len(set(terms(gist.asked))) > 1), list(past[:1]))
    weighed = _weighed(question, past)
    scores = [found.score for found in near(question, [("", past[n].text) for n in weighed])]
    if far == "beginning":
        scores = [score + (_GAIN[n] if n < len(_GAIN) else 0.0) for n, score in zip(weighed, scores, strict=True)]
    ranked = sorted(zip(weighed, scores, strict=True), key=lambda row: (-row[1], -row[0]))
    best = [n for n, score in ranked[:_POINTED] if score >= ranked[0][1] - _MARGIN]
    return [past[n] for n in reversed(_within(best, past, budget, at_least=1))]


def overview(question: str, past: Sequence[Gist], near: Near, budget: int) -> list[Gist]:
    """The exchanges nearest to a question about the conversation, as many as `budget` tokens hold, in their order; the
    first one is always among them."""
    weighed = _weighed(question, past)
    scores = [found.score for found in near(question, [("", past[n].text) for n in weighed])]
    ranked = [n for n, _ in sorted(zip(weighed, scores, strict=True), key=lambda row: -row[1])]
    first = [n for n in (0,) if past]
    return [past[n] for n in sorted(_within([*first, *(n for n in ranked if n not in first)], past, budget))]


def also_named(question: str, older: Sequence[Gist], recent: Sequence[Gist]) -> Gist | None:
    """The latest older exchange that has at least two of the question's words, one of them unknown to the recent ones.

    So "does the K-200 have the same warranty?" finds the K-200 of ten questions ago, without a word that points back.
    """
    asked = set(terms(question))
    fresh = asked - {term for gist in recent for term in terms(gist.text)}
    if not fresh:
        return None
    for gist in reversed(older):
        shared = asked & set(terms(gist.text))
        if len(shared) >= 2 and shared & fresh:
            return gist
    return None


def lines(picked: Sequence[Gist], language: Language) -> str:
    """Exchanges as a model reads them."""
    found = []
    for gist in picked:
        found.append(f"{speaker(False, language)}: {gist.asked}")
        found += [f"{speaker(True, language)}: {gist.said}"] if gist.said else []
    return "\n".join(found)


def speaker(answers: bool, language: Language) -> str:
    """What stands before a line: who asks, or who answers."""
    return "Kotae" if answers else "User" if language == "en" else "ユーザー"


def tokens(text: str) -> int:
    """An estimate, on the high side: four characters of Latin text a token, of anything else one each.

    The tokenizer of the model itself is a request away, and a budget needs no exact figure.
    """
    latin = sum(c < "\u2e80" for c in text)
    return len(text) - latin + -(-latin // 4)


def _within(order: Sequence[int], past: Sequence[Gist], budget: int, at_least: int = 0) -> list[int]:
    kept: list[int] = []
    used = 0
    for n in order:
        cost = tokens(past[n].text)
        if used + cost <= budget or len(kept) < at_least:
            kept.append(n)
            used += cost
    return kept


def _weighed(question: str, past: Sequence[Gist]) -> list[int]:
    """Which exchanges are worth comparing: all of them, or of very many the first, the last, and those that share the
    most words with the question."""
    if len(past) <= _WEIGHED:
        return list(range(len(past)))
    third = _WEIGHED // 3
    chosen = {*range(third), *range(len(past) - third, len(past))}
    asked = set(terms(question))
    others = [n for n in range(len(past)) if n not in chosen]
    others.sort(key=lambda n: (-len(asked & set(terms(past[n].text))), -n))
    return sorted(chosen | set(others[:third]))


def _first(text: str, record: dict[str, Any]) -> str:
    """The first sentence that its sources carry; of a refusal and of a specialist's opinion none; of small talk the
    first."""
    if record.get("refused") or is_opinion(record):
        return ""
    sentences = record.get("sentences") or []
    carried = next((s["text"] for s in sentences if s.get("supported")), "")
    return str(carried) or facts.uncited(next(iter(split(text)), ""))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CHARS else f"{line[: _CHARS - 1]}…"


@cache
def _pointers(language: Language) -> list[tuple[Reach, re.Pattern[str]]]:
    rows = yaml.safe_load((FOLDER / language / "followups.yaml").read_text("utf-8"))
    return [(row["reach"], re.compile(row["pattern"], re.IGNORECASE)) for row in rows if "reach" in row]
