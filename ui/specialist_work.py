"""The one specialist that is being made or examined."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from agent.errors import KotaeError
from tools.base import ToolError
from tools.specialist.errors import SpecialistError
from ui.one_job import Job, Live, OneJob, State

if TYPE_CHECKING:
    from agent.specialists.workplace import Step
    from tools.specialist.plan import Progress

log = logging.getLogger(__name__)

Kind = Literal["train", "examine", "raft"]
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
class Work(Job):
    """The work at one moment."""

    kind: Kind
    name: str
    """Of the specialist, or of the collection that examples are made from."""
    step: Step | None = None
    curve: tuple[Point, ...] = ()
    made: Made | None = None
    reason: str = ""
    """The code of what ended it, and what the error says, which is for the log and for known sentences alone."""
    message: str = ""

    @property
    def share(self) -> float | None:
        """How much of the step at hand is done, where that is known."""
        if self.step is None or not self.step.total:
            return None
        return min(1.0, self.step.done / self.step.total)


class Tell(Protocol):
    """Takes the steps of the work one after another, in any thread."""

    def __call__(self, step: Step) -> None: ...


Task = Callable[[Tell, threading.Event], Awaitable[Made]]


class Busy(Exception):
    """Something is being made already."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class SpecialistWork(OneJob[Work]):
    """Does one thing at a time."""

    def begin(self, kind: Kind, name: str, task: Task) -> str:
        """Begin something; returns its id. Raises `Busy`."""
        return self._begin(lambda n: Work(f"w{n}", kind, name), lambda live: self._run(live, task))

    def _busy(self, job: Work) -> Busy:
        return Busy(job.name)

    async def _run(self, live: Live[Work], task: Task) -> None:
        curve = _Curve()

        def tell(step: Step) -> None:
            if (told := step.training) is not None and told.step > 0:
                curve.add(told)
            self._change(live, step=step, curve=tuple(curve.points))

        try:
            made = await task(tell, live.stop)
        except SpecialistError as error:
            state: State = "stopped" if error.reason == "stopped" else "failed"
            self._end(live, state, reason=error.reason, message=str(error))
        except (KotaeError, ToolError) as error:
            log.warning("a specialist could not be made: %s", error)
            self._end(live, "failed", reason=getattr(error, "reason", "model"), message=str(error))
        except asyncio.CancelledError:
            self._end(live, "stopped", reason="stopped")
            raise
        except Exception:
            log.exception("a specialist could not be made")
            self._end(live, "failed", reason="inside")
        else:
            self._end(live, "done", made=made)


@dataclass
class _Curve:
    """The losses of a training so far."""

    points: list[Point] = field(default_factory=list)
    every: int = 1
    """Steps between two points."""
    looked: float | None = None
    """The latest loss on the validation examples."""

    def add(self, told: Progress) -> None:
        """Another point. A look at the validation examples is never left out."""
        if self.points and told.step < self.points[-1].step:  # taken up again at an earlier checkpoint
            self.points = [one for one in self.points if one.step < told.step]
        looked = told.validation if told.validation != self.looked else None
        self.looked = told.validation
        if looked is None and self.points and told.step < self.points[-1].step + self.every:
            return
        self.points.append(Point(told.step, told.loss, looked))
        if len(self.points) > _POINTS:
            self.points = [one for i, one in enumerate(self.points) if i % 2 == 0 or one.validation is not None]
            self.every *= 2
