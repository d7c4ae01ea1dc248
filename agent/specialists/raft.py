"""RAFT: a training set made from the documents of a collection (Zhang et al. 2024, arXiv 2403.10131).

For sentences of its passages the configured model writes the questions that they answer. What is left after all checks
is put over the golden passage among distractors, and over passages without it, where the answer is a refusal. The model
writes nothing but questions: answers are quoted, so that none can be wrong.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent import facts
from agent.context import Limits
from agent.errors import ModelUnavailable
from agent.followups import says_little
from agent.guard import disarm
from agent.models.chat import ChatModel, Meter
from agent.nodes.gather import worth_reading
from agent.nodes.understand import FAMILIAR
from agent.prompts import fill
from agent.specialists.nearest import remembered
from agent.specialists.raft_checks import Fault, Known, doubted, fault_of_sentence, fault_of_words, turn_of, written
from agent.specialists.raft_groups import Item, composed
from agent.specialists.reading_rows import Near, rows_of, save, unwritable
from agent.specialists.seeds import Asking, Seed, drawn, in_place, rarest, worked
from agent.state import Language
from tools.base import Passage, ToolError
from tools.library import EVERYTHING, Library, Scope
from tools.specialist.errors import SpecialistError

T = TypeVar("T")

UNANSWERED = 0.4
"""Share of the questions that their passages do not answer."""
PAUSES = (2.0, 20.0)
"""Seconds before a model that did not answer is asked again."""
_TOKENS = 60
"""Of a question at most."""
_MORE = 4
"""Passages looked up beyond those that a turn reads: some answer too and are no distractors."""


@dataclass(frozen=True)
class Order:
    """What is to be made."""

    collection: str
    questions: int = 200
    """Questions to be kept; there may not be as many."""
    language: Language | None = None
    """Only from sentences in this language."""
    seed: int = 7
    passages: int | None = None
    """Only from so many passages."""
    unanswered: float = UNANSWERED
    model: str = ""
    """Who writes the questions; what another model began is not gone on with."""


@dataclass(frozen=True)
class Making:
    """How far it has come: questions kept of those wanted, written and thrown away."""

    wanted: int
    kept: int
    made: int
    question: str = ""
    """The last one that was kept."""


@dataclass
class Tally:
    """What became of the questions. `thrown` counts by `raft_checks.Fault`, `ways`, `left_out` and
    `answering` as in `raft_groups.Composed`."""

    made: int = 0
    kept: int = 0
    thrown: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """The kept ones by kind."""
    by_rule: int = 0
    """Kept ones that a rule made where the model's could not be used."""
    answered: int = 0
    """Questions over passages that answer them, and those over passages that do not."""
    refused: int = 0
    rows: int = 0
    """In the file: an answer and a judgement for each of them."""
    ways: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    answering: int = 0
    seconds: float = 0.0
    stopped: bool = False
    """Stopped before the end; nothing but what is needed to go on was written."""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "thrown": dict(self.thrown), "kinds": dict(self.kinds)}


