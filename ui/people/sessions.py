"""Sessions: a random token in the browser's cookie, of which only a hash is kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from ui.people.database import Database

IDLE = 7 * 86_400
"""Seconds after which a session ends that nobody uses."""
LONGEST = 30 * 86_400
"""Seconds after which every session ends."""
_NOTED = 60
"""When a session was used is noted this often, in seconds."""


@dataclass(frozen=True)
class Session:
    """A browser in which somebody is logged in. Times are `time.time()`."""

    id: str
    person: str
    created: float
    used: float


class Sessions:
    """The sessions of all people."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def begin(self, person: str) -> str:
        """A new session of `person`; returns its token, which is nowhere else."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self._db.changing() as db:
            db.execute("DELETE FROM sessions WHERE created < ? OR used < ?", (now - LONGEST, now - IDLE))
            values = secrets.token_hex(8), person, fingerprint(token), now, now
            db.execute("INSERT INTO sessions (id, person, hash, created, used) VALUES (?, ?, ?, ?, ?)", values)
        return token

    def find(self, token: str) -> Session | None:
        """The session of a token, unless it has ended."""
        found = self._db.rows("SELECT id, person, created, used FROM sessions WHERE hash = ?", (fingerprint(token),))
        if not found:
            return None
        session, now = Session(*found[0]), self._clock()
        if now - session.created > LONGEST or now - session.used > IDLE:
            self._db.change("DELETE FROM sessions WHERE id = ?", (session.id,))
            return None
        if now - session.used > _NOTED:
            self._db.change("UPDATE sessions SET used = ? WHERE id = ?", (now, session.id))
        return session

    def holds(self, id: str) -> bool:
        """Whether there is such a session, however old."""
        return bool(self._db.rows("SELECT 1 FROM sessions WHERE id = ?", (id,)))

    def of(self, person: str) -> list[Session]:
        """The sessions of a person, the one used last first."""
        now = self._clock()
        rows = self._db.rows(
            "SELECT id, person, created, used FROM sessions WHERE person = ? AND created >= ? AND used >= ? "
            "ORDER BY used DESC",
            (person, now - LONGEST, now - IDLE),
        )
        return [Session(*row) for row in rows]

    def end(self, token: str) -> None:
        """End the session of a token, if there is one."""
        self._db.change("DELETE FROM sessions WHERE hash = ?", (fingerprint(token),))

    def revoke(self, person: str, id: str) -> bool:
        """End a session of `person`; whether there was one."""
        return self._db.change("DELETE FROM sessions WHERE person = ? AND id = ?", (person, id)) > 0

    def revoke_all(self, person: str) -> int:
        """End every session of `person`; how many there were."""
        return self._db.change("DELETE FROM sessions WHERE person = ?", (person,))


def fingerprint(token: str) -> bytes:
    """What is kept of a token. It is random and long, so that no slow hash is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
