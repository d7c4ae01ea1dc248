"""The library as the graph sees it."""

from __future__ import annotations

import asyncio

from tools.base import Passage
from tools.library.library import Library
from tools.library.records import EVERYTHING, Scope


class LibraryTool:
    """The library as a tool of the graph; `scope` is what whoever asks may read.

    `section_tokens` is how much of the section around a passage is read with it; 0 means the passage alone.
    """

    name = "library"

    def __init__(self, library: Library, scope: Scope = EVERYTHING, *, section_tokens: int = 0) -> None:
        self._library = library
        self._scope = scope
        self._section_tokens = section_tokens

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """See `Tool`."""
        return await asyncio.to_thread(self._gather, query, k)

    def _gather(self, query: str, k: int) -> list[Passage]:
        found = self._library.search(query, k=k, scope=self._scope)
        return self._library.sections(found, self._section_tokens, self._scope) if self._section_tokens else found
