"""What a question asks for, as far as its words tell: a number, a time, a person, the latest there is, a certain day.

What the nearest sentences say may be about another day than the one that was asked about, be out of date, or answer
something else; a small model repeats it all the same. So rules look at it (`prompts/<language>/asked.yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import yaml

from agent import facts
from agent.prompts import FOLDER
from agent.state import Evidence, Language
from tools.base import Passage
from tools.library.words import nouns, search_terms
from tools.sentences import split

Day = tuple[int, int, int]
"""Year, month, day."""

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = "(" + "|".join(f"{name}[a-z]*" for name in _MONTHS) + r")\.?"
_ISO = re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_JA = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?:in\s+)?(\d{{4}})\b", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH},?\s+(\d{{4}})\b", re.IGNORECASE)
_SPANS = re.compile(
    r"\b(?:from|since|until|till|before|after|by|through|between|as of)\b|から|まで|以降|以前|以来|[〜～]",
    re.IGNORECASE,
)
"""Words by which a date stands for more days than itself."""
_CLOCK = re.compile(
    r"(?:\b(?:from|between|until|till|after|before|by)\s+)?\d{1,2}(?:[:.]\d{2})?\s*(?:a\.?m|p\.?m|時(?:半|\d{1,2}分)?|(?<=:\d\d))"
    r"\.?(?:から|まで)?",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<![\d.,/])(?:19|20)\d\d(?![\d,])")
_FEW = 4
"""Words up to which an answer may be no sentence but the name of a place."""
_PART = 4
"""Letters from which on a word that stands within another one is taken for a part of it."""
_OUTDATED = 2
"""Years by which a sentence may not be older than the newest year that the sources name."""


@dataclass(frozen=True)
class _Kind:
    asks: re.Pattern[str]
    holds: re.Pattern[str] | None
    without: re.Pattern[str] | None
    adds: re.Pattern[str] | None
    """Its first group has to hold a word that the question has not."""
    people: re.Pattern[str] | None
    """Who is asked for: a noun with this end, or a name, that the question has not."""

    def answers(self, text: str, question: str) -> bool:
        if self.without is not None and self.without.search(text):
            return True
        if self.people is not None:
            known = facts.solid(question)
            others = [noun for noun in nouns(text) if facts.solid(noun.text) not in known]
            names = {facts.solid(name) for noun in others for name in noun.names}
            return any(name not in known for name in names) or any(self.people.search(noun.text) for noun in others)
        if self.adds is not None:
            new = set(own := search_terms(text)) - set(search_terms(question))
            named = own if len(own) <= _FEW else search_terms(" ".join(self.adds.findall(text)))
            return not new.isdisjoint(named)
        return bool(facts.stated_numbers(text)) if self.holds is None else bool(self.holds.search(text))


@dataclass(frozen=True)
class _Words:
    open: re.Pattern[str]
    alternatives: re.Pattern[str]
    latest: re.Pattern[str]
    kinds: tuple[_Kind, ...]


@cache
def _words(language: Language) -> _Words:
    told = yaml.safe_load((FOLDER / language / "asked.yaml").read_text("utf-8"))

    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(text, re.IGNORECASE)

    keys = ("holds", "without", "adds", "people")
    kinds = tuple(
        _Kind(pattern(row["asks"]), *(pattern(row[key]) if key in row else None for key in keys))
        for row in told["kinds"]
    )
    return _Words(pattern(told["open"]), pattern(told["alternatives"]), pattern(told["latest"]), kinds)


def _language(text: str) -> Language:
    return "ja" if facts.is_japanese(text) else "en"


def holds_what_is_asked(text: str, question: str) -> bool:
    """Whether a text holds a thing of the kind that a question asks for (a number, a time of day, a year, a place);
    True where the question's words do not say."""
    kind = next((one for one in _words(_language(question)).kinds if one.asks.search(facts.plain(question))), None)
    return kind is None or kind.answers(facts.plain(facts.uncited(text)), question)


