"""How often a password may be tried: for one name, and from one address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ui.people.errors import ThrottledError

FREE = 5
"""Attempts on one name before the next one has to wait: a second, then twice as long each time."""
FREE_ADDRESS = 20
"""The same from one address, behind which there may be a whole office."""
WAIT = 300
"""Seconds of the longest wait: long enough against guessing, and whoever is kept out by others' guesses is not for
long."""
_FORGOTTEN = 3600
"""Seconds after the last attempt until the next one is the first again."""
_MOST = 10_000
"""Names and addresses that are counted at once; the oldest goes first."""


@dataclass
class _Count:
    attempts: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Counts attempts in memory. An attempt counts before its outcome is known, so that many at once gain nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()

    def attempt(self, name: str, address: str) -> None:
        """Count an attempt. Raises `ThrottledError`, and counts nothing, before the wait is over."""
        now = self._clock()
        kinds = ((("name", name), FREE), (("address", address), FREE_ADDRESS))
        counts = [self._of(place, now) for place, _ in kinds]
        if (wait := max(count.until for count in counts) - now) > 0:
            raise ThrottledError(math.ceil(wait))
        for count, (_, free) in zip(counts, kinds, strict=True):
            count.attempts += 1
            count.last = now
            if count.attempts >= free:
                count.until = now + min(WAIT, 2.0 ** min(30, count.attempts - free))

    def succeeded(self, name: str, address: str) -> None:
        """Forget the attempts on a name, and the last one from an address."""
        self._counts.pop(("name", name), None)
        if (count := self._counts.get(("address", address))) is not None:
            count.attempts -= 1
            count.until = 0.0

    def _of(self, place: tuple[str, str], now: float) -> _Count:
        count = self._counts.get(place)
        if count is None or now - count.last > _FORGOTTEN:
            count = self._counts[place] = _Count()
        self._counts.move_to_end(place)
        while len(self._counts) > _MOST:
            self._counts.popitem(last=False)
        return count
