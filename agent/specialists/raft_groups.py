"""Kept questions, put over passages: with the golden one among distractors, and without it.

Distractors are what the library itself finds for the question, since these are what a model will be given beside the
answer, or in its place (Zhang et al. 2024, arXiv 2403.10131, sections 3 and 5).
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, zip_longest
from typing import Literal

from agent import facts
from agent.specialists.raft_checks import holds, looks_answered
from agent.specialists.reading_rows import Asked, Group, Near
from agent.specialists.seeds import Asking, Seed
from tools.base import Passage

Way = Literal["found", "neighbour", "swapped"]
WAYS: tuple[Way, ...] = ("found", "neighbour", "found", "swapped")
"""How passages without an answer come about, in turn. `found`: all that the library finds but the golden passage.
`neighbour`: what is read for another question about the same document. `swapped`: the question names something else of
the collection, of which its passages do not speak."""
Fault = Literal["still_answered", "looks_answered", "no_other"]
FAULTS: tuple[Fault, ...] = ("still_answered", "looks_answered", "no_other")
_NAME = re.compile(r"[A-Z][A-Za-z]*[a-z][A-Za-z]*")
"""A name that another can stand for; abbreviations and loan words say what kind of thing is meant."""


@dataclass(frozen=True)
class Item:
    """A kept question."""

    question: str
    seed: Seed
    asking: Asking
    hits: tuple[Passage, ...]
    """What the library finds for it in its language, best first, without the golden passage."""

    def answered_by(self, passage: Passage) -> bool:
        """Whether another passage may answer it too."""
        return holds(passage, self.seed.sentence, self.question, self.asking.part)


@dataclass
class _Context:
    passages: list[Passage]
    items: list[Item]
    unanswered: list[str] = field(default_factory=list)

    def group(self) -> Group:
        seed = self.items[0].seed
        answered = [Asked(one.question, one.seed.sentence, 0, one.seed.sentence) for one in self.items if self._golden]
        asked = [*answered, *(Asked(question, None) for question in self.unanswered)]
        return Group(seed.passage.document, seed.language, tuple(self.passages), tuple(asked))

    @property
    def _golden(self) -> bool:
        return bool(self.passages) and self.passages[0].id == self.items[0].seed.passage.id


@dataclass(frozen=True)
class Composed:
    """`ways` counts the questions without an answer; `left_out` those for which nothing without one could be found, by
    why: `still_answered` (other passages answer it), `looks_answered` (the judge would think so), `no_other` (nothing
    else is found, or named)."""

    groups: tuple[Group, ...]
    ways: dict[str, int]
    left_out: dict[str, int]
    answering: int
    """Passages that were found beside a golden one and answer too, so that they are no distractors."""


def composed(items: Sequence[Item], near: Near, *, size: int, share: float, seed: int) -> Composed:
    """Groups of at most `size` passages; `share` of the questions are not answered by theirs, as far as there are
    passages of which that is certain."""
    draw = random.Random(seed)
    left_out: Counter[str] = Counter()
    ways: Counter[str] = Counter()
    contexts, answering = _with_golden(items, size)
    names = _names(items)
    wanted = round(len(items) * share / (1 - share))
    turns = cycle(WAYS)
    alone: list[_Context] = []
    for item in draw.sample(items, len(items)):
        if sum(ways.values()) >= wanted:
            break
        first = next(turns)
        faults: list[Fault] = []
        for way in (first, *(way for way in dict.fromkeys(WAYS) if way != first)):
            fault = _put(way, item, contexts, alone, names, near, size, draw)
            if fault is None:
                ways[way] += 1
                break
            faults.append(fault)
        else:
            left_out[min(faults, key=FAULTS.index)] += 1
    groups = tuple(context.group() for context in (*contexts, *alone))
    return Composed(groups, dict(ways), dict(left_out), answering)


def _with_golden(items: Sequence[Item], size: int) -> tuple[list[_Context], int]:
    """The golden passage of each question among what else is found; see `Composed.answering`."""
    answering = 0
    own: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        own.setdefault((item.seed.passage.id, item.seed.language), []).append(item)
    contexts = []
    for those in own.values():
        passages = {those[0].seed.passage.id: those[0].seed.passage}
        for hit in (p for row in zip_longest(*(one.hits for one in those)) for p in row if p is not None):
            if len(passages) >= size:
                break
            if any(one.answered_by(hit) for one in those):
                answering += 1
            else:
                passages.setdefault(hit.id, hit)
        contexts.append(_Context(list(passages.values()), those))
    return contexts, answering


def _put(
    way: Way,
    item: Item,
    contexts: Sequence[_Context],
    alone: list[_Context],
    names: dict[str, list[str]],
    near: Near,
    size: int,
    draw: random.Random,
) -> Fault | None:
    """Ask the question where nothing answers it; why that cannot be done."""
    if way == "swapped":
        return _put_swapped(item, contexts, names[item.seed.language], draw)
    if way == "found":
        passages = [hit for hit in item.hits if not item.answered_by(hit)][:size]
        if not passages:
            return "still_answered" if item.hits else "no_other"
        if looks_answered(item.question, passages, near, item.asking.part):
            return "looks_answered"
        alone.append(_Context(passages, [item], [item.question]))
        return None
    fault: Fault = "no_other"
    for context in _neighbours(item, contexts):
        if any(item.answered_by(p) for p in context.passages):
            fault = "still_answered"
        elif looks_answered(item.question, context.passages, near, item.asking.part):
            fault = "looks_answered"
        else:
            context.unanswered.append(item.question)
            return None
    return fault


def _neighbours(item: Item, contexts: Sequence[_Context]) -> Iterator[_Context]:
    """Contexts of other passages of its document, those first that hold most of what is found for it."""
    seed, hits = item.seed, {hit.id for hit in item.hits}
    others = [
        context
        for context in contexts
        if context.items[0].seed.passage.document == seed.passage.document
        and context.items[0].seed.language == seed.language
        and all(p.id != seed.passage.id for p in context.passages)
    ]
    yield from sorted(others, key=lambda context: -len(hits & {p.id for p in context.passages}))[:3]


def _put_swapped(item: Item, contexts: Sequence[_Context], names: Sequence[str], draw: random.Random) -> Fault | None:
    context = next(c for c in contexts if item in c.items)
    told = facts.solid(" ".join(f"{p.title} {' '.join(p.heading)} {p.text}" for p in context.passages))
    own = [name for name in facts.claimed_names(item.question) if _NAME.fullmatch(name)]
    others = [name for name in names if facts.solid(name) not in told and facts.solid(name) not in item.question]
    if not own or not others:
        return "no_other"
    other = draw.choice(others)
    context.unanswered.append(re.sub(rf"(?<![A-Za-z]){re.escape(own[0])}(?![A-Za-z])", other, item.question))
    return None


def _names(items: Sequence[Item]) -> dict[str, list[str]]:
    """Names in the sentences of each language."""
    found: dict[str, dict[str, None]] = {"en": {}, "ja": {}}
    for item in items:
        for name in facts.claimed_names(item.seed.sentence):
            if _NAME.fullmatch(name):
                found[item.seed.language][name] = None
    return {language: list(names) for language, names in found.items()}
