"""What the server does with accounts: recognise who sends a request, let people in, change what is theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from agent.settings import Settings
from ui.people import passwords
from ui.people.database import Database
from ui.people.errors import WrongLoginError
from ui.people.keys import Keys
from ui.people.passwords import Passwords
from ui.people.roles import NOBODY, Person, Role, Visitor
from ui.people.sessions import LONGEST, Sessions
from ui.people.store import Store, folded
from ui.people.throttle import Throttle

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_AT_ONCE = 2
"""Passwords that are hashed at the same time; each takes 64 MB."""


class Accounts:
    """The people of one installation, with their sessions and keys."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        hasher: PasswordHasher | None = None,
    ) -> None:
        """`clock` tells the time of day, `ticks` how long attempts have to wait."""
        self._db = Database(settings.data_dir)
        self.store = Store(self._db, clock)
        self.sessions = Sessions(self._db, clock)
        self.keys = Keys(self._db, clock)
        self._passwords = Passwords(hasher)
        self._throttle = Throttle(ticks)
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        self.secure = (settings.public_url or "").startswith("https://")
        """Whether cookies go over https only."""
        self.cookie = "__Host-kotae" if self.secure else "kotae_session"

    # ---- who asks ----

    def recognise(self, headers: Mapping[str, str]) -> Visitor:
        """Who sends a request. One that comes with a key is judged by that alone, and a wrong key is nobody's."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_key(secret.strip())
        token = self.token(headers)
        session = self.sessions.find(token) if token else None
        person = self.store.find(session.person) if session else None
        if session is None or person is None:
            return NOBODY
        return Visitor(person.as_asker(), person.role, person, session.id)

    def now(self, visitor: Visitor) -> Visitor:
        """Who somebody is by now who was recognised before. That is no use of their session."""
        if visitor.person is None:
            return visitor
        person = self.store.find(visitor.person.id)
        held = self.sessions.holds(visitor.session) if visitor.session else self.keys.holds(visitor.key)
        if person is None or not held:
            return NOBODY
        return replace(visitor, asker=person.as_asker(), role=person.role, person=person)

    def stamp(self) -> tuple[int, int]:
        """Another one whenever something of the accounts has changed, by whichever process."""
        return self._db.stamp()

    def token(self, headers: Mapping[str, str]) -> str:
        """The token of a request's session; "" without one."""
        cookies: SimpleCookie = SimpleCookie()
        for part in headers.get("cookie", "").split(";"):  # one that is malformed must not hide the others
            try:
                cookies.load(part)
            except CookieError:
                continue
        found = cookies.get(self.cookie)
        return found.value if found else ""

    def _by_key(self, secret: str) -> Visitor:
        key = self.keys.find(secret)
        person = self.store.find(key.person) if key else None
        if key is None or person is None:
            return NOBODY
        return Visitor(person.as_asker(), person.role, person, key=key.id, scopes=key.scopes)

    # ---- letting in ----

    async def login(self, name: str, password: str, address: str, before: str = "") -> tuple[Person, str]:
        """Who that is, and the token of a new session. `before` is the token that the browser had; it ends.

        Raises `WrongLoginError`, and `ThrottledError`."""
        person = await self._proved(name, password, address)
        if before:
            await asyncio.to_thread(self.sessions.end, before)
        return person, await asyncio.to_thread(self.sessions.begin, person.id)

    async def choose_password(self, person: Person, old: str, new: str, address: str) -> str:
        """A new password in place of `old`. All sessions end; returns the token of a new one.

        Raises `WrongLoginError`, `ThrottledError` and `PeopleError`."""
        passwords.check(new, person.name)
        await self._proved(person.name, old, address)
        await self.set_password(person.id, new)
        return await asyncio.to_thread(self.sessions.begin, person.id)

    async def _proved(self, name: str, password: str, address: str) -> Person:
        counted = folded(name)[:200]
        self._throttle.attempt(counted, address)
        found = await asyncio.to_thread(self.store.login, name)
        stored = found[1] if found else None
        async with self._hashing:
            right = await asyncio.to_thread(self._passwords.verify, stored, password)
        if found is None or not right:
            raise WrongLoginError
        self._throttle.succeeded(counted, address)
        if self._passwords.outdated(found[1]):
            hashed = await self._hashed(password)
            await asyncio.to_thread(self.store.set_password, found[0].id, hashed, must_change=found[0].must_change)
        return found[0]

    # ---- changing ----

    async def add(self, name: str, role: Role, password: str | None = None) -> tuple[Person, str]:
        """A new account, and its password; without one, it gets one that has to be changed at the first login.

        Raises `PeopleError`."""
        given = password if password is not None else passwords.handed_on()
        if password is not None:
            passwords.check(password, name)
        hashed = await self._hashed(given)
        person = await asyncio.to_thread(self.store.add, name, role, hashed, must_change=password is None)
        return person, given

    async def set_password(self, id: str, password: str | None = None) -> str:
        """A new password; without one, one that has to be changed. Every session of that person ends."""
        given = password if password is not None else passwords.handed_on()
        if password is not None:
            passwords.check(password, (await asyncio.to_thread(self.store.get, id)).name)
        hashed = await self._hashed(given)
        await asyncio.to_thread(self.store.set_password, id, hashed, must_change=password is None)
        await asyncio.to_thread(self.sessions.revoke_all, id)
        return given

    def create_key(self, person: str, name: str, scopes: Collection[str], days: int | None = None) -> str:
        """See `Keys.create`."""
        return self.keys.create(self.store.get(person).id, name, scopes, days)

    def set_cookie(self, token: str) -> str:
        """The value of the header `Set-Cookie` for a session; "" ends it."""
        age = f"Max-Age={LONGEST}" if token else "Max-Age=0"
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={token}; {age}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def close(self) -> None:
        self._db.close()

    async def _hashed(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._passwords.hashed, password)
