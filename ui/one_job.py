"""A job that goes on beside everything else, one at a time. It belongs to the server and not to the page that asked for
it: closing the page stops nothing, and every page that is opened shows the same."""

from __future__ import annotations

import asyncio
import itertools
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

State = Literal["running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Job:
    """How far it is at one moment."""

    id: str
    state: State = field(default="running", kw_only=True)
    stopping: bool = field(default=False, kw_only=True)
    """It was asked to stop, and ends soon."""

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state == "running"


J = TypeVar("J", bound=Job)


@dataclass
class Live(Generic[J]):
    """A job, and what it is stopped with."""

    job: J
    stop: threading.Event = field(default_factory=threading.Event)


class OneJob(ABC, Generic[J]):
    """The job that goes on, or was the last. `close` and what begins a job belong into the event loop, everything else
    is called anywhere."""

    def __init__(self) -> None:
        self._live: Live[J] | None = None
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self.revision = 0
        """Grows with every step."""
        self.content = 0
        """Grows when what is there has changed."""

    @abstractmethod
    def _busy(self, job: J) -> Exception:
        """What is raised to whoever would begin another one."""

    def now(self) -> J | None:
        """What goes on, or was the last."""
        with self._lock:
            return None if self._live is None else replace(self._live.job, stopping=self._live.stop.is_set())

    def stop(self, id: str) -> None:
        """End it after the step at hand; what came of it stays."""
        with self._lock:
            if self._live is not None and self._live.job.id == id and self._live.job.open:
                self._live.stop.set()
                self.revision += 1

    def dismiss(self, id: str) -> None:
        """Show it no longer once it has ended."""
        with self._lock:
            if self._live is not None and self._live.job.id == id and not self._live.job.open:
                self._live = None
                self.revision += 1

    def touched(self) -> None:
        """What is there was changed in another way."""
        with self._lock:
            self.content += 1

    async def close(self, seconds: float = 20.0) -> None:
        """Stop what goes on, and wait until it has kept how far it is."""
        if self._task is not None and self._live is not None and not self._task.done():
            self._live.stop.set()
            _, late = await asyncio.wait([self._task], timeout=seconds)
            for task in late:
                task.cancel()

    def _begin(self, make: Callable[[str], J], run: Callable[[Live[J]], Awaitable[None]]) -> str:
        """Begin the job that `make` makes of an id, and return that. Raises `_busy` while another one goes on."""
        with self._lock:
            if self._live is not None and self._live.job.open:
                raise self._busy(self._live.job)
            live = self._live = Live(make(str(next(self._ids))))
            self.revision += 1
        self._task = asyncio.ensure_future(run(live))
        return live.job.id

    def _change(self, live: Live[J], **to: Any) -> None:
        with self._lock:
            live.job = replace(live.job, **to)
            self.revision += 1

    def _end(self, live: Live[J], state: State, **to: Any) -> None:
        with self._lock:  # both at once: whoever sees that it has ended looks no further
            live.job = replace(live.job, state=state, **to)
            self.revision += 1
            self.content += 1
