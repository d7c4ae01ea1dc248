"""From files, feedback or earlier data to examples that a specialist can learn from: read, check, tidy, split."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tools.library.tokens import language
from tools.specialist.data import (
    Fault,
    Findings,
    Form,
    Split,
    Spot,
    check,
    estimated_tokens,
    fitted,
    form,
    read,
    split,
    without,
)
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Metric
from tools.specialist.example import Example
from tools.specialist.plan import Plan
from tools.specialist.texts import asked, key

if TYPE_CHECKING:
    from agent.state import Language
    from tools.specialist.card import Use

Left = Literal["duplicate", "contradiction", "too_long", "empty", "marks"]
_FEWEST = 10
"""Examples below which nothing can be learned and nothing shown."""
_LONG = 2048
"""Tokens of a sequence where some examples are longer than usual, and where passages are read: all questions over the
same passages are then in one, and the passages stand there once."""


@dataclass(frozen=True)
class Order:
    """What is to be trained, and how. What is left out is taken from the version before, or chosen."""

    name: str
    files: tuple[Path, ...] = ()
    test: Path | None = None
    """Held-out examples of their own, instead of a part of the others."""
    feedback: bool = False
    """Learn from the thumbs and corrections of the chat too."""
    question: str = ""
    answer: str = ""
    """The names of the columns or keys that hold them, where they are unusual."""
    description: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    prompt: str | None = None
    use: Use | None = None
    metric: Metric | None = None
    base: str = ""
    """A name of the catalogue or a model file; the configured model without one."""
    plan: Plan = field(default_factory=Plan)
    licence: str = ""
    sources: tuple[str, ...] = ()
    personal: bool = False
    """Learn from what looks like personal data too."""
    continues: bool = False
    """Continue training from the adapter that is in use, instead of from the base model."""
    again: bool = False
    """Begin anew instead of going on, and give up a training of other data that was stopped."""


@dataclass(frozen=True)
class Prepared:
    """Data that were read and checked."""

    split: Split
    form: Form
    language: Language
    read: int
    """Examples in the files, before anything was left out."""
    faults: tuple[Fault, ...] = ()
    findings: Findings = field(default_factory=Findings)
    """About the examples as they were read."""
    left: dict[Left, int] = field(default_factory=dict)
    """How many were left out, and why."""
    personal: tuple[Spot, ...] = ()
    sources: tuple[str, ...] = ()
    plan: Plan = field(default_factory=Plan)
    """That of the order, with the length that the examples need where it names none."""

    @property
    def fingerprint(self) -> str:
        """Of all examples that are used."""
        return self.split.fingerprint


def prepare(order: Order, feedback: Sequence[dict[str, Any]] = (), before: Split | None = None) -> Prepared:
    """Read and check the data of an order.

    `feedback` are the rows of `kotae feedback export`, `before` the data of the version before, which are taken where
    the order names none. Raises `SpecialistError` (`data`) where nothing is left to learn from.
    """
    if not order.files and not order.feedback:
        if before is None:
            raise SpecialistError("data", "There is nothing to learn from: give a file with --data, or --feedback.")
        known = [*before.training, *before.validation]
        return _prepared(order, known, before.test, [], ("the data of the version before",), before)
    examples: list[Example] = []
    faults: list[Fault] = []
    for file in order.files:
        found = read(file, question=order.question, answer=order.answer)
        examples += found.examples
        faults += found.faults
    if order.feedback:
        examples += _of_feedback(feedback)
    test: tuple[Example, ...] | None = None
    if order.test is not None:
        given = read(order.test, question=order.question, answer=order.answer)
        test, faults = given.examples, [*faults, *given.faults]
    names = [*(file.name for file in order.files), *(["the feedback of the chat"] if order.feedback else [])]
    return _prepared(order, examples, test, faults, tuple(names))


def _prepared(
    order: Order,
    examples: Sequence[Example],
    test: Sequence[Example] | None,
    faults: Sequence[Fault],
    sources: tuple[str, ...],
    before: Split | None = None,
) -> Prepared:
    plan = _lengthened(order.plan, examples)
    findings = check(examples, test or (), longest=plan.longest)
    # of copies that contradict each other the majority decides, so those are counted first
    kept, left = _tidied(examples, findings)
    if len(kept) < _FEWEST:
        raise SpecialistError(
            "data",
            f"Only {len(kept):,} of {len(examples):,} examples can be learned from: give at least {_FEWEST}, better "
            "200.",
        )
    found = form(kept)
    wanted = order.metric or ("grounded" if order.use == "grounded" else found.metric)
    if wanted != found.metric:
        found = Form(wanted)
    if test is not None and found.schema is not None and not all(_is_object(example.answer) for example in test):
        raise SpecialistError("data", "The answers of --test are not JSON objects, as those of --data are.")
    parts = (
        Split(before.training, before.validation, before.test)
        if before is not None and len(kept) == len(examples)
        else split(fitted(kept, found), None if test is None else fitted(test, found))
    )
    return Prepared(
        parts,
        found,
        language("\n".join(example.question[:300] for example in kept[:200])),
        len(examples),
        tuple(faults),
        findings,
        left,
        findings.personal,
        order.sources or sources,
        plan,
    )


def _lengthened(plan: Plan, examples: Sequence[Example]) -> Plan:
    if "longest" in plan.model_fields_set:
        return plan
    long = any(e.refuses is not None or estimated_tokens(e) > plan.longest for e in examples)
    return plan.model_copy(update={"longest": _LONG}) if long else plan


def _tidied(examples: Sequence[Example], findings: Findings) -> tuple[list[Example], dict[Left, int]]:
    """Without what cannot be learned from, and each question once.

    Where a question has several answers, that of the majority stays; of texts, which may be written in several ways,
    the first. Where no answer has the majority nobody can say which is right, and the question is left out.
    """
    fit = without(examples, findings, "empty", "too_long", "marks")
    free = form(fit).metric == "text" if fit else False
    by_question: defaultdict[str, list[Example]] = defaultdict(list)
    for example in fit:
        by_question[asked(example)].append(example)
    kept: list[Example] = []
    left: Counter[Left] = Counter()
    for code in ("empty", "too_long", "marks"):
        left[code] = len(findings.rows(code))
    for same in by_question.values():
        said = Counter(key(example.answer) or example.answer.strip() for example in same)
        (most, count), *others = said.most_common(2)
        if others and not free and count == others[0][1]:
            left["contradiction"] += len(same)
            continue
        kept.append(next(e for e in same if free or (key(e.answer) or e.answer.strip()) == most))
        right = len(same) if free else count
        left["duplicate"] += right - 1
        left["contradiction"] += len(same) - right
    return kept, {code: n for code, n in left.items() if n}


def _of_feedback(rows: Sequence[dict[str, Any]]) -> tuple[Example, ...]:
    """By way of a file, as an export of the feedback is read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "feedback.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        if not rows:
            raise SpecialistError("data", "No feedback was given yet: thumbs stand under each answer of the chat.")
        return read(file).examples


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
