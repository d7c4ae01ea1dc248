"""The conversation behind the page: commands in, screens out. It knows the agent, and nothing of Gradio.

A `Screen` says only what changes. A turn waits in the same queue as those of the API and the widget; what it tells is
gathered into at most some fifteen screens a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.errors import ThreadError
from ui.faults import sentence
from ui.http.turn import Asked, Failed
from ui.http.turns import Refused
from ui.live import Live
from ui.render import answer_html, draft_html, error_html, question_html, stopped_html
from ui.render_nav import library_line, threads_html, welcome_html
from ui.render_path import doing, path_html, path_title

if TYPE_CHECKING:
    from agent import Agent, Exchange
    from agent.asker import Asker
    from tools.base import Consent
    from ui.http.turn import Turn
    from ui.http.turns import Turns
    from ui.strings import Strings

log = logging.getLogger(__name__)

Message = dict[str, Any]
_PAUSE = 0.065
"""Seconds between two screens of a stream; faster than this nobody reads."""
_BEAT = 0.5
"""Seconds of silence after which what goes on is drawn anew: it may take long enough to be told."""
_GRACE = 3.0
"""Seconds that a turn gets to hand over its last screen."""
_PATIENCE = 0.7
"""Seconds after which the reader is told that the model is still being started."""


@dataclass(frozen=True)
class Screen:
    """What changes on the page; None leaves a part as it is."""

    messages: list[Message] | None = None
    thread: str | None = None
    threads: str | None = None
    welcome: str | None = None
    library: str | None = None
    question: str | None = None
    busy: bool | None = None
    web: Consent | None = None
    """What holds for the conversation."""


class Chat:
    """The chat in one language, as one asker meets it. Sessions (open pages) are told apart by Gradio's session hash
    and by whose they are."""

    def __init__(self, agent: Agent, words: Strings, turns: Turns) -> None:
        self._agent = agent
        self._turns = turns
        self._words = words
        self._live: dict[str, Live] = {}
        self._asking: set[str] = set()

    def acting_for(self, asker: Asker) -> Chat:
        """This chat as somebody else meets it."""
        other = copy(self)
        other._agent = self._agent.acting_for(asker)
        return other

    async def open(self, thread: str) -> Screen:
        """The page as it is when it opens, with conversation `thread`, or a new one for ""."""
        known = {t.id for t in await self._agent.threads()}
        if not thread or thread in known:
            return await self._page(thread)
        lost = error_html(self._words("error.thread"), self._words)
        return await self._page("", extra=[_said(lost)])

    async def ask(self, session: str, question: str, thread: str, web: Consent) -> AsyncGenerator[Screen, None]:
        """Answer a question. While another answer of this page is being written, nothing happens."""
        session = self._of(session)
        if session in self._asking:
            return
        self._asking.add(session)
        try:
            if fault := self._fault(question):
                messages = await self._history(thread)
                yield Screen(messages=[*messages, _said(error_html(fault, self._words))])
                return
            thread = thread or self._agent.new_thread()
            with contextlib.suppress(ThreadError):  # of a new conversation it is kept when its first turn is over
                await self._say_web(thread, web)
            async with contextlib.aclosing(self._turn(session, question.strip(), thread, web)) as screens:
                async for screen in screens:
                    yield screen
        finally:
            self._asking.discard(session)

    async def act(self, session: str, command: str, thread: str, web: Consent) -> AsyncGenerator[Screen, None]:
        """Carry out a command of the page, a JSON object: `do` is ask, stop, new, open, rename, delete, retry,
        edit or refresh. One that is not understood does nothing: the page is ours, everything else is an attempt."""
        try:
            order = json.loads(command)
            do = str(order["do"])
            target, text = str(order.get("thread", "")), str(order.get("text", ""))
            index = int(order.get("index", -1))
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if do == "stop":
            await self._stop(self._of(session))
        elif do in ("new", "open"):
            await self._stop(self._of(session), discard=True)
            yield await self.open(target if do == "open" else "")
        elif do == "rename":
            with contextlib.suppress(ThreadError):
                await self._agent.rename(target, text.strip()[:200])
            yield Screen(threads=await self._threads(thread))
        elif do == "delete":
            yield await self._delete(target, thread)
        elif do == "refresh":
            welcome = welcome_html(await self._documents(), self._words)
            yield Screen(welcome=welcome, library=await self._library())
        elif do in ("ask", "retry", "edit"):
            if do == "ask":
                turn = self.ask(session, text, thread, web)
            else:
                turn = self._again(session, thread, index, text if do == "edit" else None, web)
            # Closing a generator does not close the one it reads from.
            async with contextlib.aclosing(turn) as screens:
                async for screen in screens:
                    yield screen

    async def close(self) -> None:
        """Stop every turn, whoever asked."""
        for session in list(self._live):
            await self._stop(session, discard=True)

    def _of(self, session: str) -> str:
        """A session under which nobody else's is found."""
        return f"{self._agent.asker.name}/{session}"

    async def _delete(self, target: str, thread: str) -> Screen:
        for session, live in list(self._live.items()):
            if live.turn.thread == target and session.startswith(self._of("")):
                await self._stop(session, discard=target == thread)
        await self._turns.forget(self._agent.asker, target)
        with contextlib.suppress(ThreadError):
            await self._agent.delete(target)
        return await self._page("") if target == thread else Screen(threads=await self._threads(thread))

    async def _again(
        self, session: str, thread: str, index: int, text: str | None, web: Consent
    ) -> AsyncGenerator[Screen, None]:
        exchanges = await self._agent.history(thread)
        if self._of(session) in self._asking or not 0 <= index < len(exchanges):
            return
        question = exchanges[index].question if text is None else text
        if self._fault(question) is None:  # otherwise `ask` says what is wrong, and nothing is dropped
            with contextlib.suppress(ThreadError):  # a double click has dropped it already
                await self._agent.rewind(thread, index)
        async with contextlib.aclosing(self.ask(session, question, thread, web)) as screens:
            async for screen in screens:
                yield screen

    async def _turn(self, session: str, question: str, thread: str, web: Consent) -> AsyncGenerator[Screen, None]:
        past = self._messages(await self._agent.history(thread), thread, running=True)
        asked = _user(question_html(question, self._words, index=sum(m["role"] == "user" for m in past)))
        try:
            turn = self._turns.start(Asked(question, thread, web), self._agent.asker)
        except Refused as refused:
            yield Screen([*past, asked, _said(error_html(self._words.code("error", refused.why), self._words))])
            return
        live = self._live[session] = Live(turn)
        try:
            yield Screen([*past, asked, *self._progress(live)], thread=thread, question="", busy=True)
            listed = False
            async with contextlib.aclosing(turn.read(beat=_BEAT)) as parts:
                async for events in parts:
                    for _, event in events:
                        live.take(event)
                    threads = None if listed else await self._threads(thread)
                    if not live.discarded and turn.outcome is None:
                        yield Screen([*past, asked, *self._progress(live)], threads=threads)
                    listed = True
                    await asyncio.sleep(_PAUSE)
        finally:
            await self._turns.stop(turn)
            if self._live.get(session) is live:
                del self._live[session]
            live.over.set()
        fault = self._excuse(turn)
        if not past:
            with contextlib.suppress(ThreadError):
                await self._say_web(thread, web)
        if not live.discarded:
            exchanges = await self._agent.history(thread)
            messages = self._messages(exchanges, thread)
            if fault:
                retry = len(exchanges) - 1 if exchanges and exchanges[-1].answer is None else None
                messages = [*(messages[:-1] if retry is not None else messages)]
                messages.append(_said(error_html(fault, self._words, index=retry)))
            holds = await self._agent.web(thread)
            threads, library = await self._threads(thread), await self._library()
            yield Screen(messages, busy=False, threads=threads, library=library, web=holds)

    async def _say_web(self, thread: str, web: Consent) -> None:
        """Keep what the page says of the web for a conversation, if it is another than holds. Raises `ThreadError`."""
        if web != await self._agent.web(thread):
            await self._agent.set_web(thread, web)

    async def _stop(self, session: str, *, discard: bool = False) -> None:
        if live := self._live.get(session):
            live.discarded = discard
            await self._turns.stop(live.turn)
            if discard:
                # A late screen of this turn must not be drawn over the one that comes now.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(live.over.wait(), _GRACE)
                self._live.pop(session, None)

    def _progress(self, live: Live) -> list[Message]:
        starting = not self._agent.model_ready and time.monotonic() - live.since > _PATIENCE
        state = self._words("path.starting") if starting else doing(live.node, self._words)
        messages = [_thought(state, path_html(live.steps, self._words), "pending")]
        if live.draft.strip():
            writes = self._words("specialist.writing", name=live.specialist) if live.specialist else ""
            messages.append(_said(draft_html(live.draft, self._words, state=writes, checked=live.checked)))
        return messages

    async def _page(self, thread: str, extra: Sequence[Message] = ()) -> Screen:
        return Screen(
            messages=[*await self._history(thread), *extra],
            thread=thread,
            threads=await self._threads(thread),
            welcome=welcome_html(await self._documents(), self._words),
            library=await self._library(),
            busy=False,
            web=await self._agent.web(thread),
        )

    async def _history(self, thread: str) -> list[Message]:
        return self._messages(await self._agent.history(thread), thread) if thread else []

    def _messages(self, exchanges: Sequence[Exchange], thread: str, *, running: bool = False) -> list[Message]:
        """Every exchange as messages. While a new one is `running`, none of these is the last."""
        messages: list[Message] = []
        for index, exchange in enumerate(exchanges):
            last = not running and index == len(exchanges) - 1
            messages.append(_user(question_html(exchange.question, self._words, index=index)))
            answer = exchange.answer
            if answer is None:
                messages.append(_said(stopped_html(self._words, index=index, last=last)))
                continue
            if answer.steps:
                steps = [step for step in answer.steps if step.node != "finish"]
                messages.append(_thought(path_title(answer, self._words), path_html(steps, self._words), "done"))
            html = answer_html(
                answer,
                self._words,
                thread=thread,
                index=index,
                last=last,
                turn=exchange.turn,
                given=exchange.feedback,
            )
            messages.append(_said(html))
        return messages

    async def _threads(self, thread: str) -> str:
        return threads_html(await self._agent.threads(), thread, self._words, now=time.time())

    async def _documents(self) -> int | None:
        """How many documents there are; None when the library cannot be read."""
        try:
            return len(await asyncio.to_thread(self._agent.library.documents, self._agent.scope))
        except Exception:
            log.exception("The library cannot be read")
            return None

    async def _library(self) -> str:
        return library_line(await self._documents(), self._agent.model_name, self._words)

    def _fault(self, question: str) -> str | None:
        """Why a question cannot be asked, in the reader's language."""
        limit = self._agent.settings.max_question_chars
        if not question.strip():
            return self._words("error.empty")
        return self._words("error.too_long", limit=f"{limit:,}") if len(question.strip()) > limit else None

    def _excuse(self, turn: Turn) -> str:
        """What to tell the reader of a turn that failed; "" of any other."""
        last = turn.events[-1]
        if not isinstance(last, Failed) or last.code == "stopped":
            return ""
        return sentence(last.code, self._words, limit=self._agent.settings.max_question_chars)


def _user(html: str) -> Message:
    return {"role": "user", "content": html}


def _said(html: str) -> Message:
    return {"role": "assistant", "content": html}


def _thought(title: str, html: str, status: str) -> Message:
    return {"role": "assistant", "content": html, "metadata": {"title": title, "status": status}}
