"""What the insights' page reads: figures and lists as HTML, and everything as a table to take away."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from agent.asker import OWNER, VISITORS
from agent.insights import Listing, since
from ui import strings
from ui.http.asker import Authorised
from ui.languages import asked_language
from ui.render_insights import ON_A_PAGE, figures_html, frame_html, list_html, visit_html
from ui.spreadsheet import harmless

if TYPE_CHECKING:
    from agent import Agent
    from agent.insights import Asked

ROUTE = "/api/insights"
PERIODS = (7, 30, 90, 0)
"""Days that can be chosen; 0 is all of them."""
_FIRST = 30
COLUMNS = (
    *("time", "question", "outcome", "route", "language", "seconds", "model_calls", "prompt_tokens"),
    *("completion_tokens", "verdict", "reasons", "wanted_route", "corrected_answer", "comment", "asker"),
    *("thread", "exchange", "turn"),
)
_FRESH = {"Cache-Control": "no-store"}

Days = Annotated[int, Query(ge=0, le=36_500)]
Text = Annotated[str, Query(max_length=200)]
Page = Annotated[int, Query(ge=0, le=1_000_000)]


def serve_insights(app: FastAPI, agent: Agent) -> None:
    """Add the routes; none of them changes anything."""

    @app.get(f"{ROUTE}/frame")
    async def frame(request: Request) -> Response:
        return HTMLResponse(frame_html(PERIODS, _FIRST, strings.load(asked_language(request))), headers=_FRESH)

    @app.get(f"{ROUTE}/figures")
    async def figures(request: Request, days: Days = _FIRST) -> Response:
        now = time.time()
        begun = since(days or None, now)
        found = await agent.insights.figures(begun)
        ever = found.asked > 0 or bool((await agent.insights.listed("all", most=1)).rows)
        words = strings.load(asked_language(request))
        return HTMLResponse(figures_html(found, words, since=begun, now=now, ever=ever), headers=_FRESH)

    @app.get(f"{ROUTE}/list")
    async def list_(
        request: Request,
        asker: Authorised,
        which: Listing = "refused",
        days: Days = _FIRST,
        text: Text = "",
        page: Page = 0,
    ) -> Response:
        now = time.time()
        begun, first = since(days or None, now), page * ON_A_PAGE
        found = await agent.insights.listed(which, begun, text, first=first, most=ON_A_PAGE)
        if not found.rows and found.total:  # the list has become shorter meanwhile
            first = (found.total - 1) // ON_A_PAGE * ON_A_PAGE
            found = await agent.insights.listed(which, begun, text, first=first, most=ON_A_PAGE)
        words = strings.load(asked_language(request))
        return HTMLResponse(
            list_html(which, found, words, own=asker.name, first=first, text=text, now=now), headers=_FRESH
        )

    @app.get(f"{ROUTE}/visits/{{thread}}/{{n}}")
    async def visit(request: Request, thread: str, n: int) -> Response:
        said = await agent.visited(thread)
        if not 0 <= n < len(said):
            raise HTTPException(404)
        return HTMLResponse(visit_html(said[n], strings.load(asked_language(request))), headers=_FRESH)

    @app.get(f"{ROUTE}/export.csv")
    async def export(which: Listing = "all", days: Days = 0, text: Text = "") -> Response:
        now = time.time()
        rows = agent.insights.all(which, since(days or None, now), text)
        name = f"kotae-insights-{datetime.fromtimestamp(now):%Y-%m-%d}.csv"
        headers = {**_FRESH, "Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_table(rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _table(rows: AsyncIterator[Asked]) -> AsyncIterator[str]:
    yield "\ufeff" + _line(COLUMNS)  # a spreadsheet knows UTF-8 by this mark
    async for one in rows:
        # who exactly is nobody's to know
        asker = "owner" if one.asker == OWNER.name else "visitor" if one.asker.startswith(VISITORS) else "person"
        yield _line(
            (
                *(datetime.fromtimestamp(one.at).astimezone().isoformat(timespec="seconds"), one.question),
                *(one.outcome, one.route, one.language, f"{one.seconds:.2f}", one.calls, one.prompt, one.completion),
                *(one.verdict, ", ".join(one.reasons), one.wanted, one.corrected, one.comment, asker),
                *(one.thread, one.n, one.turn),
            )
        )


def _line(cells: tuple[object, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([harmless(cell) for cell in cells])
    return out.getvalue()
