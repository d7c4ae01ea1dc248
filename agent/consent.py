"""Consent: whether a question may leave the machine for a web search, and what people say when they are asked.

Installation and collections say it first: `off` there is final. Where they say `ask`, it is for whoever asks to decide,
for the whole conversation or for one question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

import yaml

from agent.prompts import FOLDER
from agent.state import Decision, Language, Turn
from tools.base import Consent

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage

CHOSEN = "chosen"
"""Marks the message of a user who replied to what Kotae asked instead of asking."""

Reply = Literal["once", "always", "no"]
REPLIES: tuple[Reply, ...] = get_args(Reply)
_OWN_WORDS = ("asked_for_web", "address")
"""Cues of the router by which a question asks for the web in so many words, which is a yes by itself."""


@dataclass(frozen=True)
class _Words:
    choices: dict[Reply, str]
    said: dict[Reply, re.Pattern[str]]


def granted(owners: Iterable[Consent], *, asked: Consent | None = None) -> Consent:
    """What holds for a question. `owners`: what the installation and the collections that it is answered from say;
    `asked`: what whoever asks it says, of the question or its conversation."""
    said = set(owners)
    if "off" in said:
        return "off"
    return asked or ("ask" if "ask" in said else "on")


def to_ask(turn: Turn) -> bool:
    """Whether the writer of a question must be asked before it goes to the web."""
    decision = turn.decision
    return decision is not None and decision.route == "web" and turn.web == "ask" and not asks_for_web(turn, decision)


def asks_for_web(turn: Turn, decision: Decision) -> bool:
    """Whether the user has asked for the web in so many words."""
    return turn.wish == "web" or (decision.why == "cue" and decision.cue in _OWN_WORDS)


def choices(language: Language) -> tuple[str, ...]:
    """What can be picked when Kotae asks, in the order of `REPLIES`."""
    words = _words(language)
    return tuple(words.choices[reply] for reply in REPLIES)


def reply(said: str, language: Language) -> Reply | None:
    """What a reply in other words means; None where it is none."""
    text = said.strip()
    if not re.search(r"\w", text):
        return None
    return next((name for name, pattern in _words(language).said.items() if pattern.fullmatch(text)), None)


def settled(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """A conversation in which a question stands before its answer, without the asking for leave between them."""
    found: list[AnyMessage] = []
    asked = False
    for message in messages:
        record = message.additional_kwargs.get("answer") or {}
        if record.get("would_send"):
            asked = True
        elif asked and message.additional_kwargs.get(CHOSEN):
            asked = False
        else:
            found.append(message)
    return found


@cache
def _words(language: Language) -> _Words:
    rows = yaml.safe_load((FOLDER / language / "consent.yaml").read_text("utf-8"))
    said = {reply: re.compile(rf"\W*(?:{rows[reply]['said']})\W*", re.IGNORECASE) for reply in REPLIES}
    return _Words({reply: rows[reply]["choice"] for reply in REPLIES}, said)
