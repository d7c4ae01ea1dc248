"""Questions over passages as rows that a specialist learns reading from.

A row is word for word what a model with an adapter is asked in a turn over these passages (`Reader`): by the node that
answers, and by the one that judges. What is learned from anything else is lost where the product asks (Zhang et al.
2024, "RAFT", arXiv 2403.10131, section 4.4, train with the distractors that will be there).

All questions of a group are asked over the same text in the same order, so that their rows share everything up to the
question, and a trainer reads it once.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from langchain_core.messages import BaseMessage

from agent import facts
from agent.context import Limits
from agent.guard import disarm
from agent.models.plain import plain
from agent.prompts import examples, fill
from agent.reading import numbered, over_sources, unlisted, unshown, weighed
from agent.state import Evidence, Language, Turn
from agent.verify import refuses
from agent.wishes import task
from tools.base import Passage
from tools.library.evidence import Nearness
from tools.sentences import spans
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example, Message, Role

Task = Literal["answer", "judge"]
TASKS: tuple[Task, ...] = ("answer", "judge")
Near = Callable[[str, Sequence[tuple[str, str]]], list[Nearness]]
MORE = 0.3
"""By how much more is read for each further question of a group, as a share of what is read for one."""
SELDOM = 0.12
"""How many of the unanswerable questions are put to the answering node as well: `judge` stands before it and turns most
of them down. One that was taught to refuse every second question refused half of the answerable ones, too."""
_CJK_FACTOR = 0.45
_ROLES: dict[str, Role] = {"system": "system", "human": "user", "ai": "assistant"}


@dataclass(frozen=True)
class Asked:
    """A question, and what is to be answered to it: None where the passages do not hold it."""

    question: str
    answer: str | None
    passage: int | None = None
    """Which of the group's passages holds the answer, from 0. None where the answer carries its own marks, `[1]` being
    the group's first passage."""
    quote: str = ""
    """The words of that passage that must be read to answer; the answer itself where none are given."""


@dataclass(frozen=True)
class Group:
    """Questions that are asked over the same passages."""

    id: str
    """What must not be parted by a split: an article, a document."""
    language: Language
    passages: tuple[Passage, ...]
    asked: tuple[Asked, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "passages", tuple(self.passages))
        object.__setattr__(self, "asked", tuple(self.asked))


@cache
def refusal(language: Language) -> str:
    """How the model is shown to say that the sources do not hold the answer."""
    return next(example.answer for example in examples(language) if refuses(example.answer))


@cache
def yes_or_no(language: Language) -> tuple[str, str]:
    """The two words that `judge` asks for."""
    return ("はい", "いいえ") if language == "ja" else ("yes", "no")


def answer_row(
    question: str,
    passages: Sequence[Passage],
    answer: str | None,
    language: Language,
    group: str,
    evidence: Sequence[Evidence] = (),
    read: int = 0,
) -> Example:
    """What the answering node asks and what is to be written; a refusal where `answer` is None. `evidence` and `read`
    cut the passages as in a turn."""
    messages = _messages(question, passages, None, language, evidence, read)
    return Example(messages, refusal(language) if answer is None else answer, group, answer is None)


def judge_row(
    question: str,
    passages: Sequence[Passage],
    holds: bool,
    language: Language,
    group: str,
    evidence: Sequence[Evidence] = (),
    read: int = 0,
) -> Example:
    """What the judging node asks, and yes or no. Such a row neither answers nor refuses."""
    messages = _messages(question, passages, fill(language, "judge"), language, evidence, read)
    return Example(messages, yes_or_no(language)[not holds], group)


def rows_of(
    group: Group,
    near: Near | None = None,
    *,
    read: int = Limits.read,
    seed: int = 7,
    tasks: Iterable[Task] = TASKS,
    refusals: float = 1.0,
) -> list[Example]:
    """The rows of a group. The order of the passages is drawn, so that it tells nothing. `refusals`: the share of the
    questions without an answer that the answering node is asked, too.

    With `near` only the sentences that are nearest to one of the questions are read, as in a turn; those that hold an
    answer always are.
    """
    draw = random.Random(f"{seed}:{group.id}:{group.asked[0].question if group.asked else ''}")
    order = draw.sample(range(len(group.passages)), len(group.passages))
    passages = [disarm(group.passages[old]) for old in order]
    number = {old: new for new, old in enumerate(order, 1)}
    evidence: tuple[Evidence, ...] = ()
    if near is not None and read:
        evidence, read = _read(group, passages, number, near, read)
    shown = numbered(passages, evidence, read)
    rows = []
    for asked in group.asked:
        answer = None if asked.answer is None else cited(asked, number, group.language)
        if asked.answer is not None and not _stands(asked, shown):
            continue  # it stood in what a document ordered
        for name in tasks:
            if name == "answer" and answer is None and draw.random() >= refusals:
                continue
            if name == "answer":
                rows.append(answer_row(asked.question, passages, answer, group.language, group.id, evidence, read))
            else:
                holds = answer is not None
                rows.append(judge_row(asked.question, passages, holds, group.language, group.id, evidence, read))
    return rows


