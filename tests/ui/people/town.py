"""An application with accounts over the real graph, library and conversations, and the people of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from agent import Agent, Settings
from tests.ui.http.served import LEAVE, TWENTY, PacedModel, parsed
from ui.api import create_app
from ui.people.accounts import Accounts
from ui.people.roles import Person, Role

BASE = "http://127.0.0.1:7860"
PASSWORD = "a whale in the bath"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""The right kind of hash, without what makes it dear."""


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Town:
    """The application, and what is behind it."""

    app: FastAPI
    agent: Agent
    accounts: Accounts
    clock: Clock = field(default_factory=Clock)
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, **given: Any) -> httpx.AsyncClient:
        """A browser or program that has not logged in."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        one = httpx.AsyncClient(transport=transport, **({"base_url": BASE} | given))
        self.clients.append(one)
        return one

    async def person(self, name: str, role: Role = "reader") -> Person:
        return (await self.accounts.add(name, role, PASSWORD))[0]

    def as_(self, person: Person, **given: Any) -> httpx.AsyncClient:
        """A browser in which `person` has logged in."""
        token = self.accounts.sessions.begin(person.id)
        return self.client(cookies={self.accounts.cookie: token}, **given)

    def with_key(self, person: Person, *scopes: str, **given: Any) -> httpx.AsyncClient:
        """A program with a key of `person`."""
        return self.client(headers=bearer(self.accounts.create_key(person.id, "program", scopes)), **given)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def town(settings: Settings, lines: Sequence[str] = (), *, chat: bool = False) -> AsyncIterator[Town]:
    """Open one whose model says `lines`."""
    clock = Clock()
    async with Agent.open(settings, model=PacedModel(lines=list(lines))) as agent:
        accounts = Accounts(settings, clock=clock, ticks=clock, hasher=CHEAP)
        one = Town(create_app(agent, chat=chat, accounts=accounts), agent, accounts, clock)
        try:
            yield one
        finally:
            for client in one.clients:
                await client.aclose()
            accounts.close()


async def asked(client: httpx.AsyncClient, question: str = LEAVE, **more: Any) -> dict[str, Any]:
    """Ask, and read the answer to its end; returns what the last event told, with the turn and its conversation."""
    got = await client.post("/api/chat", json={"question": question, **more})
    assert got.status_code == 200, got.text
    events = parsed(got.text)
    assert events[-1].type == "done", events[-1]
    return {**events[0].data, **events[-1].data}


def endpoints(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path that the application answers to, those of mounted applications too."""
    return sorted(set(_endpoints(app.routes, "")))


def _endpoints(routes: Any, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None) or getattr(route, "routes", None)
        path = prefix + getattr(route, "path", "")
        if inner:
            found += _endpoints(inner, path)
        elif methods := getattr(route, "methods", None):
            found += [(method, path) for method in methods if method != "HEAD"]
        else:  # something mounted that has no routes of its own: files
            found.append(("GET", f"{path}/{{path:path}}"))
    return found


__all__ = ["BASE", "LEAVE", "PASSWORD", "TWENTY", "Town", "asked", "bearer", "endpoints", "town"]
