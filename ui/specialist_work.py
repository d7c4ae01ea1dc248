"""The one specialist that is being made or examined. The work belongs to the server and not to the page that asked for
it: closing the page stops nothing, and every page that is opened shows the same."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from agent.errors import KotaeError
from tools.base import ToolError
from tools.specialist.errors import SpecialistError

if TYPE_CHECKING:
    from agent.specialists.workplace import Step
    from tools.specialist.plan import Progress

log = logging.getLogger(__name__)

Kind = Literal["train", "examine", "raft"]
State = Literal["running", "done", "stopped", "failed"]
_POINTS = 400
"""Of the curve; with more of them every other is left out."""


@dataclass(frozen=True)
class Point:
    """The losses at a step: of the step, and on the validation examples where these were looked at."""

    step: int
    loss: float
    validation: float | None


@dataclass(frozen=True)
class Made:
    """What came of the work."""

    version: int | None = None
    promoted: bool = False
    passed: bool = False
    against: tuple[str, ...] = ()
    file: str = ""
    """The id of a file of examples that was made, and how many there are in it."""
    rows: int = 0


@dataclass(frozen=True)
class Work:
    """How far it is at one moment."""

    id: str
    kind: Kind
    name: str
    """Of the specialist, or of the collection that examples are made from."""
    state: State = "running"
    step: Step | None = None
    curve: tuple[Point, ...] = ()
    made: Made | None = None
    reason: str = ""
    """The code of what ended it, and what the error says, which is for the log and for known sentences alone."""
    message: str = ""
    stopping: bool = False

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state == "running"

    @property
    def share(self) -> float | None:
        """How much of the step at hand is done, where that is known."""
        if self.step is None or not self.step.total:
            return None
        return min(1.0, self.step.done / self.step.total)


class Tell(Protocol):
    """Takes the steps of the work, in any thread."""

    def __call__(self, step: Step) -> None: ...


Task = Callable[[Tell, threading.Event], Awaitable[Made]]


class Busy(Exception):
    """Something is being made already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class _Live:
    work: Work
    stop: threading.Event = field(default_factory=threading.Event)
    curve: list[Point] = field(default_factory=list)
    every: int = 1
    """Steps between two points of the curve."""
    looked: float | None = None
    """The latest loss on the validation examples."""


class SpecialistWork:
    """Does one thing at a time. `begin` and `close` are called in the event loop, everything else anywhere."""

    def __init__(self) -> None:
        self._live: _Live | None = None
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self.revision = 0
        """Grows with every step."""
        self.content = 0
        """Grows when something was made or changed."""

    def now(self) -> Work | None:
        """What is being made, or was made last."""
        with self._lock:
            live = self._live
            if live is None:
                return None
            return replace(live.work, curve=tuple(live.curve), stopping=live.stop.is_set())

    def begin(self, kind: Kind, name: str, task: Task) -> str:
        """Begin something; returns its id. Raises `Busy`."""
        with self._lock:
            if self._live is not None and self._live.work.open:
                raise Busy(self._live.work.name)
            live = self._live = _Live(Work(f"w{next(self._ids)}", kind, name))
            self.revision += 1
        self._task = asyncio.create_task(self._run(live, task))
        return live.work.id

    def stop(self, id: str) -> None:
        """End the work after the step at hand."""
        with self._lock:
            if self._live is not None and self._live.work.id == id and self._live.work.open:
                self._live.stop.set()
                self.revision += 1

    def dismiss(self, id: str) -> None:
        """Show it no longer once it has ended."""
        with self._lock:
            if self._live is not None and self._live.work.id == id and not self._live.work.open:
                self._live = None
                self.revision += 1

    def touched(self) -> None:
        """A specialist was changed by the page in another way."""
        with self._lock:
            self.content += 1

    async def close(self, seconds: float = 20.0) -> None:
        """Stop what goes on, and wait until it has kept how far it is."""
        task, live = self._task, self._live
        if task is not None and live is not None and not task.done():
            live.stop.set()
            done, _ = await asyncio.wait([task], timeout=seconds)
            if not done:
                task.cancel()

    async def _run(self, live: _Live, task: Task) -> None:
        def tell(step: Step) -> None:
            with self._lock:
                live.work = replace(live.work, step=step)
                if (told := step.training) is not None and told.step > 0:
                    _add(live, told)
                self.revision += 1

        try:
            made = await task(tell, live.stop)
        except SpecialistError as error:
            self._end(live, "stopped" if error.reason == "stopped" else "failed", error.reason, str(error))
        except (KotaeError, ToolError) as error:
            log.warning("a specialist could not be made: %s", error)
            self._end(live, "failed", getattr(error, "reason", "model"), str(error))
        except asyncio.CancelledError:
            self._end(live, "stopped", "stopped")
            raise
        except Exception:
            log.exception("a specialist could not be made")
            self._end(live, "failed", "inside")
        else:
            with self._lock:
                live.work = replace(live.work, made=made)
            self._end(live, "done")

    def _end(self, live: _Live, state: State, reason: str = "", message: str = "") -> None:
        with self._lock:
            live.work = replace(live.work, state=state, reason=reason, message=message)
            self.revision += 1
            self.content += 1


def _add(live: _Live, told: Progress) -> None:
    """Another point of the curve. A look at the validation examples is never left out."""
    if live.curve and told.step < live.curve[-1].step:  # taken up again at an earlier checkpoint
        live.curve = [one for one in live.curve if one.step < told.step]
    looked = told.validation if told.validation != live.looked else None
    live.looked = told.validation
    if looked is None and live.curve and told.step < live.curve[-1].step + live.every:
        return
    live.curve.append(Point(told.step, told.loss, looked))
    if len(live.curve) > _POINTS:
        live.curve = [one for i, one in enumerate(live.curve) if i % 2 == 0 or one.validation is not None]
        live.every *= 2
