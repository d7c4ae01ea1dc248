"""What the library has on a question, as the base model reads it in an examination."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from agent.library import open_library, readable
from agent.reading import numbered, weighed
from agent.settings import Settings
from agent.specialists.contenders import Find
from tools.base import ToolError
from tools.library.evidence import nearness

_PASSAGES, _READ = 3, 450
"""So many passages, and of their nearest sentences so many characters."""


@asynccontextmanager
async def finder(settings: Settings) -> AsyncIterator[Find | None]:
    """None where the library is empty or cannot be read: then the examples are all that there is to retrieve."""
    if not (settings.data_dir / "library").is_dir():
        yield None
        return
    try:
        library = await asyncio.to_thread(open_library, settings)
    except ToolError:
        yield None
        return
    scope = readable(settings)

    def look(question: str) -> str:
        try:
            passages, evidence = weighed(
                question, library.search(question, k=_PASSAGES, scope=scope), partial(nearness, library.embedder)
            )
        except ToolError:
            return ""
        return numbered(passages, evidence, _READ)

    async def find(question: str) -> str:
        return await asyncio.to_thread(look, question)

    try:
        yield find if library.documents(scope) else None
    finally:
        await asyncio.to_thread(library.close)
