"""What is doubtful about examples that can all be read: copies, contradictions, personal data, leaks, imbalance."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tools.specialist import personal
from tools.specialist.example import Example
from tools.specialist.form import form
from tools.specialist.near import twins
from tools.specialist.personal import Personal
from tools.specialist.texts import asked, key

Code = Literal[
    "duplicate",
    "near_duplicate",
    "contradiction",
    "empty",
    "too_long",
    "personal",
    "marks",
    "unbalanced",
    "rare",
    "leak",
    "near_leak",
]
"""`duplicate`: question and answer stand before. `near_duplicate`: the question does but for case, width, punctuation
and space. `contradiction`: the same question with different answers. `empty`: no question or no answer. `personal`: see
`Findings.personal`. `marks`: marks of a chat template. `unbalanced`: one answer stands for more than half, or far more
often than another. `rare`: answers with fewer than five examples. `leak`, `near_leak`: a question of the test."""
Where = Literal["system", "history", "question", "answer"]
FEW = 5
_HALF, _TIMES = 0.5, 20
_ENOUGH = 20
_MARKS = re.compile(r"<\|[^|<>\s]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>")
_JAPANESE = re.compile(r"[^\x00-\u2fff]")
_ASCII_TOKEN, _OTHER_TOKEN = 4.2, 1.25
"""Characters that a token has, roughly: in English, and in Japanese."""


@dataclass(frozen=True)
class Finding:
    """Something doubtful, and the examples that it is about: their positions in what was checked, from 0."""

    code: Code
    rows: tuple[int, ...]
    about: str = ""
    """The answer in question, where it is about one."""

    @property
    def count(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return _SENTENCES[self.code].format(n=f"{self.count:,}", about=self.about)


@dataclass(frozen=True)
class Spot:
    """Where something personal stands."""

    row: int
    where: Where
    found: Personal


@dataclass(frozen=True)
class Findings:
    """All that is doubtful, the gravest first."""

    found: tuple[Finding, ...] = ()
    personal: tuple[Spot, ...] = ()

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def rows(self, *codes: Code) -> tuple[int, ...]:
        """Positions of the examples that any of `codes` is about."""
        return tuple(sorted({row for finding in self.found if finding.code in codes for row in finding.rows}))


def check(examples: Sequence[Example], test: Sequence[Example] = (), *, longest: int = 1024) -> Findings:
    """Look through examples; with `test` also for what leaks into it. `longest` is that of the `Plan`, in tokens."""
    spots = tuple(_personal(examples))
    questions = [asked(example) for example in examples]
    found = [
        _finding("empty", [i for i, e in enumerate(examples) if not (e.answer.strip() and e.question.strip())]),
        *_leaks(examples, test),
        _finding("contradiction", _contradictions(examples, questions)),
        _finding("personal", sorted({spot.row for spot in spots})),
        _finding("too_long", [i for i, e in enumerate(examples) if estimated_tokens(e) > longest]),
        _finding("duplicate", _copies(examples, lambda e: f"{e.id}\0{e.answer}")),
        _finding("near_duplicate", _near_copies(examples, questions)),
        _finding("marks", [i for i, e in enumerate(examples) if any(map(_MARKS.search, _texts(e)))]),
        *_balance(examples),
    ]
    return Findings(tuple(finding for finding in found if finding.rows), spots)


def without(examples: Sequence[Example], findings: Findings, *codes: Code) -> tuple[Example, ...]:
    """The examples that none of `codes` is about; of copies the first stays."""
    gone = set(findings.rows(*codes))
    return tuple(example for i, example in enumerate(examples) if i not in gone)


def _finding(code: Code, rows: Sequence[int], about: str = "") -> Finding:
    return Finding(code, tuple(rows), about)


def _copies(examples: Sequence[Example], same: Callable[[Example], str]) -> list[int]:
    seen: set[str] = set()
    found = []
    for i, example in enumerate(examples):
        if (mark := same(example)) in seen:
            found.append(i)
        seen.add(mark)
    return found


def _near_copies(examples: Sequence[Example], questions: Sequence[str]) -> list[int]:
    """Copies by what they ask whose very words do not stand before."""
    words: defaultdict[str, set[str]] = defaultdict(set)
    found = []
    for i, (example, question) in enumerate(zip(examples, questions, strict=True)):
        before = words[question]
        if before and example.id not in before:
            found.append(i)
        before.add(example.id)
    return found


def _contradictions(examples: Sequence[Example], questions: Sequence[str]) -> list[int]:
    """Those that ask the same one after the other."""
    by_question: defaultdict[str, list[int]] = defaultdict(list)
    for i, question in enumerate(questions):
        by_question[question].append(i)
    several = (rows for rows in by_question.values() if len(rows) > 1)
    return [row for rows in several if len({_said(examples[row]) for row in rows}) > 1 for row in rows]


def _said(example: Example) -> str:
    return key(example.answer) or example.answer.strip()


def _personal(examples: Sequence[Example]) -> Iterator[Spot]:
    for row, example in enumerate(examples):
        parts: list[tuple[Where, str]] = [
            ("system" if m.role == "system" else "history", m.content) for m in example.messages[:-1]
        ]
        for where, text in [*parts, ("question", example.question), ("answer", example.answer)]:
            yield from (Spot(row, where, found) for found in personal.find(text))


def estimated_tokens(example: Example) -> float:
    """Roughly how many an example has, for any model."""
    total = 0.0
    for text in _texts(example):
        japanese = len(_JAPANESE.findall(text))
        total += japanese / _OTHER_TOKEN + (len(text) - japanese) / _ASCII_TOKEN
    return total


def _texts(example: Example) -> list[str]:
    return [*(m.content for m in example.messages), example.answer]


def _leaks(examples: Sequence[Example], test: Sequence[Example]) -> list[Finding]:
    found = list(twins(examples, test))
    return [
        _finding("leak", [twin.row for twin in found if twin.same]),
        _finding("near_leak", [twin.row for twin in found if not twin.same]),
    ]


def _balance(examples: Sequence[Example]) -> list[Finding]:
    by_answer: defaultdict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(examples):
        by_answer[example.answer].append(i)
    if len(examples) < _ENOUGH or len(by_answer) < 2:
        return []
    classes = form(examples).metric == "exact"
    most, least = (pick(by_answer, key=lambda answer: len(by_answer[answer])) for pick in (max, min))
    found = []
    often, share = len(by_answer[most]), len(by_answer[most]) / len(examples)
    if share > _HALF or (classes and often > _TIMES * len(by_answer[least])):
        found.append(_finding("unbalanced", by_answer[most], most[:80]))
    rare = [row for rows in by_answer.values() if classes and len(rows) < FEW for row in rows]
    return [*found, _finding("rare", sorted(rare))]


_SENTENCES: dict[Code, str] = {
    "duplicate": "{n} examples stand before; each is needed once.",
    "near_duplicate": "{n} questions stand before but for case, width or punctuation; each is needed once.",
    "contradiction": "{n} examples answer the same question differently; decide for one answer.",
    "empty": "{n} examples have no question or no answer; leave them out.",
    "too_long": "{n} examples are probably too long to be learned; shorten them, or raise the longest length.",
    "personal": "{n} examples hold what looks like personal data; a specialist may repeat it, so take it out.",
    "marks": "{n} examples hold marks of a chat template, which end or begin messages; take them out.",
    "unbalanced": "{n} examples have the answer {about!r}, far more than any should; add examples of the others.",
    "rare": "{n} examples have an answer that fewer than five have; add more of them.",
    "leak": "{n} questions stand in the test too; they must not be learned from.",
    "near_leak": "{n} questions stand in the test in nearly the same words; they must not be learned from.",
}
