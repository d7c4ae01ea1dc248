"""robots.txt: which pages of a site a program may read (RFC 9309), told by Protego, kept for an hour."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.web.addresses import EgressError, read
from tools.web.egress import USER_AGENT, Egress

if TYPE_CHECKING:
    from protego import Protego

KEPT = 3600.0
"""Seconds for which an answer holds; RFC 9309, 2.4, allows a day."""
KEPT_TROUBLE = 60.0
"""Seconds after which a server that had trouble is asked again."""
BYTES = 500 * 1024
"""Of a robots.txt; the rest is left out (RFC 9309, 2.5)."""
_ORIGINS = 500
"""Answers that are kept at most."""


@dataclass
class _Asked:
    """A robots.txt that is being asked for, and the answer once `done`."""

    done: threading.Event = field(default_factory=threading.Event)
    rules: Protego | bool | EgressError = False
    """A bool says the same of every page; an error is that of asking."""
    until: float = 0.0


class Robots:
    """Answers of each site, asked for once by all who wait. Usable from any thread.

    `clock` tells seconds.
    """

    def __init__(self, egress: Egress, clock: Callable[[], float] = time.monotonic) -> None:
        self._egress = egress
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Asked] = OrderedDict()

    def allow(self, url: str, seconds: float) -> bool:
        """Whether the page may be read. A site whose robots.txt fails has refused (RFC 9309, 2.3.1.4).

        Raises `EgressError` when it cannot be asked, also within `seconds`; then the page may not be read either.
        """
        target = read(url)
        origin = f"{target.scheme}://{target.authority}"
        with self._lock:
            asked = self._known.get(origin)
            mine = asked is None or (asked.done.is_set() and asked.until <= self._clock())
            if asked is None or mine:
                asked = self._known[origin] = _Asked()
            self._known.move_to_end(origin)
            while len(self._known) > _ORIGINS:
                self._known.popitem(last=False)
        if mine:
            try:
                asked.rules, kept = self._ask(f"{origin}/robots.txt", seconds)
                asked.until = self._clock() + kept
            finally:
                asked.done.set()
        elif not asked.done.wait(max(0.0, seconds)):
            raise EgressError("too_slow", f"{target.host} took too long to answer: try again later.")
        if isinstance(asked.rules, EgressError):
            raise asked.rules
        return asked.rules if isinstance(asked.rules, bool) else asked.rules.can_fetch(target.url, USER_AGENT)

    def _ask(self, url: str, seconds: float) -> tuple[Protego | bool | EgressError, float]:
        """What a site says, and for how many seconds that holds."""
        from protego import Protego

        try:
            answer = self._egress.get(url, {"Accept": "text/plain, */*;q=0.5"}, seconds=seconds, first=BYTES)
        except EgressError as error:
            if error.reason == "redirects":  # a site that only leads in circles has none (2.3.1.2)
                return True, KEPT_TROUBLE
            # how much time there was, depends on who asks
            return error, 0.0 if error.reason == "too_slow" else KEPT_TROUBLE
        # a limit on requests is no missing file, whose pages may all be read
        if answer.status >= 500 or (answer.status == 429 and answer.retry_after):
            return False, max(KEPT_TROUBLE, answer.retry_after)
        if answer.status != 200:
            return True, KEPT
        return Protego.parse(answer.body.decode("utf-8-sig", "replace")), KEPT
