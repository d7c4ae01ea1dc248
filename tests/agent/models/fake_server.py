"""Stands for the embedded server where a test is about who waits for whom: it loads in no time, and says what it is
asked with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from agent.errors import ModelUnusable
from agent.models.adapters import Adapter
from agent.models.served import Served
from tools.gguf import read_head


class FakeServer:
    """What `Served` uses of `EmbeddedServer`. `refuses` are the names of files that it cannot load."""

    def __init__(self, path: Path, *, slots: int = 2, voices: int = 4, seconds: float = 0.0) -> None:
        self.path = path
        self.head = read_head(path)
        self.slots, self.voices = slots, voices
        self.seconds = seconds
        self.refuses: set[str] = set()
        self.loaded: tuple[Adapter, ...] = ()
        self.loads: list[list[str]] = []
        self.runs = 1
        self.running = True
        self.requests = 0
        """Under way."""
        self.cut_off = 0
        self.bodies: list[dict[str, Any]] = []
        self.prompts: list[list[tuple[str, str]]] = []
        self.hold: asyncio.Event | None = None
        """If set, replies end only when it is."""

    def take(self, adapters: Sequence[Path]) -> None:
        self.cut_off += self.requests
        self.running = False
        time.sleep(self.seconds)
        self.loads.append([path.stem for path in adapters])
        self.runs += 1
        refused = [path.name for path in adapters if path.name in self.refuses]
        if not refused:
            self.loaded = tuple(Adapter.of(path) for path in adapters)
        self.running = "base" not in self.refuses
        if refused or not self.running:
            raise ModelUnusable(f"llama.cpp cannot load {refused}; do something.")

    def stop(self) -> None:
        self.running = False

    @property
    def named(self) -> list[str]:
        return [adapter.path.stem for adapter in self.loaded]


class Talker(BaseChatModel):
    """Says which adapters count, in three pieces."""

    _server: Any = PrivateAttr()

    @property
    def _llm_type(self) -> str:
        return "talker"

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **given: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        server: FakeServer = self._server
        assert server.running, "asked while the model was away"
        body = given["extra_body"]
        server.bodies.append(body)
        server.prompts.append([(message.type, str(message.text)) for message in messages])
        run = server.runs
        server.requests += 1
        try:
            on = [server.named[row["id"]] for row in body.get("lora", []) if row["scale"]] or ["base"]
            for piece in ("I am ", "+".join(on), "."):
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
                if server.hold is not None:
                    await server.hold.wait()
                await asyncio.sleep(0)
                assert server.runs == run, "the model went away during a request"
        finally:
            server.requests -= 1

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **given: Any) -> ChatResult:
        raise NotImplementedError


def talk(server: Any) -> tuple[BaseChatModel, Callable[[], None]]:
    model = Talker()
    model._server = server
    return model, lambda: None


def served(server: FakeServer, folder: Path) -> Served:
    return Served(server, "fake", folder, talk)  # type: ignore[arg-type]
