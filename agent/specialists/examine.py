"""The examination: specialist, base model, base with examples and base with retrieval answer what none of them saw."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.models.chat import Meter
from agent.specialists import general
from agent.specialists.asking import AT_ONCE, Speaker, Voice, each
from agent.specialists.contenders import Find, Questions
from agent.specialists.likest import Pool
from tools.library.tokens import language
from tools.specialist import gate
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Contender, Evaluation
from tools.specialist.example import Example
from tools.specialist.scoring import Mark, mark

if TYPE_CHECKING:
    from tools.library import Embedder

LIMIT = 100
_FEWEST = 40
"""Held-out examples that are asked however long they are."""
_WORTH = 50_000
"""What the examination of held-out examples may take, in tokens that are read: on two cores some four minutes with a
model of 0.5 billion weights."""
What = Literal["comparing", "base", "examples", "specialist", "general"]


@dataclass(frozen=True)
class Examining:
    """How far an examination has come. `examples` stands for base with examples and with retrieval, which are asked
    one after the other for each question."""

    what: What
    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True)
class Examination:
    """The verdict, and the replies that it rests on."""

    evaluation: Evaluation
    cases: tuple[dict[str, Any], ...]
    """For each held-out example its `id`, `question`, `wanted`, and `replies` and `scores` by contender; those with
    examples or retrieval may have been asked half of them."""
    general: tuple[dict[str, Any], ...] = ()
    """For each general question `ask`, and its `replies` by `base`, `specialist` and `off`."""


@dataclass
class _Course:
    """Tells the progress: what is done of what there is to do, and when it ends if it goes on like this."""

    tell: Callable[[Examining], None]
    total: int
    what: What = "base"
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def tick(self, done: int = 1) -> None:
        self.done += done
        left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        self.tell(Examining(self.what, self.done, self.total, left))


async def examine(
    version: Voice,
    training: Sequence[Example],
    held_out: Sequence[Example],
    speaker: Speaker,
    embedder: Embedder,
    *,
    folder: Path,
    data: str,
    base: str,
    find: Find | None = None,
    limit: int | None = None,
    room: int = 4096,
    progress: Callable[[Examining], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Examination:
    """Ask all contenders, and judge.

    `base` is the SHA-256 of the model that answers, `data` the fingerprint of all examples; `folder` keeps what base
    models reply to the general questions. `find`: see `Questions`. At most `limit` examples are asked; without one as
    many as `chosen` finds right. Raises `SpecialistError` (`data` without held-out examples, `stopped`), and what the
    speaker raises.
    """
    if not held_out:
        raise SpecialistError("data", "There are no held-out examples to examine on: give them with --test FILE.")
    stop, began, card = stop or threading.Event(), time.monotonic(), version.card
    questions = await asyncio.to_thread(_questions, version, training, held_out, embedder, find, room, progress)
    asked = chosen(held_out, limit, questions.cost())
    known = general.questions()
    kept = general.Kept(folder, base, "general", _marks(known))
    before = kept.load()
    bare = card.adapter == ""
    missing = [] if before else known
    course = _Course(progress, len(asked) * len(questions.contenders) + len(missing) + (0 if bare else 2 * len(known)))

    said = await _ask(questions, asked, ("base",), speaker, course, stop)
    if missing:
        course.what = "general"
        replies = await general.replies(speaker, version.silent(), missing, stop=stop, done=course.tick)
        before = {general.key(q): text for q, text in zip(missing, replies, strict=True)}
        kept.save(before)
    course.what = "specialist"
    said |= await _ask(questions, asked, ("specialist",), speaker, course, stop)
    course.what = "general"
    told = {"base": [before[general.key(question)] for question in known]}
    for state, voice in (("specialist", version), ("off", version.silent())):
        if not bare:
            at_once = AT_ONCE if state == "specialist" else 1  # only the base must not differ
            told[state] = await general.replies(speaker, voice, known, at_once=at_once, stop=stop, done=course.tick)
        else:
            told[state] = told["base"]

    def marked(contender: Contender) -> tuple[Mark, ...]:
        pairs = zip(asked, said[contender], strict=False)  # who was asked the first half only
        return tuple(mark(card.metric, e, r.text, answers=card.answers, schema=card.schema_) for e, r in pairs)

    with_examples: tuple[Contender, ...] = tuple(name for name in questions.contenders if name not in said)
    if with_examples:
        course.what = "examples"
        half = min(len(asked), max(gate.AT_LEAST, (len(asked) + 1) // 2))
        said |= await _ask(questions, asked[:half], with_examples, speaker, course, stop)
        mine = marked("specialist")
        if all(gate.ahead(card.metric, mine, marked(name)) for name in with_examples):
            course.tick((len(asked) - half) * len(with_examples))
        else:
            rest = await _ask(questions, asked[half:], with_examples, speaker, course, stop)
            said |= {name: [*said[name], *rest[name]] for name in with_examples}
    marks = {name: marked(name) for name in said}
    evaluation = gate.judge(
        card.metric,
        {name: gate.Replies(marks[name], _mean([s.seconds for s in said[name]])) for name in said},
        gate.General(
            {state: [q.right(text) for q, text in zip(known, texts, strict=True)] for state, texts in told.items()},  # type: ignore[misc]
            unchanged=told["off"] == told["base"],
        ),
        base=base,
        trained_on=card.base.sha256 if card.base is not None else "",
        data=data,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=time.monotonic() - began,
    )
    return Examination(
        evaluation,
        tuple(_case(n, example, said, marks) for n, example in enumerate(asked)),
        tuple({"ask": q.ask, "replies": {s: told[s][n] for s in told}} for n, q in enumerate(known)),
    )


def chosen(held_out: Sequence[Example], limit: int | None, cost: float) -> list[Example]:
    """The examples that are asked, by their hash: `limit` of them, or a hundred, or fewer where they are long."""
    if limit is None:
        limit = max(_FEWEST, min(LIMIT, int(_WORTH / cost) if cost else LIMIT))
    return sorted(held_out, key=lambda example: example.id)[:limit]


@dataclass(frozen=True)
class _Said:
    text: str
    seconds: float


async def _ask(
    questions: Questions,
    asked: Sequence[Example],
    contenders: Sequence[Contender],
    speaker: Speaker,
    course: _Course,
    stop: threading.Event,
) -> dict[Contender, list[_Said]]:
    """Each example by all `contenders`, one right after the other, so that what their prompts share is read once."""
    said: dict[tuple[Contender, int], _Said] = {}

    async def one(n: int) -> None:
        last, reply = None, _Said("", 0.0)
        for contender in contenders:
            messages = await questions.messages(contender, asked[n])
            if messages != last:
                began = time.monotonic()
                text = await speaker.write(
                    questions.voice(contender), messages, max_tokens=questions.max_tokens, meter=Meter()
                )
                reply = _Said(text.strip(), time.monotonic() - began)
            last, said[contender, n] = messages, reply
            course.tick()

    await each(range(len(asked)), one, stop)
    return {contender: [said[contender, n] for n in range(len(asked))] for contender in contenders}


def _questions(
    version: Voice,
    training: Sequence[Example],
    held_out: Sequence[Example],
    embedder: Embedder,
    find: Find | None,
    room: int,
    progress: Callable[[Examining], None],
) -> Questions:
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        progress(Examining("comparing", done, total, (time.monotonic() - began) / done * (total - done)))

    pool = Pool(training, embedder, tell) if training else None
    spoken_in = language("\n".join(example.question[:200] for example in held_out[:50]))
    # examples of reading bring their sources; what the library would add is about something else
    own = version.card.metric == "grounded"
    return Questions(version, pool, spoken_in, find=None if own else find, room=room)


def _marks(known: Sequence[general.Question]) -> str:
    """Changes with the questions and with the length of the replies."""
    asked = json.dumps([general.TOKENS, *(general.key(question) for question in known)])
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _mean(seconds: Sequence[float]) -> float:
    return sum(seconds) / len(seconds)


def _case(
    n: int, example: Example, said: dict[Contender, list[_Said]], marks: dict[Contender, tuple[Mark, ...]]
) -> dict[str, Any]:
    return {
        "id": example.id,
        "question": example.question,
        "wanted": example.answer,
        "replies": {name: said[name][n].text for name in said if n < len(said[name])},
        "scores": {name: round(marks[name][n].score, 4) for name in marks if n < len(marks[name])},
    }
