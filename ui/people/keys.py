"""API keys: a program's way in, in place of name and password. Shown once; only a hash is kept."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import cast

from ui.people.database import Database
from ui.people.errors import PeopleError
from ui.people.roles import SCOPES, KeyScope
from ui.people.sessions import fingerprint

PREFIX = "kotae_"
MOST = 50
"""Keys of one person."""
LONGEST_DAYS = 3650
_NAME = 80
_NOTED = 60
"""When a key was used is noted this often, in seconds."""


@dataclass(frozen=True)
class Key:
    """A key without its secret. Times are `time.time()`; `used` is None before it was, `expires` for one that does
    not."""

    id: str
    person: str
    name: str
    scopes: frozenset[KeyScope]
    created: float
    used: float | None
    expires: float | None


class Keys:
    """The keys of all people."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def create(self, person: str, name: str, scopes: Collection[str], days: int | None = None) -> str:
        """A new key, which is nowhere else. Raises `PeopleError`."""
        name = " ".join(name.split())
        if not name or len(name) > _NAME or not name.isprintable():
            raise PeopleError("key_name", f"Give the key a name of at most {_NAME} characters.")
        if not scopes or not set(scopes) <= set(SCOPES):
            raise PeopleError("scopes", f"Name what the key is for: {', '.join(SCOPES)}.")
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise PeopleError("days", f"A key lasts from 1 to {LONGEST_DAYS} days.")
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        ordered = " ".join(one for one in SCOPES if one in scopes)
        expires = None if days is None else now + days * 86_400
        with self._db.changing(alone=True) as db:
            if db.execute("SELECT count(*) FROM keys WHERE person = ?", (person,)).fetchone()[0] >= MOST:
                raise PeopleError("keys_full", f"There are {MOST} keys already; revoke one first.")
            db.execute(
                "INSERT INTO keys (id, person, hash, name, scopes, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (secrets.token_hex(4), person, fingerprint(secret), name, ordered, now, expires),
            )
        return secret

    def find(self, secret: str) -> Key | None:
        """The key, unless it has expired or been revoked."""
        if not secret.startswith(PREFIX):
            return None
        found = self._select("hash = ?", fingerprint(secret))
        now = self._clock()
        if not found or (found[0].expires is not None and found[0].expires <= now):
            return None
        if found[0].used is None or now - found[0].used > _NOTED:
            self._db.change("UPDATE keys SET used = ? WHERE id = ?", (now, found[0].id))
        return found[0]

    def holds(self, id: str) -> bool:
        """Whether there is such a key, however old."""
        return bool(self._db.rows("SELECT 1 FROM keys WHERE id = ?", (id,)))

    def of(self, person: str) -> list[Key]:
        """The keys of a person, oldest first."""
        return self._select("person = ?", person)

    def all(self) -> list[Key]:
        """The keys of everybody, oldest first."""
        return self._select("1 = ?", 1)

    def revoke(self, id: str, person: str | None = None) -> bool:
        """Delete a key, of `person` alone if one is named; whether there was one."""
        if person is None:
            return self._db.change("DELETE FROM keys WHERE id = ?", (id,)) > 0
        return self._db.change("DELETE FROM keys WHERE id = ? AND person = ?", (id, person)) > 0

    def _select(self, where: str, value: object) -> list[Key]:
        columns = "id, person, name, scopes, created, used, expires"
        rows = self._db.rows(f"SELECT {columns} FROM keys WHERE {where} ORDER BY created", (value,))
        return [
            Key(id, person, name, frozenset(cast("list[KeyScope]", scopes.split())), created, used, expires)
            for id, person, name, scopes, created, used, expires in rows
        ]
