"""`/api/threads`: the conversations and what was said in them, and what was said of answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from agent.feedback import Thumb
from tools.base import Consent
from ui.http.asker import Authorised
from ui.http.problems import FRESH, ErrorBody, Problem, Responses

if TYPE_CHECKING:
    from agent import Agent, Exchange, Feedback, Thread
    from ui.http.turns import Turns

_THREAD: dict[str, Any] = {"id": "9b1e", "title": "How many days of leave?", "updated": 1_790_000_000.0, "web": "off"}
_FEEDBACK: dict[str, Any] = {
    "thread": "9b1e",
    "turn": "51c0",
    "verdict": "down",
    "reasons": ["wrong_route"],
    "wanted": "library",
    "corrected": "20 days a year.",
    "comment": "",
    "time": 1_790_000_100.0,
}
_UNKNOWN: Responses = {404: {"model": ErrorBody, "description": "There is no such conversation."}}


class ThreadRow(BaseModel):
    """A conversation. `updated`: seconds since 1970 of its last turn; `web`: what was said of the web for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_THREAD]})
    id: str
    title: str
    updated: float
    web: Consent | None


class Threads(BaseModel):
    """All conversations, the latest first."""

    threads: list[ThreadRow]


class FeedbackRow(BaseModel):
    """What was said of an answer; `turn` is the id of its exchange, `wanted` where the answer should have come from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FEEDBACK]})
    thread: str
    turn: str
    verdict: Thumb
    reasons: list[str]
    wanted: str | None
    corrected: str
    comment: str
    time: float


class FeedbackList(BaseModel):
    """What was said of answers, oldest first."""

    feedback: list[FeedbackRow]


class ExchangeRow(BaseModel):
    """A question and its answer, the object that `kotae ask --json` prints; None when the turn was stopped or failed.

    Feedback on it is given at `/api/threads/{thread}/turns/{id}/feedback`."""

    id: str
    question: str
    answer: dict[str, Any] | None
    feedback: FeedbackRow | None


class WholeThread(ThreadRow):
    """A conversation with all that was said in it, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_THREAD, "exchanges": []}]})
    exchanges: list[ExchangeRow]


class ThreadChange(BaseModel):
    """What is to change; `web`: null takes back what was said of the web."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"title": "Leave"}, {"web": "off"}]})
    title: Annotated[str, Field(max_length=1000)] | None = None
    web: Consent | None = None


def serve_threads(api: APIRouter, agent: Agent, turns: Turns) -> None:
    """Add the routes of conversations."""

    async def found(own: Agent, id: str) -> Thread:
        for thread in await own.threads():
            if thread.id == id:
                return thread
        raise Problem("thread")

    @api.get("/api/threads", tags=["threads"])
    async def threads(asker: Authorised) -> Threads:
        """All conversations, the latest first."""
        return Threads(threads=[_row(thread) for thread in await agent.acting_for(asker).threads()])

    @api.get("/api/threads/{thread}", tags=["threads"], responses=_UNKNOWN)
    async def thread_(thread: str, asker: Authorised) -> WholeThread:
        """A conversation and all that was said in it."""
        own = agent.acting_for(asker)
        row = _row(await found(own, thread))
        exchanges = [_exchange(one) for one in await own.history(thread)]
        return WholeThread(**row.model_dump(), exchanges=exchanges)

    @api.patch("/api/threads/{thread}", tags=["threads"], responses=_UNKNOWN)
    async def change(thread: str, to: ThreadChange, asker: Authorised) -> ThreadRow:
        """Rename a conversation, or say whether its questions may go to a web search."""
        own = agent.acting_for(asker)
        await found(own, thread)
        if to.title is not None:
            if not to.title.strip():
                raise Problem("request", field="title")
            await own.rename(thread, to.title)
        if "web" in to.model_fields_set:
            await own.set_web(thread, to.web)
        return _row(await found(own, thread))

    @api.delete("/api/threads/{thread}", tags=["threads"], status_code=204, responses=_UNKNOWN)
    async def delete(thread: str, asker: Authorised) -> Response:
        """Delete a conversation and all that was said in it. A turn that runs in it is stopped."""
        await turns.forget(asker, thread)
        await agent.acting_for(asker).delete(thread)
        return Response(status_code=204, headers=FRESH)

    @api.get("/api/feedback", tags=["feedback"])
    async def feedback(
        asker: Authorised,
        verdict: Thumb | None = None,
        since: Annotated[float | None, Query(description="Seconds since 1970.", allow_inf_nan=False)] = None,
    ) -> FeedbackList:
        """What was said of answers, oldest first."""
        found = await agent.acting_for(asker).feedback(verdict, since)
        return FeedbackList(feedback=[_feedback(one) for one in found])


def _row(thread: Thread) -> ThreadRow:
    return ThreadRow(**asdict(thread))


def _exchange(one: Exchange) -> ExchangeRow:
    answer = None if one.answer is None else one.answer.as_json()
    given = None if one.feedback is None else _feedback(one.feedback)
    return ExchangeRow(id=one.turn, question=one.question, answer=answer, feedback=given)


def _feedback(one: Feedback) -> FeedbackRow:
    return FeedbackRow.model_validate({key: getattr(one, key) for key in FeedbackRow.model_fields})
