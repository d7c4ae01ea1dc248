"""`/api/chat`: a question becomes a turn that is read as a stream, gone on with, and stopped."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from agent.asker import Asker
from tools.base import Consent
from ui import strings
from ui.http.asker import Authorised
from ui.http.events import EventStream, frames
from ui.http.problems import FRESH, ErrorBody, Problem, Responses
from ui.http.turn import Asked
from ui.languages import asked_language

if TYPE_CHECKING:
    from agent import Agent
    from ui.http.turn import Turn
    from ui.http.turns import Turns

_EXAMPLE = """\
id: 4f2c/1
event: turn
data: {"turn":"4f2c","thread":"9b1e"}

id: 4f2c/2
event: token
data: {"text":"Every employee has 20 days"}
"""
_TOLD = "Events `turn`, `status`, `draft`, `token`, `checked`, `sources`, and `done` or `error` last."
_STREAM: Responses = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}
_NOT_TAKEN: Responses = {
    409: {"model": ErrorBody, "description": "The key was used for another question."},
    429: {"model": ErrorBody, "description": "Too many turns; `Retry-After` says when to ask again."},
    503: {"model": ErrorBody, "description": "The server is ending."},
}
_UNKNOWN: Responses = {404: {"model": ErrorBody, "description": "There is no such turn, or no such conversation."}}


class Question(BaseModel):
    """A question, the conversation it belongs to, and whether it may go to a web search (without: as was said for the
    conversation)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"question": "How many days of paid leave does an employee have?"},
                {"question": "And how long can they be carried over?", "thread": "9b1e", "web": "off"},
            ]
        },
    )
    question: str
    thread: Annotated[str, Field(max_length=100)] | None = None
    web: Consent | None = None


Key = Annotated[
    str, Header(alias="Idempotency-Key", max_length=200, description="The same key asks a question only once.")
]
Last = Annotated[
    str, Header(alias="Last-Event-ID", max_length=200, description="The id of the last event that was read.")
]


def serve_chat(api: APIRouter, agent: Agent, turns: Turns) -> None:
    """Add the routes of turns."""
    limit = agent.settings.max_question_chars

    def stream(turn: Turn, after: int, request: Request) -> EventStream:
        words = strings.load(asked_language(request))

        async def told() -> AsyncGenerator[bytes, None]:
            async with aclosing(turn.read(after)) as parts:
                async for events in parts:
                    yield frames(events, turn, words, limit=limit)

        return EventStream(told())

    def found(id: str, asker: Asker) -> Turn:
        turn = turns.find(id, asker)
        if turn is None:
            raise Problem("not_found")
        return turn

    @api.post(
        "/api/chat",
        tags=["chat"],
        status_code=200,
        response_class=EventStream,
        response_description=_TOLD,
        responses={**_STREAM, **_UNKNOWN, **_NOT_TAKEN},
    )
    async def ask(request: Request, asked: Question, asker: Authorised, key: Key = "") -> Response:
        """Ask a question. The turn is stopped when nobody has read it for a second and a half."""
        question = agent.settings.checked(asked.question)
        if asked.thread:
            await known(agent.acting_for(asker), turns, asked.thread)
        wanted = Asked(question, asked.thread or "", asked.web)
        await turns.recall(wanted, asker, key)
        turn = turns.start(wanted, asker, key)
        return stream(turn, 0, request)

    @api.get(
        "/api/chat/{turn}",
        tags=["chat"],
        status_code=200,
        response_class=EventStream,
        response_description=_TOLD,
        responses={**_STREAM, **_UNKNOWN},
    )
    async def go_on(request: Request, turn: str, asker: Authorised, last: Last = "") -> Response:
        """Go on reading a turn that runs, or ended in the last minutes, behind the event `Last-Event-ID`."""
        one = found(turn, asker)
        return stream(one, _number(last, one), request)

    @api.delete("/api/chat/{turn}", tags=["chat"], status_code=204, responses=_UNKNOWN)
    async def stop(turn: str, asker: Authorised) -> Response:
        """Stop a turn. One that is over stays as it is."""
        await turns.stop(found(turn, asker))
        return Response(status_code=204, headers=FRESH)


async def known(agent: Agent, turns: Turns, thread: str) -> None:
    """Raises `Problem` for a conversation that is not there, and has no turn that is about to begin it. `agent` is that
    of whoever asks."""
    if not turns.knows(thread, agent.asker) and not any(one.id == thread for one in await agent.threads()):
        raise Problem("thread")


def _number(last: str, turn: Turn) -> int:
    """The number in an event's id."""
    if not last:
        return 0
    match = re.fullmatch(r"([0-9a-f]+)/(\d{1,9})", last)
    if match is None or match[1] != turn.id or int(match[2]) > len(turn.events):
        raise Problem("event_id")
    return int(match[2])