def echoes(claim: str, question: str) -> bool:
    """Whether a sentence has nothing but words of a question that asks for something else than yes or no."""
    words = _words(_language(question))
    asked = facts.plain(question)
    if not words.open.search(asked) or words.alternatives.search(asked):
        return False
    own, solid = set(search_terms(facts.uncited(claim))), facts.solid(question)
    new = own - set(search_terms(question))
    return bool(own) and all(len(term) >= _PART and term in solid for term in new)  # "Pocket-Book" of "Pocketbook"


def asks_for_the_latest(question: str) -> bool:
    """Whether the answer to a question changes with time, and the present one is wanted."""
    return bool(_words(_language(question)).latest.search(facts.plain(question)))


def current(evidence: Sequence[Evidence], passages: Sequence[Passage], question: str) -> tuple[Evidence, ...]:
    """Without what is out of date where the latest is asked for: sentences whose years all lie years behind the newest
    that any of the passages names. All of it where nothing else would be left."""
    if not asks_for_the_latest(question):
        return tuple(evidence)
    newest = max((year for p in passages for year in _years(f"{p.title} {p.published} {p.text}")), default=0)

    def dated(found: Evidence) -> int:
        passage = passages[found.passage - 1]
        own = _years(passage.text[found.start : found.end])
        return max(own or _years(passage.title), default=newest)

    kept = tuple(found for found in evidence if dated(found) > newest - _OUTDATED)
    return kept or tuple(evidence)


def _years(text: str) -> list[int]:
    return [int(year) for year in _YEAR.findall(text)]


def other_day(question: str, passages: Sequence[Passage]) -> bool:
    """Whether a question is about a certain day, and what the passages tell of happened on others.

    Where they tell of no day, or of a span of days, it may well be answered from them.
    """
    asked = _certain_days(question)
    told = [_told_of(passage, asked) for passage in passages]
    if not asked or None in told:
        return False
    return any(told) and all(asked.isdisjoint(named) for named in told if named)


def of_the_day(passages: Sequence[Passage], question: str) -> list[Passage]:
    """Without the passages that tell of other days than the one that a question is about, where some tell of that."""
    asked = _certain_days(question)
    told = [_told_of(passage, asked) for passage in passages]
    if not any(named and asked & named for named in told):
        return list(passages)
    return [passage for passage, named in zip(passages, told, strict=True) if not named or asked & named]


def _certain_days(question: str) -> set[Day]:
    """The days that a question is about; none where it is about a span of them."""
    return set() if _SPANS.search(_bare(question)) else days(question)


def _told_of(passage: Passage, asked: set[Day]) -> set[Day] | None:
    """The days that a passage tells of; None for a span of days, which may hold those that are asked about."""
    told: set[Day] = set()
    for sentence in split(f"{passage.title}\n{passage.text}"):
        named = days(sentence)
        if named and _SPANS.search(_bare(sentence)) and (len(named) > 1 or not asked.isdisjoint(named)):
            return None
        told |= named
    return told


def _bare(sentence: str) -> str:
    """A sentence without its times of day, whose "from … to …" says nothing of days."""
    return _CLOCK.sub(" ", sentence)


def without_when(text: str) -> str:
    """A text without its days and times of day, in which a page writes them otherwise: the pieces of a date are no
    words that it lacks."""
    plain = facts.digits(text)
    for notation in (_ISO, _JA, _MONTH_FIRST, _DAY_FIRST, _CLOCK):
        plain = notation.sub(" ", plain)
    return plain


def days(text: str) -> set[Day]:
    """The days that a text names with their year, in the notations of both languages."""
    plain = facts.digits(text)
    found = {tuple(map(int, groups)) for groups in (*_ISO.findall(plain), *_JA.findall(plain))}
    for month, day, year in _MONTH_FIRST.findall(plain):
        found.add((int(year), _month(month), int(day)))
    for day, month, year in _DAY_FIRST.findall(plain):
        found.add((int(year), _month(month), int(day)))
    return {(y, m, d) for y, m, d in found if 1 <= m <= 12 and 1 <= d <= 31}


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1
