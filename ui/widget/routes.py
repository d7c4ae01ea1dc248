"""What the widget asks of Kotae: `/widget.js`, and for each site what a visitor may do.

That the request comes from a page of the site, `ui.shield` has seen to (`Site.admits`); that it speaks for the visitor
it names, `_Desk.visitor` does. Nothing else of Kotae's API is open to the widget.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from tools.base import Consent
from ui import strings
from ui.http.events import EventStream
from ui.http.problems import FRESH, Problem, answering, plainly
from ui.http.turn import Asked
from ui.languages import asked_language
from ui.widget import screens
from ui.widget.script import script
from ui.widget.session import session
from ui.widget.site import Site
from ui.widget.tokens import Grant, Pace, Tokens, is_visitor, new_visitor

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent import Agent, Source
    from ui.http.turn import Turn
    from ui.http.turns import Turns
    from ui.strings import Strings
    from ui.widget.sites import Sites

PREFIX = "/widget"
LONGEST = 1000
"""Characters of a visitor's question, where the installation allows as many."""
_GRACE = 8.0
"""Seconds that an answer is written on without a reader: long enough to go to the next page of a site."""
_CACHED = {"Cache-Control": "public, max-age=300"}

Id = Annotated[str, Field(max_length=100)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Opening(_Body):
    """Who opens the widget: the secret that their browser keeps, "" for somebody new."""

    visitor: Annotated[str, Field(max_length=100)] = ""


class Question(_Body):
    """A question. `web`: what the page says of the web for it, if it is less than the site allows."""

    question: Annotated[str, Field(max_length=20_000)]
    thread: Id = ""
    web: Consent | None = None
    retry: bool = False
    """It was asked before and has no answer."""


class OfTurn(_Body):
    """A turn that was begun."""

    turn: Id


class OfThread(_Body):
    """A conversation; with "" all of them."""

    thread: Id = ""


class OfSource(_Body):
    """A source of an answer."""

    thread: Id
    index: Annotated[int, Field(ge=0, le=100_000)]
    n: Annotated[int, Field(ge=1, le=1000)]


class Thumb(_Body):
    """What a visitor thinks of an answer; "" takes it back."""

    thread: Id
    turn: Id
    verdict: Literal["up", "down", ""]


@dataclass
class _Desk:
    agent: Agent
    turns: Turns
    sites: Sites
    tokens: Tokens = field(default_factory=Tokens)
    openings: Pace = field(default_factory=lambda: Pace(60, 60))
    questions: Pace = field(default_factory=lambda: Pace(20, 60))

    @property
    def longest(self) -> int:
        return min(LONGEST, self.agent.settings.max_question_chars)

    async def site(self, id: str) -> Site:
        found = await asyncio.to_thread(self.sites.find, id)
        if found is None:
            raise Problem("not_found")
        return found

    async def visitor(self, request: Request, id: str) -> tuple[Site, Grant, Agent]:
        """Whose token came with a request, and the agent as they meet it. Raises `Problem` without a good one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.tokens.find(token, id, request.headers.get("origin", "")) if scheme == "Bearer" else None
        if grant is None:
            raise Problem("token")
        site = await self.site(id)
        return site, grant, self.agent.acting_for(site.asker(grant.visitor))


def serve_widget(app: FastAPI, agent: Agent, turns: Turns, sites: Sites) -> None:
    """Add the routes."""
    desk = _Desk(agent, turns, sites)
    router = APIRouter(route_class=answering(plainly, desk.longest, visitors=True), include_in_schema=False)

    @router.get("/widget.js")
    async def code(request: Request) -> Response:
        text, tag = script()
        headers = {**_CACHED, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)

    @router.get(f"{PREFIX}/{{site}}/logo")
    async def logo(site: str) -> Response:
        kind, picture = (await desk.site(site)).logo, await asyncio.to_thread(sites.logo, site)
        if not kind or picture is None:
            raise Problem("not_found")
        return Response(picture, media_type=kind, headers=_CACHED)

    @router.post(f"{PREFIX}/{{site}}/session")
    async def open_(request: Request, site: str, opening: Opening) -> Response:
        if after := desk.openings.wait(_address(request)):
            raise Problem("hurried", after=after)
        secret = opening.visitor if is_visitor(opening.visitor) else new_visitor()
        token = desk.tokens.issue(site, request.headers.get("origin", ""), secret)
        found = session(await desk.site(site), _words(request), longest=desk.longest)
        return JSONResponse({**found, "token": token, "visitor": secret}, headers=FRESH)

    _serve_turns(router, desk)
    _serve_conversations(router, desk)
    app.include_router(router)


def _serve_turns(router: APIRouter, desk: _Desk) -> None:
    def stream(turn: Turn, words: Strings) -> EventStream:
        return EventStream(screens.stream(turn, words, limit=desk.longest))

    @router.post(f"{PREFIX}/{{site}}/ask")
    async def ask(request: Request, site: str, asked: Question) -> Response:
        where, grant, agent = await desk.visitor(request, site)
        question = agent.settings.model_copy(update={"max_question_chars": desk.longest}).checked(asked.question)
        if desk.turns.open_of(agent.asker):
            raise Problem("still_asking")
        if after := desk.questions.wait(_address(request)):
            raise Problem("hurried", after=after)
        if asked.thread and not any(one.id == asked.thread for one in await agent.threads()):
            raise Problem("thread")
        if reached := await asyncio.to_thread(desk.sites.count, where, grant.visitor):
            raise Problem(reached)
        if asked.retry and asked.thread:
            await _take_back(agent, asked.thread, question)
        wanted = Asked(question, asked.thread, _at_most(asked.web, where.web))
        turn = desk.turns.start(wanted, agent.asker, grace=_GRACE)
        return stream(turn, _words(request))

    @router.post(f"{PREFIX}/{{site}}/follow")
    async def follow(request: Request, site: str, of: OfTurn) -> Response:
        """Go on reading a turn that runs, or ended in the last minutes."""
        return stream(await found(request, site, of), _words(request))

    @router.post(f"{PREFIX}/{{site}}/stop")
    async def stop(request: Request, site: str, of: OfTurn) -> Response:
        await desk.turns.stop(await found(request, site, of))
        return Response(status_code=204, headers=FRESH)

    async def found(request: Request, site: str, of: OfTurn) -> Turn:
        _, _, agent = await desk.visitor(request, site)
        turn = desk.turns.find(of.turn, agent.asker)
        if turn is None:
            raise Problem("not_found")
        return turn


def _serve_conversations(router: APIRouter, desk: _Desk) -> None:
    @router.post(f"{PREFIX}/{{site}}/history")
    async def history(request: Request, site: str, of: OfThread) -> Response:
        _, _, agent = await desk.visitor(request, site)
        threads = [{"id": one.id, "title": one.title} for one in await agent.threads()]
        said = await screens.conversation(agent, _words(request), of.thread) if of.thread else []
        return JSONResponse({"threads": threads, "exchanges": said}, headers=FRESH)

    @router.post(f"{PREFIX}/{{site}}/source")
    async def source(request: Request, site: str, of: OfSource) -> Response:
        _, _, agent = await desk.visitor(request, site)
        found = await _source(agent, of)
        return JSONResponse({"source": await screens.source(agent, _words(request), found)}, headers=FRESH)

    @router.post(f"{PREFIX}/{{site}}/feedback")
    async def feedback(request: Request, site: str, thumb: Thumb) -> Response:
        _, _, agent = await desk.visitor(request, site)
        if thumb.verdict:
            await agent.give_feedback(thumb.thread, thumb.turn, thumb.verdict)
        else:
            await agent.take_back_feedback(thumb.thread, thumb.turn)
        return Response(status_code=204, headers=FRESH)

    @router.post(f"{PREFIX}/{{site}}/forget")
    async def forget(request: Request, site: str, of: OfThread) -> Response:
        """Delete a conversation of the visitor, or all that they have."""
        _, _, agent = await desk.visitor(request, site)
        known = [one.id for one in await agent.threads()]
        if of.thread and of.thread not in known:
            raise Problem("thread")
        for thread in [of.thread] if of.thread else known:
            await desk.turns.forget(agent.asker, thread)
            await agent.delete(thread)
        return Response(status_code=204, headers=FRESH)


async def _source(agent: Agent, of: OfSource) -> Source:
    said = await agent.history(of.thread)
    answer = said[of.index].answer if of.index < len(said) else None
    for one in answer.sources if answer is not None else ():
        if one.n == of.n:
            return one
    raise Problem("not_found")


async def _take_back(agent: Agent, thread: str, question: str) -> None:
    """Drop the last exchange if it is this question, so that it does not stand there twice."""
    said = await agent.history(thread)
    if said and said[-1].question == question:
        await agent.rewind(thread, len(said) - 1)


def _at_most(web: Consent | None, site: Consent) -> Consent | None:
    """What a page may say of the web: that it is less than the site allows."""
    order: dict[Consent, int] = {"off": 0, "ask": 1, "on": 2}
    return web if web is not None and order[web] <= order[site] else None


def _words(request: Request) -> Strings:
    return strings.load(asked_language(request)).for_visitors()


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
