"""What the page does with what Kotae keeps about its user: show, switch, delete. Each answer is the new list."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import MemoryFileError
from ui import strings
from ui.http.asker import Authorised
from ui.languages import asked_language
from ui.render_memory import memory_html

if TYPE_CHECKING:
    from agent import Agent

ROUTE = "/api/memory"


class Switch(BaseModel):
    """Whether facts are kept and used."""

    model_config = ConfigDict(extra="forbid")
    on: bool


class Forget(BaseModel):
    """Facts by their ids, or all of them."""

    model_config = ConfigDict(extra="forbid")
    ids: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)] = []
    all: bool = False


def serve_memory(app: FastAPI, agent: Agent) -> None:
    """Add the routes. That a request comes from our own page is checked in `ui.shield`."""

    async def listed(request: Request, own: Agent) -> HTMLResponse:
        try:
            on, facts = await asyncio.to_thread(lambda: (own.about.on, own.about.facts()))
        except MemoryFileError as error:
            raise HTTPException(500, "The file cannot be read.") from error
        titles = {thread.id: thread.title for thread in await own.threads()}
        html = memory_html(on, facts, titles, strings.load(asked_language(request)), now=time.time())
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    @app.get(ROUTE)
    async def show(request: Request, asker: Authorised) -> HTMLResponse:
        return await listed(request, agent.acting_for(asker))

    @app.post(ROUTE)
    async def switch(wanted: Switch, request: Request, asker: Authorised) -> HTMLResponse:
        own = agent.acting_for(asker)
        try:
            await asyncio.to_thread(own.about.switch, wanted.on)
        except MemoryFileError as error:
            raise HTTPException(500, "The file cannot be written.") from error
        return await listed(request, own)

    @app.post(f"{ROUTE}/forget")
    async def forget(wanted: Forget, request: Request, asker: Authorised) -> HTMLResponse:
        own = agent.acting_for(asker)
        try:
            if wanted.all:
                await asyncio.to_thread(own.about.forget_all)
            else:
                await asyncio.to_thread(own.about.forget, wanted.ids)
        except MemoryFileError as error:
            raise HTTPException(500, "The file cannot be written.") from error
        return await listed(request, own)
