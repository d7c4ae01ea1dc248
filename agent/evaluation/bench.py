"""One loaded model and embedder, put in front of any documents: what is measured is the graph that people use."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.agent import Agent
from agent.evaluation.tasks import Said
from agent.models.chat import ChatModel
from agent.settings import Settings
from agent.threads import Threads
from agent.wiring import build_context, chat_model
from tools.library import E5, Embedder, Library
from tools.library.records import OnProgress, Text

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from tools.base import Tool


@dataclass(frozen=True)
class Reply:
    """What came of a question, whoever answered it. `cites` are the ids of the documents that the answer names.

    `seconds` and `prompt` (tokens that the model evaluated, cached ones not counted) are those of this question alone.
    """

    text: str
    refused: bool
    cites: tuple[str, ...]
    sentences: int
    """Sentences shown as supported."""
    partly: int = 0
    """Sentences shown as partly supported."""
    route: str = ""
    standalone: str = ""
    steps: tuple[str, ...] = ()
    seconds: float = 0.0
    calls: int = 0
    prompt: int = 0


@dataclass
class Bench:
    """Use as `async with Bench.open(settings) as bench`. Nothing is written outside of a temporary folder.

    `reads` is the data folder of the settings: a `grounded` specialist that is promoted there reads the passages, as it
    does for people. No question is sent to any other.
    """

    settings: Settings
    model: ChatModel
    threads: Threads
    folder: Path
    embedder: Embedder = field(default_factory=E5)
    reads: Path | None = None
    configured: bool = False
    """Whether `model` is the one of the settings."""
    _libraries: int = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, model: BaseChatModel | None = None, embedder: Embedder | None = None
    ) -> AsyncIterator[Bench]:
        """With the web off, so that a run can be repeated; `model` and `embedder` instead of the configured ones."""
        with tempfile.TemporaryDirectory(prefix="kotae-eval-") as name:
            folder = Path(name)
            chat = chat_model(settings, model)
            try:
                async with Threads.open(folder / "threads.db") as threads:
                    given = settings.model_copy(update={"web": "off", "collections": (), "data_dir": folder})
                    yield cls(given, chat, threads, folder, embedder or E5(), settings.data_dir, model is None)
            finally:
                await chat.close()

    @asynccontextmanager
    async def over(
        self, texts: Iterable[Text], progress: OnProgress | None = None, *, web: Tool | None = None
    ) -> AsyncIterator[Agent]:
        """An agent whose library holds `texts` and nothing else. With `web` it may search the web, by that tool."""
        settings = self.settings if web is None else self.settings.model_copy(update={"web": "on"})
        self._libraries += 1
        library = Library.open(self.folder / f"library-{self._libraries}", self.embedder)
        try:
            await asyncio.to_thread(library.index_texts, texts, progress=progress)
            made = partial(build_context, settings, library, self.model, web, reads=self.reads, shipped=self.configured)
            context = await asyncio.to_thread(made)
            yield Agent(settings, library, context, self.threads)
        finally:
            library.close()


async def ask(agent: Agent, question: str, history: Sequence[Said] = ()) -> Reply:
    """Kotae's reply, in a conversation of its own in which `history` was said before."""
    thread = agent.new_thread()
    if history:
        await agent.begin(thread, [(said.role, said.text) for said in history])
    answer = await agent.ask(question, thread)
    await agent.delete(thread)
    return Reply(
        text=answer.text,
        refused=answer.refused or answer.route == "clarify",  # nobody is there to reply
        cites=() if answer.refused else tuple(dict.fromkeys(source.passage.url for source in answer.sources)),
        sentences=0 if answer.refused else sum(s.state == "supported" for s in answer.sentences),
        partly=0 if answer.refused else sum(s.state == "partly" for s in answer.sentences),
        route=answer.place,
        standalone=answer.standalone,
        steps=tuple(_step(step.node, step.facts) for step in answer.steps),
        seconds=answer.seconds,
        calls=answer.usage.calls,
        prompt=answer.usage.prompt,
    )


def _step(node: str, facts: dict[str, object]) -> str:
    told = " ".join(f"{key}={value}" for key, value in facts.items() if value not in (None, "", (), []))
    return f"{node}({told})" if told else node
