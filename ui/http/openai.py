"""`/v1`: Kotae as a model, for every client that speaks OpenAI's chat completions.

Such a client cannot take back a word, so only the verified answer is sent as the answer, sentence by sentence; what
goes on before that is told in the field `kotae`, which clients skip.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from agent.archive import KEPT
from agent.events import Status
from ui import strings
from ui.http.asker import Authorised
from ui.http.chat import known
from ui.http.citations import cited, pieces, without_list
from ui.http.completions import Completion, CompletionRequest, Metadata, ModelList, OpenAIError, as_openai
from ui.http.events import HEARTBEAT, EventStream, frame
from ui.http.problems import FRESH, Problem, Responses, told
from ui.http.turn import Asked, Ended, Failed, Queued
from ui.languages import asked_language

if TYPE_CHECKING:
    from agent import Agent, Answer
    from ui.http.turn import Turn, TurnEvent
    from ui.http.turns import Turns

_FAULTS: Responses = {
    400: {"model": OpenAIError, "description": "Something that Kotae does not do: tools, images, several answers."},
    404: {"model": OpenAIError, "description": "There is no such model, or no such conversation."},
    429: {"model": OpenAIError, "description": "Too many turns; `Retry-After` says when to ask again."},
}
_CHUNKS: Responses = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
_GONE = 499
"""The status of a response that nobody waits for any more."""


def serve_openai(api: APIRouter, agent: Agent, turns: Turns) -> None:
    """Add the routes of an OpenAI-compatible server."""

    @api.get("/v1/models", tags=["openai"])
    async def models(_: Authorised) -> ModelList:
        """The models: `kotae`, and `kotae-library`, which sends nothing to a web search."""
        return ModelList()

    @api.post(
        "/v1/chat/completions", tags=["openai"], response_model=Completion, responses={**_CHUNKS, **_FAULTS}
    )  # fmt: skip
    async def complete(request: Request, wanted: CompletionRequest, asker: Authorised) -> Response:
        """Answer the last message. The ones before it are the conversation."""
        wanted.check()
        told_of = wanted.metadata or Metadata()
        question, said = wanted.asked()
        goes_on = told_of.thread not in ("", "new")
        if goes_on:
            await known(agent.acting_for(asker), turns, told_of.thread)
        asked = Asked(
            agent.settings.checked(question),
            thread=told_of.thread if goes_on else "",
            web="off" if wanted.model == "kotae-library" else None,
            said=() if goes_on else _earlier(said),
            kept=bool(told_of.thread),
        )
        reply = _Reply(wanted, turns.start(asked, asker, grace=0), request, agent.settings.max_question_chars)
        if wanted.stream:
            return EventStream(reply.chunks())
        return await reply.whole()


def _earlier(said: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """As much of a conversation as a turn looks at."""
    return tuple((role, without_list(text) if role == "assistant" else text) for role, text in said[-2 * KEPT :])


class _Reply:
    """A turn as one client of OpenAI's API receives it."""

    def __init__(self, wanted: CompletionRequest, turn: Turn, request: Request, limit: int) -> None:
        self._wanted = wanted
        self._turn = turn
        self._request = request
        self._limit = limit
        self._created = int(time.time())
        self._listed = (wanted.metadata or Metadata()).sources == "list"

    async def whole(self) -> Response:
        """The completion in one piece. When its client goes, so does the turn."""
        reading = asyncio.create_task(self._last())
        gone = asyncio.create_task(_disconnected(self._request))
        try:
            await asyncio.wait({reading, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                return Response(status_code=_GONE)
        finally:
            for task in (reading, gone):
                task.cancel()
            await asyncio.gather(reading, gone, return_exceptions=True)
        last = reading.result()
        if isinstance(last, Failed):
            raise Problem(last.code)
        assert isinstance(last, Ended)
        text = cited(last.answer, str(self._request.base_url), listed=self._listed)
        message = {"role": "assistant", "content": text.text, "refusal": None, "annotations": text.annotations}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        body = self._head("chat.completion") | {
            "choices": [choice],
            "usage": _usage(last.answer),
            "kotae": self._about(last.answer),
        }
        return JSONResponse(body, headers=FRESH)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The completion as a stream of chunks."""
        yield self._chunk({"role": "assistant", "content": ""})
        async with aclosing(self._turn.read()) as parts:
            async for events in parts:
                if not events:
                    yield HEARTBEAT
                for _, event in events:
                    if isinstance(event, Ended):
                        for chunk in self._answered(event.answer):
                            yield chunk
                    elif isinstance(event, Failed):
                        words = strings.load(asked_language(self._request))
                        yield frame(as_openai(told(Problem(event.code), words, limit=self._limit)))
                    elif isinstance(event, Status | Queued) and event.seconds is None:
                        node = event.node if isinstance(event, Status) else "queue"
                        yield self._chunk({}, kotae={"status": node})

    def _answered(self, answer: Answer) -> list[bytes]:
        text = cited(answer, str(self._request.base_url), listed=self._listed)
        found = [self._chunk({"content": piece}) for piece in pieces(text.text)]
        found.append(self._chunk({"annotations": text.annotations}, finish="stop", kotae=self._about(answer)))
        if self._wanted.stream_options is not None and self._wanted.stream_options.include_usage:
            found.append(frame(self._head("chat.completion.chunk") | {"choices": [], "usage": _usage(answer)}))
        return [*found, frame("[DONE]")]

    async def _last(self) -> TurnEvent:
        last: TurnEvent | None = None
        async with aclosing(self._turn.read()) as parts:
            async for events in parts:
                last = events[-1][1] if events else last
        assert last is not None
        return last

    def _chunk(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return frame(self._head("chat.completion.chunk") | {"choices": [choice], **more})

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._turn.id}",
            "object": kind,
            "created": self._created,
            "model": self._wanted.model,
        }

    def _about(self, answer: Answer) -> dict[str, Any]:
        """What OpenAI's shape has no place for."""
        told = answer.as_json()
        keys = ("route", "refused", "language", "notices", "choices", "would_send", "sources")
        return {"thread": self._turn.thread if self._turn.asked.kept else None, **{key: told[key] for key in keys}}


def _usage(answer: Answer) -> dict[str, Any]:
    used = answer.usage
    prompt = used.prompt + used.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": used.completion,
        "total_tokens": prompt + used.completion,
        "prompt_tokens_details": {"cached_tokens": used.cached},
    }


async def _disconnected(request: Request) -> None:
    """Returns when the client has gone. The body must have been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
