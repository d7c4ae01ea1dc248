"""The page's part "People" for owners: who there is, with which role, and what they may read. Each answer is the new
part."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from ui import strings
from ui.http.asker import Visiting
from ui.http.problems import FRESH
from ui.languages import asked_language
from ui.people.account import person_of
from ui.people.errors import PeopleError
from ui.people.render_people import Given, people_html
from ui.people.roles import Role, Visitor

if TYPE_CHECKING:
    from agent import Agent
    from ui.http.turns import Turns
    from ui.people.accounts import Accounts
    from ui.people.roles import Person
    from ui.people.store import Reading

ROUTE = "/api/people"
Name = Annotated[str, Field(max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPerson(_Body):
    """Somebody new; without a password they get one that has to be changed."""

    name: Name
    role: Role = "reader"
    password: Annotated[str, Field(max_length=1000)] = ""


class Change(_Body):
    """What changes of somebody; `collections` belong to `reads` `some`."""

    role: Role | None = None
    reads: Literal["role", "all", "some"] | None = None
    collections: Annotated[list[Name], Field(max_length=1000)] = []


class RoleChange(_Body):
    """What everybody of the role `reader` may read."""

    reads: Literal["all", "some"]
    collections: Annotated[list[Name], Field(max_length=1000)] = []


def serve_managing(app: FastAPI, accounts: Accounts, agent: Agent, turns: Turns) -> None:
    """Add the routes. That only owners come here, the gate has seen to."""
    store = accounts.store

    async def part(request: Request, visitor: Visitor, given: Given | None = None) -> HTMLResponse:
        def render() -> str:
            people = store.all()
            keys = accounts.keys.all()
            names = [one.name for one in agent.library.collections()]
            return people_html(
                people,
                {person.id: [key for key in keys if key.person == person.id] for person in people},
                names,
                store.role_collections("reader"),
                strings.load(asked_language(request)),
                now=time.time(),
                me=person_of(visitor).id,
                given=given,
            )

        return HTMLResponse(await asyncio.to_thread(render), headers=FRESH)

    @app.get(ROUTE)
    async def show(request: Request, visitor: Visiting) -> HTMLResponse:
        return await part(request, visitor)

    @app.post(ROUTE)
    async def add(request: Request, new: NewPerson, visitor: Visiting) -> HTMLResponse:
        person, password = await accounts.add(new.name, new.role, new.password or None)
        return await part(request, visitor, None if new.password else Given(person.name, password))

    @app.patch(ROUTE)
    async def change_role(request: Request, to: RoleChange, visitor: Visiting) -> HTMLResponse:
        reads: Reading = "all" if to.reads == "all" else frozenset(to.collections)
        await asyncio.to_thread(store.set_role_collections, "reader", reads)
        return await part(request, visitor)

    @app.patch(f"{ROUTE}/{{id}}")
    async def change(request: Request, id: str, to: Change, visitor: Visiting) -> HTMLResponse:
        if to.role is not None:
            await asyncio.to_thread(store.set_role, id, to.role)
        if to.reads is not None:
            reads: Reading | None = {"role": None, "all": "all", "some": frozenset(to.collections)}[to.reads]
            await asyncio.to_thread(store.set_collections, id, reads)
        return await part(request, visitor)

    @app.post(f"{ROUTE}/{{id}}/password")
    async def new_password(request: Request, id: str, visitor: Visiting) -> HTMLResponse:
        person = await asyncio.to_thread(store.get, id)
        return await part(request, visitor, Given(person.name, await accounts.set_password(id)))

    @app.delete(f"{ROUTE}/{{id}}/keys/{{key}}")
    async def revoke(request: Request, id: str, key: str, visitor: Visiting) -> HTMLResponse:
        if not await asyncio.to_thread(accounts.keys.revoke, key, id):
            raise PeopleError("unknown", "There is no such key.")
        return await part(request, visitor)

    @app.delete(f"{ROUTE}/{{id}}")
    async def remove(request: Request, id: str, visitor: Visiting) -> HTMLResponse:
        if id == person_of(visitor).id:
            raise PeopleError("yourself", "Another owner has to remove you.")
        person = await asyncio.to_thread(store.expect_removable, id)
        await asyncio.to_thread(store.shut_out, id)
        await forget(person)
        await asyncio.to_thread(store.remove, id)  # last, so that it can be done again after a fault
        return await part(request, visitor)

    async def forget(person: Person) -> None:
        asker = person.as_asker()
        await turns.forget(asker)
        await agent.acting_for(asker).leave()
