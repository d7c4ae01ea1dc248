"""The library as the graph sees it."""

from __future__ import annotations

import asyncio

from tools.base import Passage
from tools.library.library import Library
from tools.library.records import EVERYTHING, Scope


class LibraryTool:
    """The library as a tool of the graph; `scope` is what whoever asks may read."""

    name = "library"

    def __init__(self, library: Library, scope: Scope = EVERYTHING) -> None:
        self._library = library
        self._scope = scope

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """See `Tool`."""
        return await asyncio.to_thread(self._library.search, query, k=k, scope=self._scope)
