"""A circuit breaker."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator


class Resting(Exception):
    """The call was not made: the ones before it failed."""


class Breaker:
    """Stops calling what keeps failing. For one event loop; not for several threads.

    After `limit` failures in a row every call is refused for `rest` seconds. Then one call is let through: if it
    succeeds all is as before, if it fails the rest begins anew. A cancelled call counts as neither. Whoever asks to be
    left alone is (`hold`), however few calls failed.
    Circuit Breaker: Nygard, Release It! (2nd ed. 2018), ch. 5.
    """

    def __init__(self, limit: int = 3, rest: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._held = 0.0
        self._probing = False

    def hold(self, seconds: float) -> None:
        """Refuse every call for so many seconds; those that run already go on."""
        self._held = max(self._held, self._clock() + seconds)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around a call. Raises `Resting` instead of entering while the calls rest."""
        if (held := self._held - self._clock()) > 0:
            raise Resting(f"resting for {math.ceil(held)} s, as it asked")
        probe = self._failures >= self._limit
        if probe and (self._probing or self._clock() < self._until):
            wait = max(0, round(self._until - self._clock()))
            raise Resting(f"resting for {wait} s after {self._failures} failures in a row")
        self._probing = probe
        try:
            yield
        except Exception:
            self._failures += 1
            self._until = self._clock() + self._rest
            raise
        else:
            self._failures = 0
        finally:
            if probe:
                self._probing = False
