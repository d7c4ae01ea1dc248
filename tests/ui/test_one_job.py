"""What downloads and the making of specialists have in common."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from tests.ui.http.served import until
from ui.one_job import Job, Live, OneJob, State


class Taken(Exception):
    """Another one goes on."""


@dataclass(frozen=True)
class Count(Job):
    n: int = 0


class Counting(OneJob[Count]):
    """Counts until it is stopped. `deaf`: it does not listen."""

    def __init__(self, *, deaf: bool = False) -> None:
        super().__init__()
        self.lives: list[Live[Count]] = []
        self.deaf = deaf

    def begin(self) -> str:
        return self._begin(Count, self._run)

    def _busy(self, job: Count) -> Taken:
        return Taken(job.id)

    async def _run(self, live: Live[Count]) -> None:
        self.lives.append(live)
        while self.deaf or not live.stop.is_set():
            self._change(live, n=live.job.n + 1)
            await asyncio.sleep(0.001)
        self._end(live, "stopped")

    def state(self) -> State | None:
        found = self.now()
        return None if found is None else found.state


async def test_one_at_a_time_stopped_and_dismissed() -> None:
    one = Counting()
    assert one.now() is None
    id = one.begin()
    with pytest.raises(Taken, match=id):
        one.begin()
    revision = one.revision
    await until(lambda: one.revision > revision + 3)
    one.dismiss(id)
    one.stop("another")
    assert one.state() == "running", "neither is for one that goes on, or for this one"
    one.stop(id)
    now = one.now()
    assert now is not None
    assert (now.stopping, now.open, one.content) == (True, True, 0)
    await until(lambda: one.state() == "stopped")
    assert one.content == 1
    assert one.begin() != id
    one.dismiss(id)
    assert one.state() == "running"
    await one.close()
    assert one.state() == "stopped"


async def test_what_an_earlier_job_tells_late_does_not_change_the_present_one() -> None:
    one = Counting()
    one.stop(one.begin())
    await until(lambda: one.state() == "stopped")
    id = one.begin()
    await until(lambda: len(one.lives) == 2)
    one._end(one.lives[0], "failed")
    now = one.now()
    assert now is not None
    assert (now.id, now.state) == (id, "running")
    await one.close()


async def test_what_does_not_listen_is_cancelled_in_the_end() -> None:
    one = Counting(deaf=True)
    one.begin()
    await until(lambda: bool(one.lives))
    await one.close(0.05)
    assert one._task is not None
    await until(one._task.done)
    assert one._task.cancelled()
