"""The turns that run, apart from whoever reads them: started once, read by any number, gone on with, stopped.

A turn belongs to its readers: when the last one goes and nobody returns in time, it is stopped and the model is free.
What a turn told stays for some minutes after its end, so that a reader whose connection broke misses nothing, and a
question that is sent twice with the same key is asked once. Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal, Protocol

from agent.asker import OWNER
from agent.errors import KotaeError, ThreadError
from agent.events import Done, Sources
from agent.repeats import Key
from ui.faults import code_of, where
from ui.http.turn import Asked, Begun, Ended, Failed, Queued, Turn

if TYPE_CHECKING:
    from agent import Agent
    from agent.asker import Asker

log = logging.getLogger(__name__)

Why = Literal["busy", "draining"]

GRACE = 1.5
"""Seconds that a turn without a reader goes on for one who returns."""
KEPT_SECONDS = 300.0
"""How long what a turn told can be read after its end."""
KEPT_TURNS = 64
"""Ended turns that can be read at most; the oldest goes first."""
_LONGEST_WAIT = 60


class Refused(Exception):
    """A turn is not taken: there are too many, or the server ends. `after`: seconds to wait before asking again."""

    def __init__(self, why: Why, after: int) -> None:
        super().__init__(why)
        self.why = why
        self.after = after


class KeyTaken(Exception):
    """The key was used for another question."""


class Listener(Protocol):
    """Who counts turns."""

    def ended(self, turn: Turn) -> None: ...
    def refused(self, why: Why) -> None: ...


class Turns:
    """The turns of one agent: at most `running` at once, and `waiting` more in the order in which they came. Nobody but
    the owner holds more than half of these places, so that there is always one for somebody else."""

    def __init__(self, agent: Agent, running: int, waiting: int, listener: Listener | None = None) -> None:
        self._agent = agent
        self._most = running
        self._open_most = running + waiting
        self._each = max(1, self._open_most // 2)
        self._slots = asyncio.Semaphore(running)
        self._listener = listener
        self._open: dict[str, Turn] = {}
        self._ended: OrderedDict[str, Turn] = OrderedDict()
        self._keys: dict[tuple[str, str], Turn] = {}
        self._usual = 5.0
        """Seconds that a turn takes, as the last ones did."""
        self._idle = asyncio.Event()
        self._idle.set()
        self.running = 0
        self.waiting = 0
        self.draining = False

    def start(self, asked: Asked, asker: Asker, key: str = "", grace: float = GRACE) -> Turn:
        """Begin a turn, or find the one that `asker` began with this `key`: see `recall` for one of long ago.

        One that was stopped or failed is asked again. `asked.question` is one that `Settings.checked` let pass. Raises
        `Refused`, and `KeyTaken`.
        """
        known = self._keys.get((asker.name, key)) if key else None
        if known is not None and known.asked != asked:
            raise KeyTaken
        if known is not None and known.outcome not in ("stopped", "failed"):
            return known
        greedy = asker.name != OWNER.name and self.open_of(asker) >= self._each
        if self.draining or greedy or len(self._open) >= self._open_most:
            raise self._refused("draining" if self.draining else "busy")
        now = asyncio.get_running_loop().time()
        agent = self._agent.acting_for(asker)
        thread = known.thread if known is not None else asked.thread or agent.new_thread()
        turn = Turn(uuid.uuid4().hex, thread, asked, asker, agent, grace, now, key, again=known is not None)
        self._open[turn.id] = turn
        self._idle.clear()
        if key:
            self._keys[asker.name, key] = turn
        turn.tell(Begun(turn.id, turn.thread))
        turn.task = asyncio.create_task(self._run(turn))
        turn.task.add_done_callback(lambda _: self._end(turn))
        turn.leave()  # whoever asked has to come and read
        return turn

    async def recall(self, asked: Asked, asker: Asker, key: str) -> None:
        """Let `start` find what was answered with this `key` in the last day, and is not kept here any more. Raises
        `KeyTaken`."""
        if not key or (asker.name, key) in self._keys:
            return
        agent = self._agent.acting_for(asker)
        found = await agent.answered(key)
        if found is None or (asker.name, key) in self._keys:  # somebody else was quicker
            return
        if found.asked != asked.fingerprint:
            raise KeyTaken
        now = asyncio.get_running_loop().time()
        answer = found.answer
        turn = Turn(uuid.uuid4().hex, found.thread, asked, asker, agent, GRACE, now, key, answer=answer)
        turn.outcome = "refused" if answer.refused else "answered"
        turn.tell(Begun(turn.id, turn.thread))
        if answer.sources:
            turn.tell(Sources(answer.sources))
        turn.tell(Ended(answer, found.index, found.turn))
        self._keys[asker.name, key] = turn
        self._keep(turn)

    def find(self, id: str, asker: Asker) -> Turn | None:
        """A turn of `asker` that runs, or ended lately."""
        turn = self._open.get(id) or self._ended.get(id)
        return turn if turn is not None and turn.asker.name == asker.name else None

    def open_of(self, asker: Asker) -> int:
        """How many turns of `asker` run or wait."""
        return sum(turn.asker.name == asker.name for turn in self._open.values())

    def askers(self) -> set[Asker]:
        """Who asked what runs, waits, or can still be read, as they were then."""
        return {turn.asker for turn in (*self._open.values(), *self._ended.values())}

    def knows(self, thread: str, asker: Asker) -> bool:
        """Whether a turn of this conversation of `asker` runs or waits; a new one is listed only when its first turn
        begins."""
        return any(turn.thread == thread and turn.asker.name == asker.name for turn in self._open.values())

    async def stop(self, turn: Turn) -> None:
        """End a turn now; one that is over stays as it is."""
        turn.cancel()
        if turn.task is not None:
            await asyncio.wait([turn.task])

    async def forget(self, asker: Asker, thread: str | None = None) -> None:
        """Stop what runs in a conversation of `asker`, in all of theirs without `thread`, and keep nothing of what was
        told in it."""

        def goes(turn: Turn) -> bool:
            return turn.asker.name == asker.name and thread in (None, turn.thread)

        for turn in [turn for turn in self._open.values() if goes(turn)]:
            await self.stop(turn)
        for id in [id for id, turn in self._ended.items() if goes(turn)]:
            self._drop(id)

    async def drain(self, seconds: float) -> None:
        """Take no more turns, and wait until those that run and wait have ended; after `seconds` they are stopped."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await asyncio.gather(*(self.stop(turn) for turn in list(self._open.values())))

    def _refused(self, why: Why) -> Refused:
        if self._listener is not None:
            self._listener.refused(why)
        rounds = (self.waiting + 1) / self._most
        return Refused(why, max(1, min(_LONGEST_WAIT, math.ceil(self._usual * rounds))))

    async def _run(self, turn: Turn) -> None:
        last: Ended | Failed
        try:
            async with self._slot(turn):
                last = await self._play(turn)
        except asyncio.CancelledError:
            last = Failed("stopped")
        except Exception as error:
            # what was asked stands in no log, and the text of an error may hold it
            level = logging.WARNING if isinstance(error, KotaeError) else logging.ERROR
            log.log(level, "A turn failed: %s", where(error))
            last = Failed(code_of(error))
        self._close(turn, last)
        if not turn.asked.kept:
            await self._delete(turn)

    @contextlib.asynccontextmanager
    async def _slot(self, turn: Turn) -> AsyncGenerator[None, None]:
        if self._slots.locked():
            turn.tell(Queued(self.waiting))
            self.waiting += 1
            try:
                await self._slots.acquire()
            finally:
                self.waiting -= 1
            turn.tell(Queued(0, asyncio.get_running_loop().time() - turn.began))
        else:
            await self._slots.acquire()
        self.running += 1
        began = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            self.running -= 1
            self._slots.release()
            self._usual += 0.2 * (asyncio.get_running_loop().time() - began - self._usual)

    async def _play(self, turn: Turn) -> Ended:
        if turn.again:
            await self._take_back(turn)
        if turn.asked.said:
            await turn.agent.begin(turn.thread, turn.asked.said)
        last: Done | None = None
        asked = turn.asked
        key = Key(turn.key, asked.fingerprint) if turn.key else None
        events = turn.agent.stream(asked.question, turn.thread, web=asked.web, key=key)
        async with aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                if isinstance(event, Done):
                    turn.answer, last = event.answer, event
                else:
                    turn.tell(event)
        assert last is not None
        return Ended(last.answer, last.index, last.turn) if turn.asked.kept else Ended(last.answer)

    async def _take_back(self, turn: Turn) -> None:
        """Drop the question that was left without an answer, so that it does not stand there twice."""
        exchanges = await turn.agent.history(turn.thread)
        if exchanges and exchanges[-1].answer is None and exchanges[-1].question == turn.asked.question:
            await turn.agent.rewind(turn.thread, len(exchanges) - 1)

    async def _delete(self, turn: Turn) -> None:
        try:
            await turn.agent.delete(turn.thread)
        except ThreadError:
            pass  # stopped before it began
        except Exception as error:
            log.error("A conversation that is not kept could not be deleted: %s", where(error))

    def _close(self, turn: Turn, last: Ended | Failed) -> None:
        """Say how a turn ended."""
        if isinstance(last, Failed):
            turn.outcome = "stopped" if last.code == "stopped" else "failed"
        else:
            turn.outcome = "refused" if last.answer.refused else "answered"
        turn.seconds = asyncio.get_running_loop().time() - turn.began
        turn.tell(last)
        if self._listener is not None:
            self._listener.ended(turn)

    def _end(self, turn: Turn) -> None:
        """Let go of a turn whose task is over."""
        if turn.outcome is None:  # stopped before its first step
            self._close(turn, Failed("stopped"))
        del self._open[turn.id]
        if not self._open:
            self._idle.set()
        if turn.asked.kept:
            self._keep(turn)

    def _keep(self, turn: Turn) -> None:
        """Let a turn that is over be read for a while."""
        self._ended[turn.id] = turn
        while len(self._ended) > KEPT_TURNS:
            self._drop(next(iter(self._ended)))
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._drop, turn.id)

    def _drop(self, id: str) -> None:
        self._ended.pop(id, None)
        for key in [key for key, turn in self._keys.items() if turn.id == id]:
            del self._keys[key]
