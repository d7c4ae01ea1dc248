"""`Agent`: ask a question, follow the turn, keep the conversation. All that the interfaces need of the mind."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import HumanMessage
from langgraph.types import Command

from agent.conversations import Conversations, messages_of
from agent.errors import KotaeError
from agent.events import Done, Event
from agent.graph import diagram
from agent.lessons import follow
from agent.library import open_library
from agent.models.chat import Meter
from agent.nodes.understand import detect, stand_alone
from agent.settings import Settings
from agent.specialists.beside import reading_examples, study
from agent.state import Answer, Decision, Place, Turn
from agent.threads import Threads
from agent.wiring import build_context, chat_model, for_asker
from tools.base import Consent, Tool

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AnyMessage

    from agent.insights import Ending
    from agent.repeats import Key
    from agent.specialists.study import Specialists
    from agent.specialists.workplace import Step

log = logging.getLogger(__name__)


class Agent(Conversations):
    """Use as `async with Agent.open(settings) as agent`. Safe for many conversations at once."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | None = None, *, model: BaseChatModel | None = None, web: Tool | None = None
    ) -> AsyncIterator[Agent]:
        """Open the library and the conversations. The model is loaded when the first question needs it.

        `model` and `web` are used instead of those that the settings name. Raises `ThreadError` when the conversations
        cannot be read.
        """
        settings = settings or Settings.load()
        async with Threads.open(settings.data_dir / "threads.db") as threads:
            library = open_library(settings)
            chat = chat_model(settings, model)
            try:
                made = partial(build_context, settings, library, chat, web, shipped=model is None)
                context = await asyncio.to_thread(made)
                agent = cls(settings, library, context, threads)
                try:
                    yield agent
                finally:
                    await context.specialists.close()
                    if web is None:
                        await asyncio.to_thread(context.close)
            finally:
                await chat.close()
                library.close()

    @cached_property
    def study(self) -> Specialists:
        """What trains, examines and compares specialists, with the model that answers questions."""
        return study(self.settings, self.context.specialists.speakers, self.context.model, self.library.embedder)

    async def reading_examples(
        self, collection: str, questions: int, out: Path, progress: Callable[[Step], None], stop: threading.Event
    ) -> int:
        """See `agent.specialists.beside.reading_examples`."""
        given = self.settings, self.context.model, self.library
        return await reading_examples(*given, collection, questions, out, progress, stop)

    @property
    def model_ready(self) -> bool:
        """Whether the model is loaded; if not, the next turn begins with loading it."""
        return self.context.model.ready

    async def start_model(self) -> None:
        """Load the model now. Raises `ModelError`."""
        await self.context.model.start()

    async def warm_up(self) -> None:
        """Load an embedded model with its specialists, and let it read what is the same in every prompt, so that the
        first question is answered as quickly as the others. Raises `ModelError`."""
        await self.context.specialists.warm()

    async def stream(
        self, question: str, thread: str, *, web: Consent | None = None, key: Key | None = None
    ) -> AsyncIterator[Event]:
        """Run one turn and tell what happens; the last event is `Done`. Closing the iterator stops the turn.

        `web` is what whoever asks says of the web for this turn, instead of what holds for the conversation; what the
        installation or a collection keeps off stays off. Under `key` the answer is found by `answered`. Raises before
        anything is stored `QuestionError`, and `ThreadError` for a conversation of somebody else; and `ModelError` when
        the model fails: the question is then kept in the conversation without an answer.
        """
        question = self.settings.checked(question)
        async with self._turns[thread]:
            said_of_web = await self._threads.touch(thread, question)
            leave = await asyncio.to_thread(self._refresh, web or said_of_web)
            context = for_asker(self.context, self.asker, self.settings, self.library)
            turn = Turn(question=question, started=time.time(), web=leave)
            if await self._waits(thread):
                entry: Any = Command(resume={"question": turn.question, "started": turn.started, "web": turn.web})
            else:
                await self._put(thread, [HumanMessage(question)])
                entry = {"turn": turn}
            last: Turn | None = None
            said: list[AnyMessage] = []
            ending: Ending = "stopped"
            place: int | None = None
            lesson: asyncio.Task[None] | None = None
            chunks = self._graph.astream(
                entry,
                self._config(thread),
                context=replace(context, earlier=partial(self._threads.archive.gists, thread)),
                stream_mode=["custom", "values"],
                durability="exit",  # see docs/decisions/0025
            )
            try:
                async with aclosing(chunks) as parts:  # type: ignore[type-var]
                    async for mode, part in cast("AsyncIterator[tuple[str, Any]]", parts):
                        if mode == "custom":
                            yield part
                        else:
                            last, said = cast("Turn", part["turn"]), part["messages"]
                            wished = last.wish and last.decision and self.asker.teaches
                            if wished and lesson is None:  # beside the look-up, which takes longer
                                lesson = asyncio.create_task(follow(last, self.context.router))
                ending = "ended" if last is not None and last.answer is not None else "failed"
            except Exception:
                ending = "failed"
                raise
            finally:
                if lesson is not None:
                    await lesson
                if last is not None and last.started == turn.started:  # not what stood there before a reply
                    seconds = time.time() - turn.started
                    place = await self.insights.note(
                        thread, last, said, ending, seconds, asker=self.asker.name, key=key
                    )
            if last is not None and last.web_stays:
                await self._threads.set_web(thread, "on")
            await self._shorten(thread, said)
            await self._threads.prune(thread)
            if last is None or last.answer is None:
                raise KotaeError("The turn ended without an answer; ask again.")
            yield Done(last.answer, thread, place, str(said[-1].id))

    def _refresh(self, asked: Consent | None) -> Consent:
        """Follow what has changed since the last turn, and say whether this one may go to the web. In one thread, since
        both read files."""
        self.context.specialists.refresh()
        return self._web(asked)

    async def ask(self, question: str, thread: str | None = None, *, web: Consent | None = None) -> Answer:
        """The answer alone."""
        answer: Answer | None = None
        async with aclosing(self.stream(question, thread or self.new_thread(), web=web)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Done):
                    answer = event.answer
        assert answer is not None
        return answer

    async def understand(self, question: str, said: Sequence[tuple[str, str]]) -> str:
        """The question as it reads without what was `said` before (see `begin`), without answering it."""
        return await stand_alone(self.settings.checked(question), messages_of(said), self.context, Meter())

    async def route(self, question: str) -> Decision:
        """Where the answer to `question` would come from, without answering it and without the language model."""
        question = self.settings.checked(question)
        await asyncio.to_thread(self.context.specialists.refresh)
        return await asyncio.to_thread(self.context.router.decide, question, detect(question, []))

    async def places(self) -> tuple[Place, ...]:
        """Where questions can go: the routes, and `specialist:NAME` for each specialist that is promoted."""
        await asyncio.to_thread(self.context.specialists.refresh)
        return self.context.router.places

    async def correct_route(self, question: str, route: Place) -> None:
        """Teach the router that `question` belongs to `route`; the next question already follows it.

        Takes a second or two, during which questions are answered as before. Raises `QuestionError`, and `RouteError`
        when the corrections of the data folder cannot be read or written.
        """
        await asyncio.to_thread(self.context.router.correct, self.settings.checked(question), route)

    @staticmethod
    def diagram() -> str:
        """The state machine in Mermaid."""
        return diagram()
