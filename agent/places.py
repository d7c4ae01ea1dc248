"""Wishes for a place: "search the web for this" says nothing but where the question before should be asked again, and
"ask the banking specialist why my card was declined" puts a question to a specialist by its name.

Only what the user writes is read for them, never what a document or a model says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import yaml

from agent.prompts import FOLDER, LANGUAGES
from agent.records import from_record
from agent.router import cue
from agent.state import Language, Place, place

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage


_LONGEST = 120
"""Characters of a message that may be such a wish and nothing else."""


@dataclass(frozen=True)
class Wish:
    """The question before, as it reads alone, and where the user wants it to be looked up."""

    route: Place
    standalone: str
    language: Language


@dataclass(frozen=True)
class Addressed:
    """A question that was put to a specialist by its name."""

    name: str
    question: str


@cache
def _rows(language: Language) -> dict[str, Any]:
    rows: dict[str, Any] = yaml.safe_load((FOLDER / language / "places.yaml").read_text("utf-8"))
    return rows


@cache
def _patterns(language: Language) -> tuple[tuple[Place, re.Pattern[str]], ...]:
    return tuple((row["route"], _whole(row["pattern"], language)) for row in _rows(language)["wishes"])


def _whole(pattern: str, language: Language) -> re.Pattern[str]:
    """A message that says this and nothing else."""
    rows = _rows(language)
    return re.compile(
        rf"\W*(?:(?:{rows['before']})[\s\W]*)*(?:{pattern})(?:{rows['after']})*\W*", re.IGNORECASE | re.DOTALL
    )


@cache
def _of_specialist(language: Language, name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """A wish for a specialist, and what stands before a question that is put to it."""
    rows = _rows(language)
    told = rows["specialist"]
    spelled = r"[-_\s]?".join(re.escape(part) for part in name.split("-"))
    called = told["called"].replace("<name>", rf"(?<![\w-]){spelled}(?![\w-])" if language == "en" else spelled)
    wish, addressed = (told[key].replace("<called>", f"(?:{called})") for key in ("wish", "addressed"))
    before = rf"\W*(?:(?:{rows['before']})[\s\W]*)*"
    return _whole(wish, language), re.compile(rf"{before}(?:{addressed})(?P<rest>.*\w.*)", re.IGNORECASE | re.DOTALL)


def wished(text: str, language: Language, specialists: Sequence[str] = ()) -> Place | None:
    """The place that `text` asks for if it says nothing else (`prompts/<language>/places.yaml`), otherwise None.
    `specialists` are the names of those that there are; they may be called in any language."""
    if len(text) > _LONGEST:
        return None
    for name, each in product(specialists, LANGUAGES):
        if _of_specialist(each, name)[0].fullmatch(text.strip()):
            return place("specialist", name)
    return next((route for route, pattern in _patterns(language) if pattern.fullmatch(text.strip())), None)


def addressed(text: str, specialists: Sequence[str]) -> Addressed | None:
    """The specialist that a message calls by its name, and what it is asked; None where none is called."""
    for name, each in product(specialists, LANGUAGES):
        wish, before = _of_specialist(each, name)
        if (found := before.match(text)) and not wish.fullmatch(text.strip()):
            return Addressed(name, found["rest"].strip())
    return None


def without_wish(text: str) -> str:
    """A question without the words at its beginning by which it asks for the web; whole where nothing else is there."""
    for language in LANGUAGES:
        if begins := re.match(_rows(language)["for_the_web"], text, re.IGNORECASE):
            return text[begins.end() :] or text
    return text


def points_inside(text: str, language: Language) -> bool:
    """Whether a question points at something as only documents do: "this species", 当館."""
    return re.search(_rows(language)["inside"], text, re.IGNORECASE) is not None


def asks_documents(text: str, language: Language) -> bool:
    """Whether a question asks what the documents say, in so many words."""
    return re.search(_rows(language)["documents"], text, re.IGNORECASE) is not None


def wish(text: str, language: Language, past: Sequence[AnyMessage], specialists: Sequence[str] = ()) -> Wish | None:
    """What `text` asks for after the conversation `past`.

    None where it is a question of its own, and where nothing stands before it that could be asked again: no answer, a
    greeting, or a question that Kotae itself did not understand.
    """
    if not past or (route := wished(text, language, specialists)) is None:
        return None
    last = from_record(past[-1].additional_kwargs.get("answer"))
    if last is None or last.route == "clarify":
        return None
    settled = cue(last.standalone, last.language)
    if settled is not None and settled[0] == "direct":
        return None
    return Wish(route, last.standalone, last.language)
