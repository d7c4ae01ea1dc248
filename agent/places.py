"""Wishes for a place: "search the web for this" says nothing but where the question before should be asked again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import yaml

from agent.prompts import FOLDER
from agent.records import from_record
from agent.router import cue
from agent.state import Language, Route

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage


_LONGEST = 120
"""Characters of a message that may be such a wish and nothing else."""


@dataclass(frozen=True)
class Wish:
    """The question before, as it reads alone, and where the user wants it to be looked up."""

    route: Route
    standalone: str
    language: Language


@cache
def _patterns(language: Language) -> tuple[tuple[Route, re.Pattern[str]], ...]:
    rows = yaml.safe_load((FOLDER / language / "places.yaml").read_text("utf-8"))
    before, after = rows["before"], rows["after"]
    return tuple(
        (row["route"], re.compile(rf"\W*(?:(?:{before})[\s\W]*)*(?:{row['pattern']})(?:{after})*\W*", re.IGNORECASE))
        for row in rows["wishes"]
    )


def wished(text: str, language: Language) -> Route | None:
    """The route that `text` asks for if it says nothing else (`prompts/<language>/places.yaml`), otherwise None."""
    if len(text) > _LONGEST:
        return None
    return next((route for route, pattern in _patterns(language) if pattern.fullmatch(text.strip())), None)


def wish(text: str, language: Language, past: Sequence[AnyMessage]) -> Wish | None:
    """What `text` asks for after the conversation `past`.

    None where it is a question of its own, and where nothing stands before it that could be asked again: no answer, a
    greeting, or a question that Kotae itself did not understand.
    """
    if not past or (route := wished(text, language)) is None:
        return None
    last = from_record(past[-1].additional_kwargs.get("answer"))
    if last is None or last.route == "clarify":
        return None
    settled = cue(last.standalone, last.language)
    if settled is not None and settled[0] == "direct":
        return None
    return Wish(route, last.standalone, last.language)