async def make(
    library: Library,
    model: ChatModel,
    order: Order,
    out: Path,
    *,
    scope: Scope = EVERYTHING,
    limits: Limits | None = None,
    progress: Callable[[Making], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Tally:
    """Write the rows to `out`, and say what was thrown away and why.

    Each question is kept beside `out` (`.partial`) as soon as it is judged, so a run that was stopped, or broke off,
    goes on when it is asked for again. `scope` is what may be read; of that, only the collection is.

    Raises `ToolError("library_unknown")`, `ModelError`, and `SpecialistError` (`data`) where there is nothing to ask.
    """
    began = time.monotonic()
    made = _Making(library, model, order, _narrowed(library, scope, order.collection), limits or Limits())
    with _Partial.open(out, order) as partial:
        await made.questions(partial, progress, stop or threading.Event())
        tally = made.tally
        if not tally.stopped:
            if not tally.kept:
                partial.done()
                raise _nothing(tally, order)
            await asyncio.to_thread(made.write, out)
            partial.done()
    tally.seconds = time.monotonic() - began
    return tally


def _narrowed(library: Library, scope: Scope, collection: str) -> Scope:
    """The collection alone, if it is there and may be read; the two cannot be told apart."""
    there = any(found.name == collection for found in library.collections())
    if not there or (scope.collections is not None and collection not in scope.collections):
        detail = f"There is no collection {collection!r}; `kotae library collections` shows them."
        raise ToolError("library_unknown", detail)
    return replace(scope, collections=frozenset((collection,)))


def _nothing(tally: Tally, order: Order) -> SpecialistError:
    if not tally.made:
        told = f"The collection {order.collection!r} has no sentence that a question could be made from"
        return SpecialistError("data", f"{told}: index more documents in it.")
    told = f"None of the {tally.made} questions that the model wrote could be used"
    return SpecialistError("data", f"{told}: try a larger model, or a collection with more text.")


class _Making:
    def __init__(self, library: Library, model: ChatModel, order: Order, scope: Scope, limits: Limits) -> None:
        self.tally = Tally()
        self._library, self._model, self._order, self._scope, self._limits = library, model, order, scope, limits
        self._near: Near = remembered(library.embedder)
        self._known = Known(library.embedder)
        self._items: list[Item] = []
        self._asked: Counter[str] = Counter()
        self._meter = Meter()

    async def questions(self, partial: _Partial, progress: Callable[[Making], None], stop: threading.Event) -> None:
        """Ask about one passage after the other until there are enough."""
        order, tally = self._order, self.tally
        seeds = drawn(self._library, self._scope, seed=order.seed, language=order.language, passages=order.passages)
        while tally.kept < order.questions:
            those = await asyncio.to_thread(next, seeds, None)
            if those is None:
                return
            for seed in those:
                if tally.kept >= order.questions:
                    return
                if (outcome := partial.outcome(seed.key)) is None:
                    if stop.is_set():
                        tally.stopped = True
                        return
                    outcome = await self._ask(seed)
                    partial.add(outcome)
                await asyncio.to_thread(self._count, seed, outcome)
                progress(
                    Making(order.questions, tally.kept, tally.made, outcome.question if outcome.fault is None else "")
                )

    async def _ask(self, seed: Seed) -> _Outcome:
        """What the model makes of a sentence; where that cannot be used, what a rule makes of it."""
        asking = rarest(seed, self._asked)
        prompt = _prompt(seed, asking)
        question = written(await self._patiently(lambda: self._line(prompt)))
        fault = await self._fault(question, seed, asking)
        if fault is not None and (other := in_place(seed, asking)) and await self._fault(other, seed, asking) is None:
            return _Outcome(seed.key, asking.kind, other, None, by_rule=True)
        return _Outcome(seed.key, asking.kind, question, fault)

    async def _fault(self, question: str, seed: Seed, asking: Asking) -> Fault | None:
        if fault := fault_of_words(question, seed, asking):
            return fault
        if await asyncio.to_thread(self._known.has, question):
            return "duplicate"
        return await self._looked_up(question, seed)

    async def _looked_up(self, question: str, seed: Seed) -> Fault | None:
        """What the library, the rules and the judge say of a question whose words are in order."""
        hits = await asyncio.to_thread(self._hits, question)
        near = max((hit.stages.get("vector", 1.0) for hit in hits), default=0.0)
        if says_little(question) and near < FAMILIAR:
            return "leans"
        limits = self._limits
        read = [disarm(hit) for hit in worth_reading(hits[: limits.passages])]
        if not any(seed.sentence in hit.text for hit in read):
            return "not_found"
        turn = await asyncio.to_thread(turn_of, question, seed.language, read, self._near)
        if fault := fault_of_sentence(turn, seed):
            return fault
        doubts = await self._patiently(lambda: doubted(turn, self._model, limits.read, self._meter))
        return "doubted" if doubts else None

    def _count(self, seed: Seed, outcome: _Outcome) -> None:
        self.tally.made += 1
        self._asked[outcome.kind] += 1
        if outcome.fault is not None:
            self.tally.thrown[outcome.fault] += 1
            return
        self.tally.kept += 1
        self.tally.kinds[outcome.kind] += 1
        self.tally.by_rule += outcome.by_rule
        self._known.add(outcome.question)
        asking = next((one for one in seed.askings if one.kind == outcome.kind), seed.askings[0])
        hits = [disarm(hit) for hit in self._hits(outcome.question) if seed.sentence not in hit.text]
        # whether a passage answers too can only be told of one in the same language
        others = [h for h in hits if h.text and facts.is_japanese(h.text) == (seed.language == "ja")]
        self._items.append(Item(outcome.question, seed, asking, tuple(others)))

    def _hits(self, question: str) -> list[Passage]:
        return self._library.search(question, k=self._limits.passages + _MORE, scope=self._scope)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A model that is only busy is asked again: making a set takes long, and others use it meanwhile."""
        for pause in PAUSES:
            try:
                return await ask()
            except ModelUnavailable:
                await asyncio.sleep(pause)
        return await ask()

    async def _line(self, prompt: list[BaseMessage]) -> str:
        """The first line of a reply: a small model goes on with examples of its own."""
        said = ""
        stream = self._model.stream(prompt, max_tokens=_TOKENS, meter=self._meter)
        async with aclosing(stream) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                said += piece
                if "\n" in said.lstrip():
                    break
        return said

    def write(self, out: Path) -> None:
        """Put the kept questions over passages and write the rows in place of what stood in the file."""
        order, limits, tally = self._order, self._limits, self.tally
        found = composed(self._items, self._near, size=limits.passages, share=order.unanswered, seed=order.seed)
        rows = [row for group in found.groups for row in rows_of(group, self._near, read=limits.read, seed=order.seed)]
        save(rows, out)
        tally.rows, tally.ways, tally.left_out = len(rows), found.ways, found.left_out
        tally.answering = found.answering
        tally.answered = sum(row.refuses is False for row in rows)
        tally.refused = sum(row.refuses is True for row in rows)


def _prompt(seed: Seed, asking: Asking) -> list[BaseMessage]:
    """The worked examples, and the sentence in the same form."""
    messages: list[BaseMessage] = [SystemMessage(fill(seed.language, "raft"))]
    for told in worked(seed.language):
        given = {name: told[name] for name in ("title", "sentence", "ask")}
        messages += [HumanMessage(fill(seed.language, "raft_sentence", **given)), AIMessage(told["question"])]
    title = " › ".join(dict.fromkeys((seed.passage.title, *seed.passage.heading)))
    last = fill(seed.language, "raft_sentence", title=title, sentence=seed.sentence, ask=asking.ask)
    return [*messages, HumanMessage(last)]


@dataclass(frozen=True)
class _Outcome:
    """What became of a seed."""

    key: str
    kind: str
    question: str
    fault: Fault | None
    by_rule: bool = False


class _Partial:
    """The outcomes so far, a line each, behind a line that says what they are for. A line that a crash cut off is
    written anew."""

    def __init__(self, path: Path, outcomes: dict[str, _Outcome], file: IO[str]) -> None:
        self._path, self._outcomes, self._file = path, outcomes, file

    @classmethod
    def open(cls, out: Path, order: Order) -> _Partial:
        path = out.with_name(f"{out.name}.partial")
        # more questions may be asked for the second time
        head = json.dumps({k: v for k, v in asdict(order).items() if k not in ("questions", "unanswered")})
        try:
            lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
            if lines and lines[0] != head:
                raise SpecialistError(
                    "data", f"{path} was begun with other options: remove it, or choose another file with --out."
                )
            outcomes = {found.key: found for line in lines[1:] if (found := _read(line)) is not None}
            file = path.open("w", encoding="utf-8")
            file.write("".join(f"{line}\n" for line in (head, *lines[1:])))
            file.flush()
        except (OSError, UnicodeDecodeError) as error:
            raise unwritable(path, error) from error
        return cls(path, outcomes, file)

    def outcome(self, key: str) -> _Outcome | None:
        return self._outcomes.get(key)

    def add(self, outcome: _Outcome) -> None:
        self._file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
        self._file.flush()

    def done(self) -> None:
        """All is written elsewhere."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> _Partial:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _read(line: str) -> _Outcome | None:
    try:
        return _Outcome(**json.loads(line))
    except (TypeError, ValueError):
        return None
