"""What lets a page of a site speak for a visitor: a random token, for a short time, for that site and that origin."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

LIFE = 15 * 60.0
"""Seconds that a token is good for. A widget whose token has run out asks for another one by itself."""
_MOST = 50_000
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Grant:
    """What a token stands for. `visitor` is the fingerprint of the secret that the visitor's browser keeps."""

    site: str
    origin: str
    visitor: str
    until: float


@dataclass
class Tokens:
    """The tokens that are good now. They live in memory: after a restart every widget asks for a new one."""

    clock: Callable[[], float] = time.monotonic
    _grants: OrderedDict[str, Grant] = field(default_factory=OrderedDict)

    def issue(self, site: str, origin: str, visitor: str) -> str:
        """A token for the visitor whose secret is `visitor`."""
        now = self.clock()
        while self._grants and (len(self._grants) >= _MOST or next(iter(self._grants.values())).until <= now):
            self._grants.popitem(last=False)
        token = secrets.token_urlsafe(32)
        self._grants[_fingerprint(token)] = Grant(site, origin, _fingerprint(visitor), now + LIFE)
        return token

    def find(self, token: str, site: str, origin: str) -> Grant | None:
        """What `token` stands for when a page of `origin` uses it on `site`; None if it is not good for that."""
        grant = self._grants.get(_fingerprint(token))
        good = grant is not None and grant.until > self.clock() and (grant.site, grant.origin) == (site, origin)
        return grant if good else None


@dataclass
class Pace:
    """At most `most` in `seconds` for each name; a name is as good as an address of the network."""

    most: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    _times: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def wait(self, name: str) -> int:
        """0 if one more is allowed now, which is counted; otherwise seconds until the next."""
        now = self.clock()
        times = self._times.setdefault(name, deque())
        self._times.move_to_end(name)
        while times and times[0] <= now - self.seconds:
            times.popleft()
        if len(times) >= self.most:
            return max(1, round(times[0] + self.seconds - now + 0.5))
        times.append(now)
        while len(self._times) > _MOST:
            self._times.popitem(last=False)
        return 0


def new_visitor() -> str:
    """A secret for a visitor's browser: whoever has it has their conversations."""
    return secrets.token_urlsafe(32)


def is_visitor(text: str) -> bool:
    """Whether `text` can be such a secret."""
    return _SECRET.fullmatch(text) is not None


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:40]
