"""Sentences of documents that a question can be made from: each says something definite and stands by itself.

A small model turns one sentence into a question far better than it finds something to ask about a page; and the answer
is known before the question is, since it is the sentence.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from agent import facts
from agent.guard import disarm
from agent.prompts import FOLDER
from agent.state import Language
from tools.base import Passage
from tools.library import Document, Library, Scope
from tools.library.tokens import terms
from tools.sentences import spans

PER_PASSAGE = 3
"""Questions made from one passage at most. They are asked over the same passages, so a trainer reads these once."""
_LENGTH: dict[Language, tuple[int, int]] = {"en": (30, 280), "ja": (14, 130)}
_FEWEST_TERMS = 4
_PREDICATE = 24
"""Characters between what answers and the end of a Japanese sentence."""
_NOT_ALL = re.compile(r"[、「」（）()`\d]|ない|ません")
"""Behind what answers: there is more to the sentence than it, or it is denied."""
_COUNTED = ("when", "number")
"""Kinds that are asked about the end of a Japanese sentence only: asked about its middle, small models go astray."""
_STOPS = (".", "。", "!", "！", "．", ".)", "。）", "。」")
_NO_PROSE = re.compile(r"^\s*(?:[|`#>]|\d+(?:\.\d+)+\s)|https?://|\|.*\||[{}\\<>=]{2}|\?|？")
_BULLET = re.compile(r"^\s*(?:[-*+] |[・•] ?|\d{1,3}[.)] )+")


@dataclass(frozen=True)
class Asking:
    """A question that may be asked about a sentence (`prompts/*/raft.yaml`)."""

    kind: str
    ask: str
    """How it begins; in Japanese, the words that ask."""
    part: str = ""
    """What of the sentence answers it, where that is plain."""
    at: int = 0
    """Where it stands in the sentence."""
    given: str = ""
    """What of the sentence the question must speak of."""


@dataclass(frozen=True)
class Seed:
    """A sentence, where it stands, and what may be asked about it, one of each kind."""

    passage: Passage
    sentence: str
    """As it is written, without the mark of a list."""
    start: int
    """Where it stands in the passage."""
    askings: tuple[Asking, ...]
    language: Language

    @property
    def key(self) -> str:
        """The same for the same sentence of the same passage."""
        return f"{self.passage.id}:{self.start}"


def drawn(
    library: Library, scope: Scope, *, seed: int, language: Language | None = None, passages: int | None = None
) -> Iterator[list[Seed]]:
    """The seeds of one passage after the other, in an order that the seed decides: one of each document, then the next.

    `passages`: of so many at most; passages without any sentence to ask about are not counted.
    """
    draw = random.Random(seed)
    documents = [d for d in library.documents(scope) if d.type != "code"]
    draw.shuffle(documents)
    orders = {d.id: draw.sample(range(d.passages), d.passages) for d in documents}
    given = 0
    for document, number in _in_turn(documents, orders):
        if passages is not None and given >= passages:
            return
        found = library.passages(document.id, scope, first=number, count=1)
        if found and (those := seeds(found[0], language)):
            given += 1
            yield those


def _in_turn(documents: list[Document], orders: dict[str, list[int]]) -> Iterator[tuple[Document, int]]:
    for turn in range(max(map(len, orders.values()), default=0)):
        yield from ((document, order[turn]) for document in documents if turn < len(order := orders[document.id]))


def seeds(passage: Passage, language: Language | None = None) -> list[Seed]:
    """The sentences of a passage that say most, as they stand. What a document orders its reader to do is none."""
    passage = disarm(passage)
    found = []
    for start, end in spans(passage.text):
        written = passage.text[start:end]
        spoken: Language = "ja" if facts.is_japanese(written) else "en"
        if language is not None and spoken != language:
            continue
        sentence = _BULLET.sub("", written)
        if askings := askings_of(sentence, spoken):
            found.append(Seed(passage, sentence, start, askings, spoken))
    most = sorted(found, key=lambda one: -len(one.askings))[:PER_PASSAGE]
    return sorted(most, key=lambda one: one.start)


def askings_of(sentence: str, language: Language) -> tuple[Asking, ...]:
    """What may be asked about a sentence; nothing where it says too little or too much, or points out of itself."""
    shortest, longest = _LENGTH[language]
    if not shortest <= len(sentence) <= longest or not sentence.endswith(_STOPS) or _NO_PROSE.search(sentence):
        return ()
    if _rule(language, "leaning").search(sentence) or len(set(terms(sentence))) < _FEWEST_TERMS:
        return ()
    found: dict[str, Asking] = {}
    for kind, ask, pattern in _kinds(language):
        matches = [] if kind in found else list(pattern.finditer(sentence))
        if language == "ja" and kind in _COUNTED:
            matches = [match for match in matches if _closes(sentence, match.end("part"))]
        if matches:
            # what is asked for stands at the end of a Japanese sentence, and first in an English one
            match = matches[-1 if language == "ja" else 0]
            groups = match.groupdict()
            part = groups.get("part") or ""
            at = match.start("part") if part else 0
            given = groups.get("given") or _clause(sentence, at, len(part))
            found[kind] = Asking(kind, ask.replace("$of", groups.get("of") or ""), part, at, given)
    return tuple(found.values())


def _clause(sentence: str, at: int, length: int) -> str:
    """The rest of the clause in which something stands; of the sentence, where that says nothing."""
    before, after = sentence[:at], sentence[at + length :]
    rest = re.split(r"[,;:、]", before)[-1] + " " + re.split(r"[,;:、]", after)[0]
    return rest if len(set(terms(rest))) > 1 else f"{before} {after}"


def rarest(seed: Seed, before: Counter[str]) -> Asking:
    """The kind that was asked for least so far, so that all are."""
    return min(seed.askings, key=lambda asking: before[asking.kind])


def in_place(seed: Seed, asking: Asking) -> str:
    """The question in Japanese that is the sentence itself with `ask` where the answer stands, as the language has it:
    "" in any other case. Small models know too little Japanese to be the only ones who write it."""
    if seed.language != "ja" or not asking.part:
        return ""
    before, after = seed.sentence[: asking.at], seed.sentence[asking.at + len(asking.part) :]
    if not _closes(seed.sentence, len(before) + len(asking.part)) or not re.search("[はがもをに]", before):
        return ""
    said = f"{before}{asking.ask}{after}"
    for ending in _told("ja")["endings"]:
        question, n = re.subn(ending["pattern"], ending["instead"], said)
        if n:
            return question
    return ""


def _closes(sentence: str, end: int) -> bool:
    """Whether what ends there stands in what a Japanese sentence says of its subject, and is all that it says."""
    return len(sentence) - end <= _PREDICATE and not _NOT_ALL.search(sentence, end)


def about_text(question: str, language: Language) -> bool:
    """Whether a question asks about a text in place of what it says."""
    return bool(_rule(language, "about_text").search(question))


def worked(language: Language) -> list[dict[str, str]]:
    """Worked examples: `title`, `sentence`, `ask` and the `question`."""
    found: list[dict[str, str]] = _told(language)["examples"]
    return found


@cache
def _told(language: Language) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / language / "raft.yaml").read_text("utf-8"))
    return found


@cache
def _kinds(language: Language) -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    rows = _told(language)["kinds"]
    return tuple((row["kind"], row["ask"], re.compile(row["pattern"], re.IGNORECASE)) for row in rows)


@cache
def _rule(language: Language, name: str) -> re.Pattern[str]:
    return re.compile(_told(language)[name], re.IGNORECASE)
