"""When the documents hold a question's ambiguity: "What is the limit?" over pages that have several limits.

Two things must come together. The question leaves open what it is about: all its words are of the kind that means
something only together with what it is of (`prompts/<language>/relations.yaml`). And the sentences that are nearest to
it stand under different headings and hold it about equally well. Neither is enough: of the sentences of one subject
("What is a draft?") and of several ("What is the limit?") the scores lie as near to each other, and so do the sentences
themselves (mean cosine of the best four, centred: .17 and .14), so evidence alone would ask back for nothing.

Measured on tests/benchmarks/ambiguous.yaml, see `python -m tests.benchmarks ambiguity`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

import yaml

from agent import facts
from agent.guard import steers
from agent.prompts import FOLDER
from agent.reading import text_of
from agent.state import Evidence, Language, Turn, Verdict
from tools.base import Passage
from tools.library.tokens import terms
from tools.library.words import search_terms

MOST = 4
"""Choices that a reader can take in at a glance."""
NEARLY = 0.75
"""Share of the best sentence's likeness to the question that the best one of another section must reach."""
_SAME = 0.6
"""Sentences that share so many of their terms say the same, such as a rule that two pages repeat."""
_LABEL = 80
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_BESIDE = re.compile(r"(.+?)\s*[(（]([^()（）]+)[)）]")
"""How encyclopaedias and others tell bearers of one name apart: "John Barnes (musician)"."""
_KANJI = re.compile("[一-鿿々]{2,6}")


@cache
def _relations(language: Language) -> tuple[frozenset[str], frozenset[str]]:
    told = yaml.safe_load((FOLDER / language / "relations.yaml").read_text("utf-8"))
    relations, beside = (
        frozenset(term for line in told[name] for word in line.split() for term in search_terms(word))
        for name in ("relations", "beside")
    )
    return relations, beside


def leaves_open(question: str, language: Language) -> bool:
    """Whether a question names a relation ("limit", "deadline", "delete") and nothing that it could be of."""
    relations, beside = _relations(language)
    asked = set(search_terms(question))
    return bool(asked & relations) and asked <= relations | beside and not facts.claimed_names(question)


def ask_back(turn: Turn, choices: Sequence[str] = (), why: Literal["several", "namesakes"] = "several") -> Turn:
    """The turn on its way back to the user."""
    assert turn.decision is not None
    decision = replace(turn.decision, route="clarify", why=why, cue="")
    # an empty web search leaves the documents' passages where they are, so the route says nothing of them
    of_web = all(passage.kind == "web" for passage in turn.passages)
    verdict = Verdict(False, 1.0, why)
    return replace(turn, decision=decision, choices=tuple(choices), choices_of_web=of_web, verdict=verdict)


def choices(turn: Turn) -> tuple[str, ...]:
    """What a question that leaves that open may mean, the likeliest first, as the headings of the documents name it.
    Empty where they answer it in one way, or not at all."""
    if not turn.evidence:
        return ()
    best = turn.evidence[0]
    wanted = set(search_terms(turn.standalone)) & _relations(turn.language)[0]
    found: dict[str, str] = {}
    said: list[set[str]] = []
    for evidence in turn.evidence:
        passage, text = turn.passages[evidence.passage - 1], text_of(evidence, turn.passages)
        if facts.is_japanese(text) != (turn.language == "ja"):
            continue  # the same page in the other language is no other meaning
        if evidence.tokens < NEARLY * best.tokens or not wanted & set(search_terms(text)):
            continue
        label, own = _label(evidence, passage), set(terms(text))
        if (
            steers(label)
            or label in found.values()
            or any(len(own & other) >= _SAME * min(len(own), len(other)) for other in said)
        ):
            continue
        found[f"{passage.document}\0{label}"] = label
        said.append(own)
    return tuple(found.values())[:MOST] if len(found) > 1 else ()


def bearers(question: str, passages: Sequence[Passage]) -> dict[str, Passage]:
    """A passage of each page about a bearer of a name in the question, under its title, the likeliest first: where two
    or more are told apart by words in brackets, and the question has none of these words. Otherwise empty."""
    asked, names = set(search_terms(question)), set(facts.claimed_names(question))
    found: dict[str, dict[str, Passage]] = {}
    for passage in passages:
        told = _BESIDE.match(passage.title)
        if told is None or steers(told[2]):
            continue
        # kanji do not tell a person from a word such as 料金, which the titles of documents often have
        kanji = passage.kind == "web" and _KANJI.fullmatch(told[1]) and told[1] in question
        if not kanji and not _is_name(told[1], names):
            continue
        if asked & set(search_terms(told[2])):
            return {}
        found.setdefault(told[1], {}).setdefault(told[0], passage)
    return next((pages for pages in found.values() if len(pages) > 1), {})


def namesakes(turn: Turn) -> tuple[str, ...]:
    """The titles of `bearers` among the passages. Empty where the nearest sentence is of the page that needs no words
    in brackets: whom most people mean."""
    titles = tuple(bearers(turn.standalone, turn.passages))[:MOST]
    if not titles or not turn.evidence:
        return ()
    nearest = turn.passages[turn.evidence[0].passage - 1].title
    told = _BESIDE.match(titles[0])
    plain = told and not _BESIDE.match(nearest) and facts.solid(nearest).startswith(facts.solid(told[1]))
    return () if plain else titles


def _is_name(text: str, names: set[str]) -> bool:
    """Whether a text is one of the question's names, first and last."""
    words = re.split(r"[\s・]+", text)
    return len(words) > 1 and all(word in names or len(word.strip(".")) == 1 for word in words)


def _label(evidence: Evidence, passage: Passage) -> str:
    """The title and the nearest heading above the sentence; a passage may hold several short sections."""
    above = _HEADING.findall(passage.text[: evidence.start])
    heading = above[-1] if above else passage.heading[-1] if passage.heading else ""
    parts = dict.fromkeys(part for part in (passage.title, str(heading).replace("`", "")) if part)
    line = " ".join(" › ".join(parts).split())
    return line if len(line) <= _LABEL else f"{line[: _LABEL - 1].rstrip()}…"
