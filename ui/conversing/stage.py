"""The small world of a script: a temporary library, its web, its specialists, and a model that says its lines."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent import Agent, Settings
from agent.models.scripted import ScriptedChatModel
from agent.specialists.promoted import FOLDER
from tools.base import Gathered, Passage, Sent, ToolError
from tools.specialist.registry import Registry
from ui.conversing.script import Document, Scene, ScriptError, Web
from ui.samples import sample_folders

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from tools.base import Tool

AgentFactory = Callable[[Settings, "Tool", "BaseChatModel | None"], AbstractAsyncContextManager[Agent]]
"""Opens an agent over these settings with this tool as its web and this model; None: the model of the settings."""


class ScriptedWeb:
    """The web of a script: finds what the turn says, or fails as the turn says."""

    name = "web"

    def __init__(self) -> None:
        self.web: Web = "off"
        self.queries: list[str] = []

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        self.queries.append(query)
        sent = [Sent("script", query, time.time())]
        if isinstance(self.web, str):
            raise ToolError(f"web_{self.web}", "the script says so", sent)
        found = [
            Passage(
                id=hashlib.sha256(f"{hit.url}\0{hit.text}".encode()).hexdigest()[:16],
                text=hit.text,
                title=hit.title,
                url=hit.url,
                kind="web",
                score=1.0 / rank,
                trust=0.5,
            )
            for rank, hit in enumerate(self.web[:k], 1)
        ]
        return Gathered(found, sent)


@dataclass(frozen=True)
class Stage:
    """What a script is played on. Everything is gone when it ends."""

    scene: Scene
    agent: Agent
    web: ScriptedWeb
    model: ScriptedChatModel | None
    """None: a real model answers."""


@asynccontextmanager
async def open_agent(settings: Settings, web: Tool, model: BaseChatModel | None) -> AsyncIterator[Agent]:
    """An agent with `web` in place of the real web search."""
    async with Agent.open(settings, model=model, web=web) as agent:
        yield agent


@asynccontextmanager
async def staged(scene: Scene, settings: Settings, factory: AgentFactory, *, live: bool) -> AsyncIterator[Stage]:
    """Set `scene` up in a temporary data folder. Raises `ScriptError` when a document cannot be indexed, `ModelError`
    when a real model is wanted and there is none."""
    model = None if live else ScriptedChatModel(lines=[])
    with tempfile.TemporaryDirectory(prefix="kotae-converse-") as folder:
        root = Path(folder)
        own = settings.model_copy(update={"data_dir": root / "data", "web": scene.consent})
        web = ScriptedWeb()
        await asyncio.to_thread(_promote, scene, own)
        async with factory(own, web, model) as agent:
            await asyncio.to_thread(_fill_library, agent, scene, root / "documents")
            if live:
                await agent.start_model()
            yield Stage(scene, agent, web, model)


def _promote(scene: Scene, settings: Settings) -> None:
    registry = Registry(settings.data_dir / FOLDER)
    for card in scene.specialists:
        registry.promote(card.name, registry.add(card, None, None).number, unproven=True)


def _fill_library(agent: Agent, scene: Scene, folder: Path) -> None:
    if not scene.library:
        return
    if scene.library == "sample":
        paths = sample_folders()
    else:
        paths = [folder]
        for document in scene.library:
            assert isinstance(document, Document)
            path = folder / document.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if document.file is not None:
                shutil.copyfile(document.file, path)
            else:
                path.write_text(document.text or "", "utf-8")
    for failure in agent.library.index(paths).failed:
        raise ScriptError(f"{scene.name}: {Path(failure.path).name} cannot be indexed: {failure.reason}")
