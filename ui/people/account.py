"""One's own account on the page: sessions, keys, logging out. Each answer is the new panel."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from ui import strings
from ui.http.asker import Visiting
from ui.http.problems import FRESH
from ui.languages import asked_language
from ui.people.errors import PeopleError
from ui.people.render_account import account_html

if TYPE_CHECKING:
    from fastapi.responses import Response

    from ui.people.accounts import Accounts
    from ui.people.roles import Person, Visitor

ROUTE = "/api/account"
_STATUS = {"unknown": 404, "taken": 409, "last_owner": 409, "keys_full": 409, "broken": 500}


class NewKey(BaseModel):
    """A key to be made; it lasts `days` days, or until it is revoked."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=1000)]
    scopes: Annotated[list[str], Field(max_length=20)] = []
    days: int | None = None


def serve_account(app: FastAPI, accounts: Accounts) -> None:
    """Add the routes, and the sentences for what cannot be done with people."""

    async def refused(request: Request, error: Exception) -> Response:
        reason = error.reason if isinstance(error, PeopleError) else "broken"
        words = strings.load(asked_language(request))
        body = {"error": {"code": reason, "message": words.code("people", reason) or words("error.unknown")}}
        return JSONResponse(body, _STATUS.get(reason, 422), headers=FRESH)

    app.add_exception_handler(PeopleError, refused)

    async def panel(request: Request, visitor: Visitor, secret: str = "") -> HTMLResponse:
        person = person_of(visitor)
        sessions, keys = await asyncio.to_thread(lambda: (accounts.sessions.of(person.id), accounts.keys.of(person.id)))
        words = strings.load(asked_language(request))
        html = account_html(person, sessions, keys, words, now=time.time(), here=visitor.session, secret=secret)
        return HTMLResponse(html, headers=FRESH)

    @app.get(ROUTE)
    async def show(request: Request, visitor: Visiting) -> HTMLResponse:
        return await panel(request, visitor)

    @app.delete(f"{ROUTE}/sessions/{{id}}")
    async def end(request: Request, id: str, visitor: Visiting) -> HTMLResponse:
        if not await asyncio.to_thread(accounts.sessions.revoke, person_of(visitor).id, id):
            raise PeopleError("unknown", "There is no such session.")
        return await panel(request, visitor)

    @app.post(f"{ROUTE}/keys")
    async def create(request: Request, wanted: NewKey, visitor: Visiting) -> HTMLResponse:
        person = person_of(visitor)
        secret = await asyncio.to_thread(accounts.create_key, person.id, wanted.name, wanted.scopes, wanted.days)
        return await panel(request, visitor, secret)

    @app.delete(f"{ROUTE}/keys/{{id}}")
    async def revoke(request: Request, id: str, visitor: Visiting) -> HTMLResponse:
        if not await asyncio.to_thread(accounts.keys.revoke, id, person_of(visitor).id):
            raise PeopleError("unknown", "There is no such key.")
        return await panel(request, visitor)


def person_of(visitor: Visitor) -> Person:
    """The gate lets nobody else come here."""
    assert visitor.person is not None
    return visitor.person
