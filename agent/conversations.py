"""The conversations of an agent: what was said in them, what may leave the machine from them, and what was said of the
answers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from agent.about_user import AboutUser
from agent.archive import KEPT, SLACK, Kept, exchanges
from agent.asker import OWNER, VISITORS, Asker
from agent.consent import granted
from agent.context import Context
from agent.errors import ThreadError
from agent.feedback import Feedback, Opinion, Thumb, teach
from agent.graph import build
from agent.insights_store import AskedStore
from agent.lessons import keep, place
from agent.library import readable
from agent.nodes.reply import waiting
from agent.records import from_record
from agent.repeats import Answered
from agent.settings import Settings
from agent.state import Answer, State
from agent.threads import Thread, Threads
from tools.base import Consent, ToolError
from tools.library import Library

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage
    from langchain_core.runnables import RunnableConfig

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


class Conversations:
    """What `Agent` does with conversations beside answering in them. One turn of a conversation runs at a time."""

    def __init__(self, settings: Settings, library: Library, context: Context, threads: Threads) -> None:
        self.settings = settings
        self.asker = OWNER
        """Whose conversations these are."""
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

    def acting_for(self, asker: Asker) -> Self:
        """This agent as `asker` meets it: with their conversations and no others, answering from what they may read.

        It works with the same model and library, and costs next to nothing."""
        other = copy(self)
        other.asker = asker
        other.scope = readable(self.settings, asker)
        other._threads = self._threads.of(asker.name)
        if asker.remembered and asker.name != OWNER.name:
            other.context = replace(self.context, about=AboutUser.of(self.settings.data_dir, asker.name))
        return other

    @property
    def about(self) -> AboutUser:
        """What the user told about themselves, and the switch for it."""
        assert self.context.about is not None
        return self.context.about

    @property
    def insights(self) -> AskedStore:
        """What was asked in all conversations, and how it ended."""
        return self._threads.asked

    @property
    def model_name(self) -> str:
        """The model as the settings name it."""
        return self.settings.model

    def new_thread(self) -> str:
        """The id of a new conversation."""
        return self._threads.new_id()

    async def begin(self, thread: str, said: Sequence[tuple[str, str]]) -> None:
        """Put into a new conversation what was said elsewhere: pairs of role (`user`, `assistant`) and text."""
        await self._threads.touch(thread, next((text for role, text in said if role == "user"), ""))
        await self._put(thread, messages_of(said))

    async def threads(self) -> list[Thread]:
        """All conversations, the latest first."""
        return await self._threads.list()

    async def visited(self, thread: str) -> list[Exchange]:
        """What a visitor of a site was told in a conversation, for whoever keeps the site; empty for all others."""
        asker = await self._threads.asker(thread)
        return await self.acting_for(Asker(asker)).history(thread) if asker.startswith(VISITORS) else []

    async def forget_askers(self, prefix: str) -> int:
        """Delete the conversations of all whose name begins so; how many they were. Raises `ThreadError`."""
        names = await self._threads.askers(prefix)
        return sum([await self.acting_for(Asker(name)).leave() for name in names])

    async def history(self, thread: str) -> list[Exchange]:
        """What was asked and answered, oldest first; empty for a conversation that is not there."""
        if not await self._threads.holds(thread):
            return []
        past, messages = await self._said(thread)
        given = await self._threads.feedback.of(thread)
        found = []
        for one in (*past, *exchanges(messages)):
            answer = from_record(one.record)
            found.append(Exchange(one.question, answer, one.turn if answer else "", given.get(one.turn)))
        return found

    async def answered(self, key: str) -> Answered | None:
        """What whoever asks was answered to a question that came with `key` in the last day."""
        found = await self._threads.asked.repeats.find(self.asker.name, key)
        if found is None:
            return None
        asked, thread, turn = found
        for index, one in enumerate(await self.history(thread)):
            if one.turn == turn and one.answer is not None:
                return Answered(asked, thread, index, turn, one.answer)
        return None

    async def rename(self, thread: str, title: str) -> None:
        """Raises `ThreadError` for an empty title or a conversation that is not there."""
        await self._threads.rename(thread, title)

    async def delete(self, thread: str) -> None:
        """Remove the conversation and all that was said in it, what was kept of it about the user, what was said of its
        answers, and what is kept of web searches. Raises `ThreadError`."""
        await self._threads.expect(thread)
        async with self._turns[thread], self._judging:
            await asyncio.to_thread(self.about.forget_thread, thread)
            await self._threads.delete(thread)
        self._turns.pop(thread, None)
        try:
            await asyncio.to_thread(self.context.forget)
        except ToolError as error:
            raise ThreadError(
                "The conversation is deleted, but not what is kept of its web searches: delete the folder `web` in the "
                "data folder."
            ) from error

    async def leave(self) -> int:
        """Delete all conversations of whoever asks, and what is kept about them; how many conversations there were.
        Raises `ThreadError`, and `MemoryFileError`."""
        count = 0
        while threads := await self.threads():  # a turn that ran meanwhile may have begun another one
            for thread in threads:
                await self.delete(thread.id)
                count += 1
        if self.asker.remembered:
            await asyncio.to_thread(self.about.remove)
        return count

    async def rewind(self, thread: str, index: int) -> None:
        """Drop exchange `index` (from 0) and all after it with the feedback on them, to ask again or differently.

        Raises `ThreadError` when there is none."""
        await self._threads.expect(thread)
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
            await self._threads.asked.drop(thread, index)
            await self._threads.feedback.drop(thread, removed)
            await self._put(thread, changed, behind=stays)
            await self._threads.archive.drop(thread, [str(m.id) for m in changed if isinstance(m, HumanMessage)])
            await self._threads.prune(thread)

    def _web(self, asked: Consent | None) -> Consent:
        """Whether a question may go to the web, whoever asks having said `asked`."""
        try:
            owners = self.library.consents(self.scope.collections)
        except ToolError:  # nobody knows what its owner wants
            owners = ["ask"]
        return granted([self.settings.web, self.asker.web, *owners], asked=asked)

    async def web(self, thread: str = "") -> Consent:
        """Whether questions of a conversation may go to a web search; of a new one without `thread`."""
        said = await self._threads.web(thread) if thread else None
        return await asyncio.to_thread(self._web, said)

    async def set_web(self, thread: str, web: Consent | None) -> None:
        """Say it for a conversation; None takes that back. Raises `ThreadError` for one that is not there."""
        await self._threads.set_web(thread, web)

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
            router, teaches = self.context.router, self.asker.teaches
            return await keep(opinion, thread, turn, exchanges, store, router, self.model_name, teaches=teaches)

    async def take_back_feedback(self, thread: str, turn: str) -> None:
        """Forget what was said of the answer `turn`, and the route that the router learned from it, unless somebody has
        corrected that since. Raises `FeedbackError` when there is no such answer, and `RouteError`."""
        async with self._judging:
            _, earlier = place(await self.history(thread), turn)
            if earlier is not None:
                if self.asker.teaches:
                    await asyncio.to_thread(teach, self.context.router, earlier, None)
                await self._threads.feedback.drop(thread, [turn])

    async def feedback(self, verdict: Thumb | None = None, since: float | None = None) -> list[Feedback]:
        """All feedback on answers, oldest first; `since` is `time.time()` of the earliest. The owner has that of all
        who ask, anybody else their own."""
        found = await self._threads.feedback.all(verdict, since)
        if self.asker == OWNER:
            return found
        own = {thread.id for thread in await self._threads.list()}
        return [one for one in found if one.thread in own]

    async def _shorten(self, thread: str, messages: Sequence[AnyMessage]) -> None:
        """Move what is long past out of the checkpoint, which holds `messages`."""
        starts = [i for i, m in enumerate(messages) if isinstance(m, HumanMessage)]
        if len(starts) < KEPT + SLACK:
            return
        old = messages[: starts[-KEPT]]
        await self._threads.archive.add(thread, old)
        await self._put(thread, [RemoveMessage(id=str(m.id)) for m in old], behind=messages)

    async def _put(self, thread: str, messages: Sequence[BaseMessage], *, behind: Sequence[AnyMessage] = ()) -> None:
        """Put messages into the checkpoint between two turns. Where `behind` ends with a question that Kotae asked, the
        reply to it is waited for again."""
        end = "finish" if waiting(behind) is None else "asked"
        await self._graph.aupdate_state(self._config(thread), {"messages": list(messages)}, as_node=end)

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


def messages_of(said: Sequence[tuple[str, str]]) -> list[AnyMessage]:
    return [AIMessage(text) if role == "assistant" else HumanMessage(text) for role, text in said]
