"""Lets requests to a model through, many at once, and shuts while the model is loaded anew.

The readers and the writer of the classic problem (Courtois, Heymans and Parnas 1971, "Concurrent control with readers
and writers", the second problem: whoever shuts goes before those who come after), for requests of several event loops.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(eq=False)
class _Pass:
    """One request that is inside, and the one during which it was made."""

    turnstile: Turnstile
    during: _Pass | None
    inside: bool = True


_mine: ContextVar[_Pass | None] = ContextVar("pass", default=None)


class Turnstile:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._shut = False
        self._waiting: list[Future[None]] = []
        self._last_out: Future[None] | None = None

    @asynccontextmanager
    async def through(self) -> AsyncIterator[None]:
        """Waits while it is shut. A request that is made while another one of the same task is inside goes through: the
        other could not end before it."""
        during = self._mine()
        while (waiter := self._try(nested=during is not None)) is not None:
            await asyncio.wrap_future(waiter)
        mine = _Pass(self, during)
        _mine.set(mine)
        try:
            yield
        finally:
            mine.inside = False
            self._leave()

    async def shut(self, patience: float) -> bool:
        """Let nobody in and wait until all are out; then `open` must follow. False, after it was opened, where somebody
        else has it shut.

        Raises `TimeoutError` when somebody is still inside after `patience` seconds, or at once if it is the task that
        asks; it is open then.
        """
        if self._mine() is not None:
            raise TimeoutError
        with self._lock:
            taken = self._shut
            self._shut = True
            waiter: Future[None] = Future()
            if taken:
                self._waiting.append(waiter)
            elif self._inside:
                self._last_out = waiter
            else:
                return True
        if taken:
            await asyncio.wrap_future(waiter)
            return False
        try:
            await asyncio.wait_for(asyncio.wrap_future(waiter), patience)
        except BaseException:
            self.open()
            raise
        return True

    def open(self) -> None:
        """Let all in again. From any thread."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            self._shut, self._last_out = False, None
        for waiter in waiting:
            _tell(waiter)

    def _try(self, *, nested: bool) -> Future[None] | None:
        """Go in, or have something to wait for."""
        with self._lock:
            if self._shut and not nested:
                self._waiting.append(Future())
                return self._waiting[-1]
            self._inside += 1
            return None

    def _leave(self) -> None:
        with self._lock:
            self._inside -= 1
            waiter = self._last_out if not self._inside else None
        if waiter is not None:
            _tell(waiter)

    def _mine(self) -> _Pass | None:
        """The request of this task that is inside, if there is one."""
        found = _mine.get()
        while found is not None and not (found.inside and found.turnstile is self):
            found = found.during
        return found


def _tell(waiter: Future[None]) -> None:
    # one whose task was cancelled waits no more
    if waiter.set_running_or_notify_cancel():
        waiter.set_result(None)
