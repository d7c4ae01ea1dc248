"""A server that speaks the streaming API exactly as it is fixed, for tests of those who read it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from agent.errors import KotaeError, QuestionError
from agent.events import Done, Token
from ui.conversing.targets.http import PATH

if TYPE_CHECKING:
    from starlette.requests import Request

    from agent import Agent


def app(agent: Agent) -> Starlette:
    """`POST /api/chat` over an open agent."""

    async def chat(request: Request) -> Response:
        body = await request.json()
        if unknown := sorted(body.keys() - {"question", "thread", "web"}):
            return JSONResponse({"code": "unfit", "message": f"unknown: {unknown}"}, 422)
        return StreamingResponse(_stream(agent, **body), media_type="text/event-stream")

    return Starlette(routes=[Route(PATH, chat, methods=["POST"])])


async def _stream(agent: Any, question: str, thread: str = "", web: Any = None) -> AsyncIterator[str]:
    thread = thread or agent.new_thread()
    turn, n = "turn-1", 0

    def event(name: str, data: dict[str, Any]) -> str:
        nonlocal n
        n += 1
        return f"id: {turn}/{n}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

    yield event("turn", {"turn": turn, "thread": thread})
    yield ": still there\n\n"
    try:
        async for one in agent.stream(question, thread, web=web):
            if isinstance(one, Done):
                yield event("done", {"turn": turn, "thread": thread, "answer": one.answer.as_json()})
            else:
                data = {"text": one.text} if isinstance(one, Token) else asdict(one)
                yield event(type(one).__name__.lower(), data)
    except QuestionError as refused:
        yield event("error", {"code": refused.reason, "message": str(refused)})
    except KotaeError as failed:
        yield event("error", {"code": "model_unavailable", "message": str(failed)})
