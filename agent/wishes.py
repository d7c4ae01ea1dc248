"""How a user wants the answer: in which language, how long, in which form. Such words are no part of what is looked up.

The rules stand in `prompts/<language>/wishes.yaml`. Those of every language are tried, since a wish for Japanese may be
written in English.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.prompts import FOLDER, LANGUAGES, fill
from agent.state import Form, Language, Length, Turn

_LANGUAGES: Mapping[str, Language] = {"english": "en", "英語": "en", "japanese": "ja", "日本語": "ja"}


@dataclass(frozen=True)
class Wish:
    """What a message asks of the answer; None where it says nothing. `lasting`: in this language from now on."""

    language: Language | None = None
    lasting: bool = False
    length: Length | None = None
    form: Form | None = None


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    length: Length | None
    form: Form | None
    keep: bool


def read(message: str) -> tuple[Wish, str]:
    """The wishes of a message, and the message without them: "" where it says nothing else."""
    wish, rest = Wish(), message.strip()
    for rule in _rules():
        if (found := rule.pattern.search(rest)) is None:
            continue
        groups = found.groupdict()
        wish = replace(
            wish,
            language=_LANGUAGES[groups["language"].casefold()] if groups.get("language") else wish.language,
            length=rule.length or wish.length,
            form=rule.form or wish.form,
        )
        if not rule.keep:
            start, end = found.span("drop" if groups.get("drop") else 0)
            before = re.sub(r"[\w\s]+", "", groups.get("before") or "").strip(",;:(、")
            rest = f"{rest[:start]}{before} {rest[end:]}"
    if wish == Wish():
        return wish, message
    for lasting in _each("lasting"):
        rest, n = lasting.subn(" ", rest)
        wish = replace(wish, lasting=wish.lasting or (n > 0 and wish.language is not None))
    rest = _tidied(rest)
    return wish, "" if any(nothing.search(rest) for nothing in _each("nothing")) else rest


def standing(past: Sequence[AnyMessage]) -> Language | None:
    """The language in which a conversation is to be held, if the user has said so: the last time counts."""
    for message in reversed(past):
        if isinstance(message, HumanMessage) and (wish := read(str(message.text))[0]).lasting:
            return wish.language
    return None


def last_question(past: Sequence[AnyMessage]) -> str:
    """The last question that was looked up or put to a specialist, as it was understood; "" if there is none."""
    for message in reversed(past):
        answer = message.additional_kwargs.get("answer") or {} if isinstance(message, AIMessage) else {}
        if answer.get("route") in ("library", "web", "specialist") and answer.get("standalone"):
            return str(answer["standalone"])
    return ""


def asks_for_rows(question: str) -> bool:
    """Whether several things of a kind are asked for, as a table lists them."""
    return any(rule.search(question) for rule in _each("rows"))


def compares(question: str) -> bool:
    """Whether things are to be held side by side."""
    return any(rule.search(question) for rule in _each("compares"))


def gap(turn: Turn) -> str:
    """What stands between the sentences of an answer."""
    return "\n" if turn.language == "ja" or turn.form in ("list", "steps") else " "


def task(turn: Turn) -> str:
    """What the model is told to write from the sources."""
    manner = turn.form if turn.form in ("list", "steps") else turn.length
    return fill(turn.language, "answer") if manner == "short" else fill(turn.language, f"answers/{manner}")


def _tidied(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"^[\s,;:.、。]+|[\s,;:、]+$", "", text)
    text = re.sub(r"\s+([?.!,])", r"\1", text)
    text = re.sub(r"(?<=[^\x00-\x7f]) (?=[^\x00-\x7f])", "", text)
    text = re.sub(r"[,、;:]+(?=[?.!。？！])", "", text)
    return re.sub(r"(?<=[?!。？！.])[.。]+", "", text)


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(_compiled(row["pattern"], told), row.get("length"), row.get("form"), row.get("keep", False))
        for told in _files()
        for row in told["wishes"]
    )


@cache
def _each(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(_compiled(told[name], told) for told in _files())


@cache
def _files() -> tuple[dict[str, Any], ...]:
    return tuple(yaml.safe_load((FOLDER / language / "wishes.yaml").read_text("utf-8")) for language in LANGUAGES)


def _compiled(pattern: str, told: dict[str, Any]) -> re.Pattern[str]:
    """The pattern with its fragments; a group that stands in it twice keeps its name in the first place only."""
    whole = re.sub("<<([a-z]+)>>", lambda m: str(told["fragments"][m.group(1)]), pattern)
    seen: set[str] = set()

    def once(group: re.Match[str]) -> str:
        known = group.group(1) in seen
        seen.add(group.group(1))
        return "(?:" if known else group.group()

    return re.compile(re.sub(r"\(\?P<(\w+)>", once, whole), re.IGNORECASE)
