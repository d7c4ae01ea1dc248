"""How long a server asks to be left alone: `Retry-After` (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tools.web.addresses import read

MOST = 3600.0
"""Seconds that anybody is left alone at most: whoever names a day has a wrong clock, or means something else."""
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
"""Whole ones by the standard; some services send fractions."""
_SERVERS = 500
"""Servers that are remembered at most."""


def seconds(value: str, sent: str = "") -> float:
    """The seconds that a `Retry-After` names, as a number or as a date, at most `MOST`; 0 where it names none.

    A date is one of the server's own clock, which `sent`, the `Date` of the same answer, shows.
    """
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), MOST)
    until = _time(value)
    if until is None:
        return 0.0
    return min(max(0.0, until - (_time(sent) or time.time())), MOST)


def _time(date: str) -> float | None:
    """Seconds since 1970 of a date in any of the three forms of HTTP."""
    try:
        found: datetime = parsedate_to_datetime(date.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


class LeftAlone:
    """The servers that asked to be left alone, each until its time is over. Usable from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def note(self, url: str, seconds: float) -> None:
        """The server of `url` asked for so many seconds, if for any."""
        if seconds <= 0:
            return
        server, until = read(url).authority, self._clock() + seconds
        with self._lock:
            self._until[server] = max(until, self._until.get(server, 0.0))
            self._until.move_to_end(server)
            while len(self._until) > _SERVERS:
                self._until.popitem(last=False)

    def __contains__(self, url: str) -> bool:
        with self._lock:
            return self._until.get(read(url).authority, 0.0) > self._clock()
