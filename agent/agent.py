"""`Agent`: ask a question, follow the turn, keep the conversation. All that the interfaces need of the mind."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from agent.about_user import AboutUser
from agent.archive import KEPT, SLACK, Kept, exchanges
from agent.consent import granted
from agent.context import Context
from agent.errors import KotaeError, ThreadError
from agent.events import Done, Event
from agent.feedback import Feedback, Opinion, Thumb, teach
from agent.graph import build, diagram
from agent.lessons import follow, keep, place
from agent.library import open_library, readable
from agent.models.chat import Meter
from agent.nodes.reply import waiting
from agent.nodes.understand import detect, stand_alone
from agent.records import from_record
from agent.settings import Settings
from agent.specialists.beside import reading_examples, study
from agent.state import Answer, Decision, Place, State, Turn
from agent.threads import Thread, Threads
from agent.wiring import build_context, chat_model
from tools.base import Consent, Tool, ToolError
from tools.library import Library

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AnyMessage, BaseMessage
    from langchain_core.runnables import RunnableConfig

    from agent.specialists.study import Specialists
    from agent.specialists.workplace import Step

log = logging.getLogger(__name__)

_RECURSION = 40
"""Far above the longest path that `Limits` allow; LangGraph's own default of 10,007 is no bound."""


@dataclass(frozen=True)
class Exchange:
    """A question of a conversation and its answer; None when the turn was stopped or failed before its end."""

    question: str
    answer: Answer | None
    turn: str = ""
    """The id under which feedback on the answer is given; "" without an answer."""
    feedback: Feedback | None = None
    """What was said of the answer."""