def rows_of_groups(
    path: Path,
    *,
    near: Near | None = None,
    corpora: Sequence[Path] = (),
    share: bool = False,
    seed: int = 7,
    read: int = Limits.read,
    tasks: Iterable[Task] = TASKS,
    refusals: float = 1.0,
) -> list[Example]:
    """The rows of a file of groups or of a reading set, see `reading_sets.groups`."""
    from agent.specialists.reading_sets import groups  # it knows groups, which stand here

    found = groups(path, corpora, share=share, seed=seed).groups
    asks = tuple(tasks)
    return [row for group in found for row in rows_of(group, near, read=read, seed=seed, tasks=asks, refusals=refusals)]


def save(rows: Sequence[Example], out: Path) -> None:
    """Write rows to a file of examples, in place of what stood there. Raises `SpecialistError` (`data`)."""
    told = "".join(json.dumps(row.as_json(), ensure_ascii=False) + "\n" for row in rows)
    whole = out.with_name(f"{out.name}.tmp")
    try:
        whole.write_text(told, "utf-8")
        whole.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error


def unwritable(path: Path, error: Exception) -> SpecialistError:
    why = getattr(error, "strerror", None) or "it is no text"
    return SpecialistError("data", f"{path} cannot be written ({why}): choose another file with --out.")


def cited(asked: Asked, number: dict[int, int], language: Language) -> str:
    """The answer with the number of its passage behind every sentence. `number`: by position in the group, from 0."""
    answer = asked.answer or ""
    if asked.passage is None:
        return re.sub(r"\[(\d{1,2})\]", lambda m: f"[{number[int(m.group(1)) - 1]}]", answer)
    mark = f"[{number[asked.passage]}]" if language == "ja" else f" [{number[asked.passage]}]"
    answer = unlisted(answer)
    return ("" if language == "ja" else " ").join(f"{_flat(answer[a:b], language)}{mark}" for a, b in spans(answer))


def _flat(text: str, language: Language) -> str:
    """On one line: what was wrapped in a document is one sentence in an answer."""
    return re.sub(r"\s*\n\s*", "" if language == "ja" else " ", text)


def _stands(asked: Asked, shown: str) -> bool:
    """Whether the words that hold the answer are to be read. Of an answer in other words nothing is known."""
    return not asked.quote or facts.solid(asked.quote) in facts.solid(shown)


def _messages(
    question: str,
    passages: Sequence[Passage],
    told: str | None,
    language: Language,
    evidence: Sequence[Evidence],
    read: int,
) -> tuple[Message, ...]:
    turn = Turn(
        question=question,
        started=0.0,
        standalone=question,
        language=language,
        passages=tuple(passages),
        evidence=tuple(evidence),
    )
    return tuple(_message(m) for m in unshown(over_sources(turn, task(turn) if told is None else told, read)))


def _message(message: BaseMessage) -> Message:
    return Message(_ROLES[message.type], plain(str(message.content)))


def _read(
    group: Group, passages: Sequence[Passage], number: dict[int, int], near: Near, read: int
) -> tuple[tuple[Evidence, ...], int]:
    """The sentences that are read for all questions of a group, and how many characters of them: in turn the nearest
    to each question, behind those that hold the answers."""
    needed: list[Evidence] = []
    ranked: list[list[Evidence]] = []
    for asked in group.asked:
        found = _ranked(asked.question, passages, near)
        ranked.append(found)
        if asked.passage is not None:
            needed += _holding(asked, found, passages, number[asked.passage])
    turns = [e for rank in range(max(map(len, ranked), default=0)) for e in (r[rank] for r in ranked if rank < len(r))]
    kept = {(e.passage, e.start): e for e in reversed([*needed, *turns])}
    firsts = list(dict.fromkeys((e.passage, e.start) for e in [*needed, *turns]))
    wanted = read * (1 + MORE * (len(group.asked) - 1))
    factor = _CJK_FACTOR if group.language == "ja" else 1.0
    least = sum(e.end - e.start for e in {(e.passage, e.start): e for e in needed}.values()) / factor
    return tuple(kept[place] for place in firsts), int(max(wanted, least + read / 3))


def _ranked(question: str, passages: Sequence[Passage], near: Near) -> list[Evidence]:
    ordered, evidence = weighed(question, passages, near)
    place = {id(passage): n for n, passage in enumerate(passages, 1)}
    return [replace(e, passage=place[id(ordered[e.passage - 1])]) for e in evidence]


def _holding(asked: Asked, found: Sequence[Evidence], passages: Sequence[Passage], passage: int) -> list[Evidence]:
    """The sentences of the golden passage that hold the answer: those with the quotation, or the nearest one."""
    text, own = passages[passage - 1].text, [e for e in found if e.passage == passage]
    wanted = facts.solid(asked.quote)
    if wanted:
        inside = [e for e in own if (said := facts.solid(text[e.start : e.end])) in wanted or wanted in said]
        return sorted(inside, key=lambda e: e.start)
    return own[:1]
