"""What the chat's page says of answers. That a request comes from our own page is checked in `ui.shield`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import FeedbackError, RouteError
from agent.feedback import LONGEST
from ui import strings
from ui.http.asker import Authorised
from ui.languages import asked_language
from ui.render_feedback import feedback_path, form_html, thanks, thumbs_html

if TYPE_CHECKING:
    from agent import Agent, Answer, Feedback

ROUTE = "/api/threads/{thread}/turns/{turn}/feedback"
_FRESH = {"Cache-Control": "no-store"}

log = logging.getLogger(__name__)

Code = Annotated[str, Field(max_length=80)]


class Said(BaseModel):
    """What is said of an answer; what its codes may be, and how long its text, is for the agent to check."""

    model_config = ConfigDict(extra="forbid")

    verdict: Code
    reasons: Annotated[list[Code], Field(max_length=20)] = []
    route: Code | None = None
    corrected: str = ""


def serve_feedback(app: FastAPI, agent: Agent) -> None:
    """Add the routes of one answer's feedback, and the sentences for what goes wrong in them."""

    async def refused(request: Request, error: Exception) -> Response:
        words = strings.load(asked_language(request))
        reason = error.reason if isinstance(error, FeedbackError) else "route"
        if reason in ("not_kept", "route"):
            log.warning("feedback could not be taken: %s", error)
        said = words("unsaid.too_long", limit=f"{LONGEST:,}") if reason == "too_long" else words.code("unsaid", reason)
        status = {"unknown_turn": 404, "not_kept": 500, "route": 500}.get(reason, 422)
        return JSONResponse({"error": said or words("unsaid.unfit")}, status, headers=_FRESH)

    app.add_exception_handler(FeedbackError, refused)
    app.add_exception_handler(RouteError, refused)

    async def found(own: Agent, thread: str, turn: str) -> tuple[Answer, Feedback | None]:
        for exchange in await own.history(thread):
            if exchange.turn == turn and exchange.answer is not None:
                return exchange.answer, exchange.feedback
        raise FeedbackError("unknown_turn", "There is no such answer.")

    def shown(request: Request, thread: str, turn: str, given: Feedback | None) -> Response:
        words = strings.load(asked_language(request))
        said = thanks(given, words, web=agent.settings.web != "off")
        html = thumbs_html(feedback_path(thread, turn), given, words)
        return JSONResponse({"thumbs": html, "said": said}, headers=_FRESH)

    @app.get(ROUTE)
    async def form(request: Request, thread: str, turn: str, asker: Authorised) -> Response:
        answer, given = await found(agent.acting_for(asker), thread, turn)
        words = strings.load(asked_language(request))
        names = [name for place in await agent.places() if (name := place.partition(":")[2])]
        path = feedback_path(thread, turn)
        html = form_html(path, answer, given, words, longest=LONGEST, specialists=names)
        return HTMLResponse(html, headers=_FRESH)

    @app.put(ROUTE)
    async def say(request: Request, thread: str, turn: str, said: Said, asker: Authorised) -> Response:
        given = await agent.acting_for(asker).give_feedback(
            thread, turn, said.verdict, said.reasons, route=said.route, corrected=said.corrected
        )
        return shown(request, thread, turn, given)

    @app.delete(ROUTE)
    async def unsay(request: Request, thread: str, turn: str, asker: Authorised) -> Response:
        await agent.acting_for(asker).take_back_feedback(thread, turn)
        return shown(request, thread, turn, None)
