"""The circuit breaker: when it stops calling, and when it calls again."""

from __future__ import annotations

import asyncio

import pytest

from tools.web.breaker import Breaker, Resting


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker) -> None:
    with pytest.raises(ValueError, match="down"), breaker.guard():
        raise ValueError("down")


def succeed(breaker: Breaker) -> None:
    with breaker.guard():
        pass


def rests(breaker: Breaker, says: str = "resting") -> None:
    with pytest.raises(Resting, match=says), breaker.guard():
        pytest.fail("a call while it rests")


def test_it_opens_after_three_failures_in_a_row_and_recovers() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(3):
        fail(breaker)
    rests(breaker, "for 60 s after 3 failures")
    clock.now += 59.9
    rests(breaker)
    clock.now += 0.2
    fail(breaker)  # the probe: the rest begins anew
    rests(breaker, "for 60 s")
    clock.now += 60
    succeed(breaker)  # all is as before
    fail(breaker)
    succeed(breaker)


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker()
    for _ in range(5):
        fail(breaker)
        fail(breaker)
        succeed(breaker)


def test_one_probe_at_a_time_and_a_cancelled_one_frees_the_place() -> None:
    clock = Clock()
    breaker = Breaker(limit=1, clock=clock)
    fail(breaker)
    clock.now += 61
    probe = breaker.guard()
    probe.__enter__()
    rests(breaker)
    assert not probe.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
    succeed(breaker)
    with breaker.guard(), breaker.guard():
        pass
