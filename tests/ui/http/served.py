"""A server over the real graph, the real library and the real conversations; only the model is scripted."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import PrivateAttr

from agent import Agent, Settings
from agent.models.scripted import ScriptedChatModel
from ui.api import create_app
from ui.http.turns import Turns

LEAVE = "How many days of paid leave does an employee have?"
TWENTY = "Every employee has 20 days of paid leave a year. [1]"


class PacedModel(ScriptedChatModel):
    """A scripted model that waits `pause` seconds before each piece, and knows how many of its streams run."""

    pause: float = 0.0
    _busy: int = PrivateAttr(default=0)

    @property
    def busy(self) -> int:
        return self._busy

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        self._busy += 1
        try:
            for chunk in self._stream(messages, stop):
                await asyncio.sleep(self.pause)
                yield chunk
        finally:
            self._busy -= 1


@dataclass(frozen=True)
class Served:
    """A running server and what is behind it."""

    url: str
    client: httpx.AsyncClient
    agent: Agent
    model: PacedModel
    turns: Turns


Start = Callable[..., Awaitable[Served]]


@asynccontextmanager
async def serving(settings: Settings, model: PacedModel) -> AsyncIterator[Served]:
    async with Agent.open(settings, model=model) as agent:
        await agent.start_model()
        app = create_app(agent, chat=False)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(256)
            config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
            server = uvicorn.Server(config)
            running = asyncio.create_task(server._serve([listener]))
            await until(lambda: server.started)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            limits = httpx.Limits(max_connections=None)
            async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False) as client:
                yield Served(url, client, agent, model, app.state.turns)
            server.should_exit = True
            await running


async def until(condition: Callable[[], bool], seconds: float = 10) -> float:
    """Wait until `condition` holds; how many seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not condition():
        assert loop.time() - began < seconds, "it did not come to pass"
        await asyncio.sleep(0.01)
    return loop.time() - began


@dataclass(frozen=True)
class Sse:
    """One server-sent event."""

    id: str
    type: str
    data: Any


def parsed(text: str) -> list[Sse]:
    """The events of a whole stream, comments left out."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append(Sse(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])))
    return found
