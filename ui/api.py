"""The HTTP application: the page in two languages, the sources of answers, health.

Everything that reaches a browser goes through `ui.shield` (hosts, origins, headers).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from ui import strings
from ui.chat import Chat
from ui.feedback import serve_feedback
from ui.files import document_response
from ui.http import serve_api
from ui.http.asker import Authorised
from ui.http.problems import told
from ui.insights import serve_insights
from ui.languages import COOKIE, asked_language, preferred_language
from ui.library_changes import serve_changes
from ui.library_views import UPLOADS, LibraryDesk, serve_views
from ui.memory import serve_memory
from ui.people.door import Door
from ui.people.serving import open_accounts, person_head, serve_people
from ui.render import source_path
from ui.render_panel import panel_html
from ui.settings import SettingsDesk, serve_settings
from ui.shield import Shield
from ui.sites import serve_sites
from ui.specialist_changes import serve_specialist_changes
from ui.specialist_views import SpecialistDesk, serve_specialist_views
from ui.widget.routes import serve_widget
from ui.widget.sites import Sites

if TYPE_CHECKING:
    from agent import Agent, Source
    from agent.state import Language
    from tools.library import Watcher
    from ui.people.accounts import Accounts

log = logging.getLogger(__name__)

ASSETS = Path(__file__).resolve().parent / "assets"
_YEAR = 365 * 24 * 3600


def create_app(
    agent: Agent, *, chat: bool = True, watcher: Watcher | None = None, accounts: Accounts | None = None
) -> FastAPI:
    """The application around an open agent. `chat=False` leaves the Gradio page out, which takes seconds to import.

    The agent stays the caller's: it must be open as long as the application runs. So does `watcher`, whose state the
    library's page tells. `accounts` are used instead of those of the data folder, where people log in.
    """
    accounts = open_accounts(agent.settings, accounts)
    desk = LibraryDesk.of(agent.library, agent.settings.data_dir, watcher)
    specialists = SpecialistDesk.of(agent)
    sites = Sites(agent.settings.data_dir)
    owner = SettingsDesk.of(agent)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(desk.work.take_up)
        await asyncio.to_thread(specialists.orders.sweep)
        async with watch.running() if watch is not None else nullcontext():
            yield
        await turns.drain(0)
        await specialists.work.close()
        await owner.downloads.close()
        for one in chats.values():
            await one.close()
        await asyncio.to_thread(desk.work.close)

    app = FastAPI(title="Kotae", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.mount("/assets", StaticFiles(directory=ASSETS), name="assets")

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok", "model": agent.model_name, "model_ready": agent.model_ready})

    @app.get("/")
    @app.get("/chat")
    @app.get("/chat/")
    async def home(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/chat/{preferred_language(request)}/{query}", status_code=307)

    @app.get("/favicon.ico")
    async def icon() -> Response:
        return FileResponse(ASSETS / "kotae.svg", media_type="image/svg+xml")

    @app.get("/language/{language}")
    async def switch(language: str, request: Request) -> Response:
        if language not in strings.LANGUAGES:
            raise HTTPException(404)
        kept = {name: value for name in ("thread", "view") if (value := request.query_params.get(name))}
        query = f"?{urlencode(kept)}" if kept else ""
        response = RedirectResponse(f"/chat/{language}/{query}", status_code=303)
        response.set_cookie(COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax")
        return response

    serve_views(app, desk, agent)
    serve_changes(app, desk)
    serve_specialist_views(app, specialists)
    serve_specialist_changes(app, specialists)
    serve_feedback(app, agent)
    serve_memory(app, agent)
    serve_insights(app, agent)
    serve_settings(app, owner)
    turns = app.state.turns = serve_api(app, agent)
    chats = {language: Chat(agent, strings.load(language), turns) for language in strings.LANGUAGES}
    serve_widget(app, agent, turns, sites)
    serve_sites(app, agent, sites)
    watch = serve_people(app, accounts, agent, turns) if accounts is not None else None
    _serve_sources(app, agent)
    if chat:
        _mount_pages(app, agent, chats)
    app.add_middleware(Door, accounts=accounts, watch=watch)
    limits = {UPLOADS: desk.uploads.limit, **specialists.limits}
    app.add_middleware(Shield, settings=agent.settings, uploads=limits, sites=sites, head=person_head)
    return app


async def _unfit(request: Request, error: Exception) -> Response:
    """What does not fit is named; what was sent, which can be a password, is not sent back."""
    found = told(error, strings.load(asked_language(request)), limit=0)
    return JSONResponse({"error": found.message}, found.status, headers=found.headers)


def _mount_pages(app: FastAPI, agent: Agent, chats: dict[Language, Chat]) -> None:
    from ui import chat_page

    for language, chat in chats.items():
        other = next(o for o in strings.LANGUAGES if o != language)
        words = strings.load(language)
        page = chat_page.build(
            chat, words, other=f"/language/{other}", web=agent.settings.web, accounts=agent.settings.accounts == "on"
        )
        import gradio as gr

        gr.mount_gradio_app(
            app,
            page,
            path=f"/chat/{language}",
            footer_links=[],
            run_history=False,
            show_error=False,
            enable_monitoring=False,
            max_file_size="1kb",
            ssr_mode=False,
            theme=chat_page.theme(),
        )


def _serve_sources(app: FastAPI, agent: Agent) -> None:
    route = "/api/threads/{thread}/answers/{index}/sources/{n}"

    async def find(own: Agent, thread: str, index: int, n: int) -> Source:
        exchanges = await own.history(thread)
        if 0 <= index < len(exchanges) and (answer := exchanges[index].answer) is not None:
            for source in answer.sources:
                if source.n == n:
                    return source
        raise HTTPException(404)

    def document_file(own: Agent, source: Source) -> Path | None:
        """The file of a passage, if the library still lists it under that very document."""
        for document in agent.library.documents(own.scope):
            if document.id == source.passage.document:
                path = Path(document.path)
                return path if path.is_file() else None
        return None

    @app.get(route)
    async def source_panel(request: Request, thread: str, index: int, n: int, asker: Authorised) -> Response:
        own = agent.acting_for(asker)
        source = await find(own, thread, index, n)
        words = strings.load(asked_language(request))
        before = after = ""
        present = picture = False
        if source.passage.kind == "library":
            try:
                context = await asyncio.to_thread(agent.library.context, source.passage.id, own.scope)
                file = await asyncio.to_thread(document_file, own, source)
            except Exception:  # the passage itself came with the answer; a broken library does not hide it
                log.exception("The library cannot be read")
            else:
                present = file is not None
                # slides have pages too, but no picture of them
                paged = source.passage.page is not None and (context is None or context.type == "pdf")
                picture = file is not None and paged
                if context is not None:
                    before, after = context.before, context.after
        path = source_path(thread, index, n)
        html = panel_html(source, words, path=path, before=before, after=after, present=present, page_image=picture)
        return HTMLResponse(html, headers={"Cache-Control": "no-store"})

    @app.get(f"{route}/page.png")
    async def page_picture(thread: str, index: int, n: int, asker: Authorised) -> Response:
        own = agent.acting_for(asker)
        source = await find(own, thread, index, n)
        passage = source.passage
        if passage.kind != "library" or passage.page is None:
            raise HTTPException(404)
        picture = await asyncio.to_thread(
            agent.library.page_image,
            passage.document,
            passage.page,
            highlight=source.quote or None,
            scope=own.scope,
        )
        if picture is None:
            raise HTTPException(404)
        return Response(picture, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})

    @app.get(f"{route}/document")
    async def document(thread: str, index: int, n: int, asker: Authorised) -> Response:
        own = agent.acting_for(asker)
        source = await find(own, thread, index, n)
        path = await asyncio.to_thread(document_file, own, source) if source.passage.kind == "library" else None
        if path is None:
            raise HTTPException(404)
        return await asyncio.to_thread(document_response, path)

    @app.get("/api/{rest:path}")
    async def nothing(rest: str) -> Response:
        raise HTTPException(404)