class Agent:
    """Use as `async with Agent.open(settings) as agent`. Safe for many conversations at once."""

    def __init__(self, settings: Settings, library: Library, context: Context, threads: Threads) -> None:
        self.settings = settings
        self.scope = readable(settings)
        """What of the library may be shown to whoever asks."""
        self.library = library
        self.context = context
        """What the nodes work with."""
        self._threads = threads
        self._graph = build(threads.checkpointer)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._judging = asyncio.Lock()
        """Held where feedback is given, and where what it belongs to is removed."""

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
                context = await asyncio.to_thread(build_context, settings, library, chat, web)
                agent = cls(settings, library, context, threads)
                try:
                    yield agent
                finally:
                    await context.specialists.close()
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
    def about(self) -> AboutUser:
        """What the user told about themselves, and the switch for it."""
        assert self.context.about is not None
        return self.context.about

    @property
    def model_name(self) -> str:
        """The model as the settings name it."""
        return self.settings.model

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

    async def stream(self, question: str, thread: str, *, web: Consent | None = None) -> AsyncIterator[Event]:
        """Run one turn and tell what happens; the last event is `Done`. Closing the iterator stops the turn.

        `web` is what whoever asks says of the web for this turn, instead of what holds for the conversation; what the
        installation or a collection keeps off stays off. Raises `QuestionError` before anything is stored, `ModelError`
        when the model fails; the question is then kept in the conversation without an answer.
        """
        question = self.settings.checked(question)
        async with self._turns[thread]:
            await asyncio.to_thread(self.context.specialists.refresh)
            await self._threads.touch(thread, question)
            asked = web or await self._threads.web(thread)
            leave = await asyncio.to_thread(self._web, asked)
            turn = Turn(question=question, started=time.time(), web=leave)
            entry: Any = {"messages": [HumanMessage(question)], "turn": turn}
            if await self._waits(thread):
                entry = Command(resume={"question": turn.question, "started": turn.started, "web": turn.web})
            last: Turn | None = None
            lesson: asyncio.Task[None] | None = None
            chunks = self._graph.astream(
                entry,
                self._config(thread),
                context=replace(self.context, earlier=partial(self._threads.archive.gists, thread)),
                stream_mode=["custom", "values"],
                durability="sync",
            )
            try:
                async with aclosing(chunks) as parts:  # type: ignore[type-var]
                    async for mode, part in cast("AsyncIterator[tuple[str, Any]]", parts):
                        if mode == "custom":
                            yield part
                        else:
                            last = cast("Turn", part["turn"])
                            if last.wish and last.decision and lesson is None:  # beside the look-up, which takes longer
                                lesson = asyncio.create_task(follow(last, self.context.router))
            finally:
                if lesson is not None:
                    await lesson
            if last is not None and last.web_stays:
                await self._threads.set_web(thread, "on")
            await self._shorten(thread)
            await self._threads.prune(thread)
            if last is None or last.answer is None:
                raise KotaeError("The turn ended without an answer; ask again.")
            yield Done(last.answer, thread)

    def _web(self, asked: Consent | None) -> Consent:
        """Whether a question may go to the web, whoever asks having said `asked`."""
        try:
            owners = self.library.consents(self.scope.collections)
        except ToolError:  # nobody knows what its owner wants
            owners = ["ask"]
        return granted([self.settings.web, *owners], asked=asked)

    async def web(self, thread: str = "") -> Consent:
        """Whether questions of a conversation may go to a web search; of a new one without `thread`."""
        said = await self._threads.web(thread) if thread else None
        return await asyncio.to_thread(self._web, said)

    async def set_web(self, thread: str, web: Consent | None) -> None:
        """Say it for a conversation; None takes that back. Raises `ThreadError` for one that is not there."""
        await self._threads.set_web(thread, web)

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
        return await stand_alone(self.settings.checked(question), _messages(said), self.context, Meter())

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

    def new_thread(self) -> str:
        """The id of a new conversation."""
        return self._threads.new_id()

    async def begin(self, thread: str, said: Sequence[tuple[str, str]]) -> None:
        """Put into a new conversation what was said elsewhere: pairs of role (`user`, `assistant`) and text."""
        await self._threads.touch(thread, next((text for role, text in said if role == "user"), ""))
        await self._graph.aupdate_state(self._config(thread), {"messages": _messages(said)}, as_node="finish")

    async def threads(self) -> list[Thread]:
        """All conversations, the latest first."""
        return await self._threads.list()

    async def history(self, thread: str) -> list[Exchange]:
        """What was asked and answered, oldest first; empty for a conversation that is not there."""
        past, messages = await self._said(thread)
        given = await self._threads.feedback.of(thread)
        found = []
        for one in (*past, *exchanges(messages)):
            answer = from_record(one.record)
            found.append(Exchange(one.question, answer, one.turn if answer else "", given.get(one.turn)))
        return found

    async def rename(self, thread: str, title: str) -> None:
        """Raises `ThreadError` for an empty title or a conversation that is not there."""
        await self._threads.rename(thread, title)

    async def delete(self, thread: str) -> None:
        """Remove the conversation and all that was said in it, what was kept of it about the user and what was said of
        its answers included."""
        async with self._turns[thread], self._judging:
            await asyncio.to_thread(self.about.forget_thread, thread)
            await self._threads.delete(thread)
        self._turns.pop(thread, None)

    async def rewind(self, thread: str, index: int) -> None:
        """Drop exchange `index` (from 0) and all after it with the feedback on them, to ask again or differently."""
        async with self._turns[thread], self._judging:
            past, messages = await self._said(thread)
            starts = [i for i, m in enumerate(messages) if isinstance(m, HumanMessage)]
            if not 0 <= index < len(past) + len(starts):
                raise ThreadError("There is no such question in this conversation.")
            if index >= len(past):
                start = starts[index - len(past)]
                changed: list[BaseMessage] = [RemoveMessage(id=str(m.id)) for m in messages[start:]]
                stays = messages[:start]
            else:  # first what is to go, so that a process that is killed here has lost nothing that was to stay
                await self._threads.archive.drop(thread, [one.id for one in past[index:]])
                stays = [m for one in past[max(0, index - KEPT) : index] for m in one.messages()]
                changed = [RemoveMessage(id=REMOVE_ALL_MESSAGES), *stays]
            removed = [one.turn for one in (*past, *exchanges(messages))[index:]]
            await self._threads.feedback.drop(thread, removed)
            # behind a question that Kotae asked back, the reply is waited for again
            end = "finish" if waiting(stays) is None else "asked"
            await self._graph.aupdate_state(self._config(thread), {"messages": changed}, as_node=end)
            await self._threads.archive.drop(thread, [str(m.id) for m in changed if isinstance(m, HumanMessage)])
            await self._threads.prune(thread)

    async def give_feedback(
        self,
        thread: str,
        turn: str,
        verdict: str,
        reasons: Sequence[str] = (),
        *,
        route: str | None = None,
        corrected: str = "",
        comment: str = "",
    ) -> Feedback:
        """Keep what a user says of the answer `turn` (`Exchange.turn`), in place of what was said of it before.

        `verdict` is `up` or `down`; `reasons` are `agent.feedback.REASONS`. `route`, where the answer should have come
        from, goes with the reason `wrong_route`, and the router follows it at once. Raises `FeedbackError`, and
        `RouteError` when the router's corrections cannot be written; nothing is kept then.
        """
        opinion = Opinion(verdict, tuple(reasons), route, corrected, comment)
        async with self._judging:
            exchanges, store = await self.history(thread), self._threads.feedback
            return await keep(opinion, thread, turn, exchanges, store, self.context.router, self.model_name)

    async def take_back_feedback(self, thread: str, turn: str) -> None:
        """Forget what was said of the answer `turn`, and the route that the router learned from it, unless somebody has
        corrected that since. Raises `FeedbackError` when there is no such answer, and `RouteError`."""
        async with self._judging:
            _, earlier = place(await self.history(thread), turn)
            if earlier is not None:
                await asyncio.to_thread(teach, self.context.router, earlier, None)
                await self._threads.feedback.drop(thread, [turn])

    async def feedback(self, verdict: Thumb | None = None, since: float | None = None) -> list[Feedback]:
        """All feedback of all conversations, oldest first; `since` is `time.time()` of the earliest."""
        return await self._threads.feedback.all(verdict, since)

    @staticmethod
    def diagram() -> str:
        """The state machine in Mermaid."""
        return diagram()

    async def _shorten(self, thread: str) -> None:
        """Move what is long past out of the checkpoint."""
        messages = await self._messages(thread)
        starts = [i for i, m in enumerate(messages) if isinstance(m, HumanMessage)]
        if len(starts) < KEPT + SLACK:
            return
        old = messages[: starts[-KEPT]]
        await self._threads.archive.add(thread, old)
        removed = [RemoveMessage(id=str(m.id)) for m in old]
        end = "finish" if waiting(messages) is None else "asked"
        await self._graph.aupdate_state(self._config(thread), {"messages": removed}, as_node=end)

    async def _said(self, thread: str) -> tuple[list[Kept], list[AnyMessage]]:
        """What was moved out of the checkpoint, and what is in it."""
        messages = await self._messages(thread)
        held = {str(m.id) for m in messages}
        return [one for one in await self._threads.archive.read(thread) if one.id not in held], messages

    async def _messages(self, thread: str) -> list[Any]:
        state: State | dict[str, Any] = (await self._graph.aget_state(self._config(thread))).values
        return list(state.get("messages", []))

    async def _waits(self, thread: str) -> bool:
        """Whether the conversation stopped at a question that Kotae asked back."""
        return "reply" in (await self._graph.aget_state(self._config(thread))).next

    def _config(self, thread: str) -> RunnableConfig:
        return {"configurable": {"thread_id": thread}, "recursion_limit": _RECURSION}


def _messages(said: Sequence[tuple[str, str]]) -> list[AnyMessage]:
    return [AIMessage(text) if role == "assistant" else HumanMessage(text) for role, text in said]
