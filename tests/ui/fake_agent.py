"""An agent that plays given turns, for tests of the page: the interface of `agent.Agent`, without any model.

A question that no turn was given for is an error, so a test cannot pass by accident.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.about_user import AboutUser
from agent.asker import OWNER, Asker
from agent.errors import KotaeError, QuestionError, ThreadError
from agent.events import Done, Draft, Event, Status, Token
from agent.feedback import Feedback
from agent.repeats import Key
from agent.settings import Settings
from agent.specialists.workplace import Step as Making
from agent.state import Answer, Sentence, Source, Step, Usage
from tools.base import Consent, Passage
from tools.library import EVERYTHING, Scope
from ui.chat import Chat
from ui.http.turns import Turns
from ui.strings import Strings


@dataclass(frozen=True)
class FakeThread:
    id: str
    title: str
    updated: float
    web: Consent | None = None


@dataclass(frozen=True)
class FakeExchange:
    question: str
    answer: Answer | None
    turn: str = ""
    feedback: Feedback | None = None


@dataclass(frozen=True)
class FakeDocument:
    id: str
    path: str


@dataclass(frozen=True)
class FakeContext:
    before: str
    after: str
    type: str = "markdown"


@dataclass(frozen=True)
class FakeCollection:
    name: str


@dataclass
class FakeLibrary:
    names: tuple[str, ...] = ("default",)
    files: list[FakeDocument] = field(default_factory=list)
    context_of: dict[str, FakeContext] = field(default_factory=dict)
    picture: bytes | None = None
    broken: bool = False

    def documents(self, scope: Scope = EVERYTHING) -> list[FakeDocument]:
        if self.broken:
            raise RuntimeError("the secret path /srv/library.db is broken")
        return self.files

    def collections(self) -> list[FakeCollection]:
        return [FakeCollection(name) for name in self.names]

    def context(self, passage_id: str, scope: Scope = EVERYTHING, *, around: int = 700) -> FakeContext | None:
        return self.context_of.get(passage_id)

    def page_image(
        self, document_id: str, page: int, *, highlight: str | None = None, scope: Scope = EVERYTHING
    ) -> bytes | None:
        return self.picture


class NoStudy:
    """Of specialists or insights, where a test needs none: whatever is asked of it is an error."""


@dataclass(frozen=True)
class Play:
    """One turn: the answer it ends in, what is streamed before, and an error to end in instead."""

    answer: Answer | None = None
    draft: str = ""
    pause: float = 0.0
    """Seconds between two pieces of the draft."""
    error: Exception | None = None


class FakeAgent:
    def __init__(self, settings: Settings, plays: dict[str, Play | Callable[[], Play]]) -> None:
        self.settings = settings
        self.library = FakeLibrary()
        self.about = AboutUser(settings.data_dir)
        self.study: Any = NoStudy()
        self.insights: Any = NoStudy()
        self.rows: list[str] = []
        """Lines of the examples that are made from any collection."""
        self.scope = EVERYTHING
        self.asker = OWNER
        self.others: dict[str, FakeAgent] = {}
        """The conversations of everybody but the owner, by the name of the asker."""
        self.model_name = "fake-model"
        self.model_ready = True
        self.plays = plays
        self.stopped: list[str] = []
        """Questions whose stream was closed before its end."""
        self.said: dict[str, Consent] = {}
        """What was said of the web for a conversation."""
        self._threads: dict[str, FakeThread] = {}
        self._history: dict[str, list[FakeExchange]] = {}
        self._ids = itertools.count(1)
        self._clock = itertools.count(1_700_000_000)

    def acting_for(self, asker: Asker) -> FakeAgent:
        if asker.name == OWNER.name:
            return self
        if asker.name not in self.others:
            other = self.others[asker.name] = copy(self)
            other.asker, other._threads, other._history = asker, {}, {}
        return self.others[asker.name]

    async def leave(self) -> int:
        count = len(self._threads)
        self._threads.clear()
        self._history.clear()
        return count

    def new_thread(self) -> str:
        return f"t{next(self._ids)}"

    async def places(self) -> tuple[str, ...]:
        return ("library", "web", "direct", "clarify")

    async def threads(self) -> list[FakeThread]:
        return sorted(self._threads.values(), key=lambda thread: -thread.updated)

    async def history(self, thread: str) -> list[FakeExchange]:
        return list(self._history.get(thread, []))

    async def rename(self, thread: str, title: str) -> None:
        old = self._threads.get(thread)
        if old is None or not title.strip():
            raise ThreadError("No such conversation.")
        self._threads[thread] = FakeThread(thread, title, old.updated)

    async def delete(self, thread: str) -> None:
        if self._threads.pop(thread, None) is None:
            raise ThreadError("No such conversation.")
        self._history.pop(thread, None)

    async def rewind(self, thread: str, index: int) -> None:
        if not 0 <= index < len(self._history.get(thread, [])):
            raise ThreadError("No such question.")
        del self._history[thread][index:]

    async def reading_examples(
        self, collection: str, questions: int, out: Path, progress: Callable[[Any], None], stop: threading.Event
    ) -> int:
        assert self.rows, "no examples were given"
        progress(Making("questions", 1, questions))
        await asyncio.to_thread(out.write_text, "".join(self.rows), "utf-8")
        return len(self.rows)

    def put(self, thread: str, title: str, exchanges: list[tuple[str, Answer | None]]) -> None:
        """A conversation that is already there."""
        self._threads[thread] = FakeThread(thread, title, float(next(self._clock)))
        self._history[thread] = [FakeExchange(question, answer) for question, answer in exchanges]

    async def web(self, thread: str = "") -> Consent:
        return self.said.get(thread, self.settings.web)

    async def set_web(self, thread: str, web: Consent | None) -> None:
        if thread not in self._threads:
            raise ThreadError("No such conversation.")
        self.said[thread] = web or self.settings.web

    async def answered(self, key: str) -> None:
        """It keeps no keys."""

    async def stream(
        self, question: str, thread: str, *, web: Consent | None = None, key: Key | None = None
    ) -> AsyncIterator[Event]:
        if not question.strip():
            raise QuestionError("empty", "The question is empty.")
        play = self.plays.get(question)
        if play is None:
            raise KotaeError(f"no turn was given for {question!r}")
        if not isinstance(play, Play):
            play = play()
        title = self._threads[thread].title if thread in self._threads else question
        self._threads[thread] = FakeThread(thread, title, float(next(self._clock)))
        history = self._history.setdefault(thread, [])
        history.append(FakeExchange(question, None))
        finished = False
        try:
            async for event in _events(play, thread):
                if isinstance(event, Done):
                    history[-1] = FakeExchange(question, event.answer)
                    finished = True
                yield event
            finished = finished or play.error is not None
        finally:
            if not finished:
                self.stopped.append(question)


async def _events(play: Play, thread: str) -> AsyncIterator[Event]:
    answer = play.answer
    steps = answer.steps if answer else ()
    for step in steps:
        yield Status(step.node)
        await asyncio.sleep(play.pause)
        if step.node == "answer" and play.draft:
            yield Draft(1)
            for word in play.draft.split(" "):
                yield Token(f"{word} ")
                await asyncio.sleep(play.pause)
        yield Status(step.node, step.seconds, step.facts)
    if play.error is not None:
        raise play.error
    assert answer is not None
    yield Done(answer, thread)


def passage(n: int, text: str, **given: Any) -> Passage:
    """A passage of the library, unless `given` says otherwise."""
    values: dict[str, Any] = {
        "id": f"p{n}",
        "text": text,
        "title": f"Document {n}",
        "url": f"/library/document-{n}.md",
        "kind": "library",
        "document": f"d{n}",
    }
    return Passage(**{**values, **given})


def answer(text: str, *sources: Source, refused: bool = False, **given: Any) -> Answer:
    """A library answer over `sources`, with a usual path."""
    values: dict[str, Any] = {
        "route": "library",
        "standalone": "",
        "language": "en",
        "seconds": 2.4,
        "steps": PATH,
        "usage": Usage(),
        "sentences": (Sentence(text, tuple(s.n for s in sources), True),),
    }
    return Answer(text=text, refused=refused, sources=sources, **{**values, **given})


PATH = (
    Step("understand", 0.004, {"standalone": "", "rewritten": False, "language": "en"}),
    Step("route", 0.012, {"route": "library", "confidence": 0.93, "why": "classifier", "cue": ""}),
    Step(
        "gather", 0.031, {"tool": "library", "query": "opening hours", "found": 3, "titles": ["Handbook"], "error": ""}
    ),
    Step("judge", 0.62, {"sufficient": True, "confidence": 0.88, "why": "stated", "missing": []}),
    Step("answer", 1.4, {"draft": 1}),
    Step("reflect", 0.21, {"checked": 2, "supported": 2, "by_model": 0, "unsupported": []}),
)


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, models_dir=folder / "models")


def chat_of(agent: Any, words: Strings) -> Chat:
    """The chat of the page, with a queue of its own that turns nobody away."""
    return Chat(agent, words, Turns(agent, 100, 100))
