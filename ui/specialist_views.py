"""What the specialists' page reads: fragments of HTML from the renderers, and how far the work is."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from agent.specialists.shipped import cards
from tools.specialist import keeping
from tools.specialist.errors import SpecialistError
from ui import strings
from ui.languages import asked_language
from ui.render_library import size
from ui.render_report import report_html
from ui.render_specialist_form import form_html
from ui.render_specialists import frame_html, list_html
from ui.render_training import work_html
from ui.specialist_orders import MOST_ARCHIVE, Orders
from ui.specialist_reasons import told
from ui.specialist_work import Busy, SpecialistWork
from ui.uploads import UploadError

if TYPE_CHECKING:
    from agent import Agent
    from agent.specialists.study import Specialists
    from tools.library import Library
    from ui.strings import Strings

log = logging.getLogger(__name__)

ROUTE = "/api/specialists"
UPLOADS, ARCHIVES = f"{ROUTE}/uploads", f"{ROUTE}/archives"
"""Where a file of examples, and an export, is sent."""
_FRESH = {"Cache-Control": "no-store"}

Number = Annotated[int | None, Query(ge=1)]


@dataclass(frozen=True)
class SpecialistDesk:
    """All that the page works with."""

    agent: Agent
    study: Specialists
    library: Library
    orders: Orders
    work: SpecialistWork

    @classmethod
    def of(cls, agent: Agent) -> SpecialistDesk:
        """Uploaded files and orders are kept in `specialist-orders` of the data folder."""
        orders = Orders(agent.settings.data_dir.absolute() / "specialist-orders")
        return cls(agent, agent.study, agent.library, orders, SpecialistWork())

    @property
    def limits(self) -> dict[str, int]:
        """The paths that take files, with the most bytes of one."""
        return {UPLOADS: self.orders.files.limit, ARCHIVES: MOST_ARCHIVE}


class Unfit(Exception):
    """Something that was asked for cannot be done. `reason` is a code of the family `unable`."""

    def __init__(self, reason: str, status: int = 409) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def words_of(request: Request) -> Strings:
    """The words of the language that the page is in."""
    return strings.load(asked_language(request))


def refusal(error: Exception, words: Strings) -> Response:
    """What the page is told of an error."""
    status, said = 409, words("unable.inside")
    if isinstance(error, Busy):
        said = words("unable.busy_training", name=error.name)
    elif isinstance(error, SpecialistError):
        status = 404 if error.reason == "unknown" else 409
        said = told(error.reason, str(error), words)
        log.info("a specialist: %s", error)
    elif isinstance(error, Unfit):
        status, said = error.status, words.code("unable", error.reason) or said
    return JSONResponse({"error": said}, status, headers=_FRESH)


def upload_refusal(error: UploadError, limit: int, words: Strings) -> Response:
    """What the page is told of a file that is not taken."""
    status = {"too_large": 413, "too_many": 429, "file_gone": 410}.get(error.reason, 400)
    if error.reason == "too_large":
        said = words("cannot.too_large", size=size(limit))
    else:
        said = words.code("unable", error.reason) or words.code("cannot", error.reason) or words("unable.inside")
    return JSONResponse({"error": said}, status, headers=_FRESH)


def serve_specialist_views(app: FastAPI, desk: SpecialistDesk) -> None:
    """Add the routes that change nothing, and the sentences for what goes wrong in any of the page's routes."""

    async def refused(request: Request, error: Exception) -> Response:
        return refusal(error, words_of(request))

    for kind in (Busy, SpecialistError, Unfit):
        app.add_exception_handler(kind, refused)

    @app.get(f"{ROUTE}/frame")
    async def frame(request: Request) -> Response:
        words = words_of(request)

        def render() -> str:
            bases = desk.study.bases()
            collections = [one.name for one in desk.library.collections() if one.documents]
            form = form_html(bases, collections, words, limit=desk.orders.files.limit)
            return frame_html(form, words)

        return _html(await asyncio.to_thread(render))

    @app.get(f"{ROUTE}/work")
    async def work(request: Request, after: int = -1) -> Response:
        revision, now = desk.work.revision, desk.work.now()
        stamp = await asyncio.to_thread(desk.study.registry.stamp)
        found: dict[str, Any] = {
            "revision": revision,
            "content": f"{desk.work.content} {stamp}",
            "busy": now is not None and now.open,
        }
        if revision != after:
            found["html"] = work_html(now, words_of(request)) if now is not None else ""
        return JSONResponse(found, headers=_FRESH)

    @app.get(f"{ROUTE}/list")
    async def list_(request: Request) -> Response:
        def render() -> str:
            return list_html(
                desk.study.all(), {one.name for one in desk.study.stale()}, desk.orders.kept(), desk.work.now(),
                words_of(request), shipped=cards(),
            )  # fmt: skip

        return _html(await asyncio.to_thread(render))

    @app.get(f"{ROUTE}/named/{{name}}")
    async def show(request: Request, name: str, version: Number = None) -> Response:
        def render() -> str:
            one, shown = desk.study.registry.get(name), desk.study.get(name, version)
            stale = name in {found.name for found in desk.study.stale()}
            return report_html(one, shown, desk.study.cases(shown), words_of(request), stale=stale)

        return _html(await asyncio.to_thread(render))

    @app.get(f"{ROUTE}/named/{{name}}/export")
    async def export(name: str, version: Number = None, data: bool = False) -> Response:
        def write() -> tuple[Path, str]:
            folder = desk.orders.archives.folder
            folder.mkdir(parents=True, exist_ok=True)
            place = keeping.beside(folder, "export")
            place.mkdir()
            try:
                written = desk.study.registry.export(name, version, place / "export.zip", data=data)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            return place, f"{written.card.name}-{written.number}.zip"

        place, called = await asyncio.to_thread(write)
        done = BackgroundTask(shutil.rmtree, place, ignore_errors=True)
        return FileResponse(
            place / "export.zip", media_type="application/zip", filename=called, headers=_FRESH, background=done
        )


def _html(html: str) -> Response:
    return HTMLResponse(html, headers=_FRESH)
