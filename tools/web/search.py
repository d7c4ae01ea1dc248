"""Web search: several services in order, all under one deadline, each behind a circuit breaker of its own."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from tools.base import Sent, ToolError
from tools.web.breaker import Breaker, Resting
from tools.web.cache import SearchCache
from tools.web.hits import usable
from tools.web.providers import Hit, Provider, SearchBusy, SearchRefused
from tools.web.query import WebQuery, clean, cut

TRIES = 3
ROOM = 1.0
"""Seconds that must be left for a try after the wait that a service asks for; most answer within these."""
_KEEPING = 0.5
"""Seconds that the cache may take; a disk that hangs is no reason to wait."""

T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """The answer of a search."""

    hits: tuple[Hit, ...] = ()
    provider: str = ""
    """Whose hits they are."""
    asked: float = 0.0
    """When that service was asked, in seconds since the epoch."""
    cached: bool = False
    sent: tuple[Sent, ...] = ()
    """Each service that was asked, once, in order; also those that failed."""


class WebSearch:
    """Asks the first of `providers`; the next only when that one fails, refuses or rests.

    `seconds` is the deadline of one `find`, all services and tries together; it holds even when a service hangs, whose
    thread is then left behind (as a daemon, so that it keeps no program from ending). A service has half of the time
    that is left, the last has all of it. `pause` (seconds) is the longest wait before the second try, doubling after
    that; the wait itself is drawn from all below it ("full jitter": Brooker, Exponential Backoff And Jitter, 2015). A
    service that says how long it wants to be left alone is, by this search and by all others: it is tried again only if
    that fits its time.
    """

    def __init__(
        self,
        providers: Sequence[Provider],
        seconds: float = 8.0,
        *,
        cache: SearchCache | None = None,
        breaker: Callable[[], Breaker] = Breaker,
        pause: float = 0.5,
    ) -> None:
        self._providers = [(provider, breaker()) for provider in providers]
        self._seconds = seconds
        self._cache = cache
        self._pause = pause

    async def find(self, query: WebQuery) -> Found:
        """What was found, nothing included. Raises `ToolError("web_unavailable")`, with what was
        sent, when no service answered in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        if self._cache and (kept := await self._kept(self._cache, query)):
            return kept
        sent: list[Sent] = []
        failures: list[str] = []
        for number, (provider, breaker) in enumerate(self._providers, 1):
            left = deadline - loop.time()
            if left <= 0:
                break
            share = left if number == len(self._providers) else left / 2
            try:
                with breaker.guard():
                    sent.append(Sent(provider.name, query.text, time.time()))
                    async with asyncio.timeout(share):
                        # Half of the time for one try, so that a connection that hangs leaves room for another.
                        hits = await self._ask(provider, breaker, query, left / 2, loop.time() + share)
            except Resting as error:
                failures.append(f"{provider.name}: {error}")
            except TimeoutError:
                failures.append(f"{provider.name}: no answer within {share:.3g} s")
            except Exception as error:
                failures.append(cut(clean(f"{provider.name}: {type(error).__name__}: {error}"), 200))
            else:
                found = Found(hits, provider.name, sent[-1].at, sent=tuple(sent))
                if self._cache:
                    await self._keep(self._cache, query, found)
                return found
        raise ToolError("web_unavailable", "; ".join(failures), sent)

    def forget(self) -> None:
        """Drop what is kept of earlier searches. Raises `ToolError("web_unavailable")` where that is not possible."""
        try:
            if self._cache is not None:
                self._cache.forget()
        except (OSError, sqlite3.Error) as error:
            raise ToolError("web_unavailable", f"what is kept of searches cannot be dropped: {error}") from error

    async def _ask(
        self, provider: Provider, breaker: Breaker, query: WebQuery, seconds: float, deadline: float
    ) -> tuple[Hit, ...]:
        """The hits of one service, each try of which has `seconds`, by `deadline` on the loop's clock."""
        loop = asyncio.get_running_loop()
        pause = wait_random_exponential(multiplier=self._pause, max=4 * self._pause)

        async def once() -> Sequence[Hit]:
            try:
                return await _in_daemon(partial(provider.search, query, seconds), seconds)
            except (SearchBusy, SearchRefused) as error:
                breaker.hold(error.rest)
                raise

        def enough(tried: RetryCallState) -> bool:
            rest = _rest(tried)
            return tried.attempt_number >= TRIES or (rest > 0 and loop.time() + rest + ROOM > deadline)

        tries = AsyncRetrying(
            # Not for every BaseException: a cancelled turn must end, not be tried again.
            retry=retry_if_exception(lambda e: isinstance(e, Exception) and not isinstance(e, SearchRefused)),
            wait=lambda tried: max(pause(tried), _rest(tried)),
            stop=enough,
            reraise=True,
        )
        hits = usable(await tries(once))
        if not hits and query.timelimit:
            # Pages without a date (forecasts, tables) fall through every time limit.
            return await self._ask(provider, breaker, replace(query, timelimit=None), seconds, deadline)
        return hits

    async def _kept(self, cache: SearchCache, query: WebQuery) -> Found | None:
        """What an earlier search found. All services are looked at before any is asked."""

        def look() -> Found | None:
            for provider, _ in self._providers:
                if kept := cache.get(provider.name, query):
                    return Found(kept.hits, provider.name, kept.at, cached=True)
            return None

        with contextlib.suppress(TimeoutError):
            return await _in_daemon(look, _KEEPING)
        return None

    async def _keep(self, cache: SearchCache, query: WebQuery, found: Found) -> None:
        with contextlib.suppress(TimeoutError):
            await _in_daemon(partial(cache.put, found.provider, query, found.hits, found.asked), _KEEPING)


def _rest(tried: RetryCallState) -> float:
    """Seconds for which the service asked to be left alone when it was tried last."""
    error = tried.outcome.exception() if tried.outcome else None
    return error.rest if isinstance(error, SearchBusy) else 0.0


async def _in_daemon(work: Callable[[], T], seconds: float) -> T:
    """Run `work` in a daemon thread for at most `seconds`. `asyncio.to_thread` will not do: its threads are waited for
    when the program ends, and a hanging search would take the pool's threads from everybody else."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[T] | Exception] = loop.create_future()

    def settle(value: tuple[T] | Exception) -> None:
        if not outcome.done():  # nobody waits any more after a timeout or a cancelled turn
            outcome.set_result(value)

    def run() -> None:
        value: tuple[T] | Exception
        try:
            value = (work(),)
        except Exception as error:
            value = error
        except BaseException as error:  # a panic in primp's Rust is no Exception
            value = RuntimeError(repr(error))
        with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
            loop.call_soon_threadsafe(settle, value)

    threading.Thread(target=run, name="kotae-web-search", daemon=True).start()
    async with asyncio.timeout(seconds):
        value = await outcome
    if isinstance(value, Exception):
        raise value
    return value[0]
