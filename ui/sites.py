"""What the owner does with sites: list, make, change and remove them, and see how the widget will look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent import Exchange
from agent.state import Answer, Sentence, Source, Usage
from tools.base import Passage
from tools.library import DEFAULT
from ui import strings
from ui.languages import asked_language
from ui.render_sites import form_html, frame_html, list_html, snippet
from ui.widget.screens import exchange
from ui.widget.session import session
from ui.widget.site import Look, OriginError, Site
from ui.widget.sites import LOGO_BYTES, LogoError, Sites, SiteUnknown

if TYPE_CHECKING:
    from agent import Agent
    from ui.strings import Strings

ROUTE = "/api/sites"
NEW = "new"
"""In place of the id of a site that is only being made."""
_FRESH = {"Cache-Control": "no-store"}


class Wanted(BaseModel):
    """What a site is to be; what stands in its fields is checked by `Site`."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=1000)]
    origins: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=200)] = []
    collections: list[str] = []
    web: str = "off"
    specialists: bool = False
    daily: float = 500
    daily_each: float = 40
    on: bool = True
    look: dict[str, Any] = {}


class Refused(Exception):
    """What was wanted cannot be. `code` has a sentence `site_error.<code>`; `field` is the one it stands beside."""

    def __init__(self, code: str, field: str = "", *, status: int = 422, **values: object) -> None:
        super().__init__(code)
        self.code, self.field, self.status, self.values = code, field, status, values


def serve_sites(app: FastAPI, agent: Agent, sites: Sites) -> None:
    """Add the routes, and the sentences for what goes wrong in them. That a request comes from our own page is checked
    in `ui.shield`."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        words = _words(request)
        said = words(f"site_error.{error.code}", **error.values)
        return JSONResponse({"error": said, "field": error.field}, error.status, headers=_FRESH)

    app.add_exception_handler(Refused, refused)

    def base(request: Request) -> str:
        """Where visitors reach Kotae; without a setting for it, where the owner does."""
        return agent.settings.public_url or f"{request.url.scheme}://{request.headers['host']}"

    async def found(id: str) -> Site:
        site = await asyncio.to_thread(sites.find, id)
        if site is None:
            raise Refused("unknown", status=404)
        return site

    @app.get(f"{ROUTE}/frame")
    async def frame(request: Request) -> Response:
        return _html(frame_html(_words(request)))

    @app.get(f"{ROUTE}/list")
    async def listed(request: Request) -> Response:
        def render() -> str:
            every = sites.all()
            return list_html(every, {site.id: sites.asked(site.id) for site in every}, _words(request))

        return _html(await asyncio.to_thread(render))

    @app.get(f"{ROUTE}/{{id}}/form")
    async def form(request: Request, id: str) -> Response:
        site = None if id == NEW else await found(id)
        names = [one.name for one in await asyncio.to_thread(agent.library.collections)] or [DEFAULT]
        code = snippet(base(request), site.id) if site else ""
        return _html(form_html(site, names, _words(request), code=code, base=base(request), limit=LOGO_BYTES))

    @app.post(f"{ROUTE}/{NEW}")
    async def make(wanted: Wanted) -> dict[str, str]:
        site = checked(wanted, Sites.new_id())
        await asyncio.to_thread(sites.put, site)
        return {"id": site.id}

    @app.put(f"{ROUTE}/{{id}}")
    async def change(id: str, wanted: Wanted) -> dict[str, str]:
        site = checked(wanted, id, logo=(await found(id)).logo)
        await asyncio.to_thread(sites.put, site)
        return {"id": site.id}

    @app.delete(f"{ROUTE}/{{id}}")
    async def remove(id: str) -> dict[str, int]:
        """Remove a site with all that its visitors said."""
        site = await found(id)
        await asyncio.to_thread(sites.remove, id)
        return {"conversations": await agent.forget_askers(site.askers)}

    @app.put(f"{ROUTE}/{{id}}/logo")
    async def logo(request: Request, id: str) -> dict[str, str]:
        """The picture is the body as it is; an empty one takes the logo away."""
        try:
            site = await asyncio.to_thread(sites.set_logo, id, await request.body())
        except LogoError as error:
            raise Refused(error.code, "logo", kb=LOGO_BYTES // 1000) from error
        except SiteUnknown as error:
            raise Refused("unknown", status=404) from error
        return {"logo": site.logo}

    @app.post(f"{ROUTE}/{{id}}/preview")
    async def preview(request: Request, id: str, look: dict[str, Any]) -> dict[str, Any]:
        """What the widget would show with this look: its session, and an example."""
        language = next((one for one in strings.LANGUAGES if one == look.get("language")), asked_language(request))
        words = strings.load(language).for_visitors()
        kept = await asyncio.to_thread(sites.find, id)
        site = Site(id=kept.id if kept else "0" * 12, name="-", look=_look(look), logo=kept.logo if kept else "")
        return {"session": session(site, words, longest=1000), "exchanges": [_example(words)]}


def checked(wanted: Wanted, id: str, *, logo: str = "") -> Site:
    """The site that is wanted. Raises `Refused` with the first field that does not fit."""
    try:
        return Site.model_validate({**wanted.model_dump(), "id": id, "logo": logo})
    except ValidationError as error:
        raise _refusal(error) from error


def _look(look: dict[str, Any]) -> Look:
    try:
        return Look.model_validate(look)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> Refused:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, OriginError):
        return Refused(cause.code, "origins", given=cause.given[:100])
    if field == "name":
        return Refused("name", "name")
    if first["type"] in ("string_too_long", "too_long"):
        most = first["ctx"].get("max_length", 0)
        return Refused("too_many" if first["type"] == "too_long" else "too_long", field, most=most)
    return Refused("unfit", field)


def _example(words: Strings) -> dict[str, Any]:
    """An exchange to look at."""
    said = words("site.example_answer")
    passage = Passage("example", said, words("site.example_title"), "example.md", "library", document="example")
    answer = Answer(
        text=f"{said} [1]",
        sentences=(Sentence(said, (1,), True),),
        sources=(Source(1, passage, said),),
        route="library",
        refused=False,
        standalone="",
        language=words.language,
        seconds=1.0,
        steps=(),
        usage=Usage(),
    )
    one = Exchange(words("site.example_question"), answer, "example")
    return exchange(one, words, thread="example", index=0, last=True)


def _words(request: Request) -> Strings:
    return strings.load(asked_language(request))


def _html(html: str) -> Response:
    return HTMLResponse(html, headers=_FRESH)
