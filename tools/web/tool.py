"""The web as a tool: search, read the pages, and give what they say as passages, believed less than the documents.

What leaves the machine is the query, and for each page its address. An address that stands in the query itself was
typed by the user: that page is read, and no service is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from tools.base import Gathered, Passage, Sent
from tools.library.embed import Embedder
from tools.web.fetch import Outcome, Page, PageReader, Unread
from tools.web.providers import Hit
from tools.web.query import WebQuery
from tools.web.ranking import SNIPPET, rank
from tools.web.search import Found, WebSearch

PAGES = 5
"""Hits whose pages are read."""
SECONDS = 6.0
"""Seconds that the pages of one search get, all together."""
HITS = 10
"""Hits that are looked at; a snippet costs a tenth of a second."""
_TYPED = re.compile(r"https?://[^\s<>\"'「」『』（）、。]+[^\s<>\"'「」『』（）、。.,;:!?)]", re.IGNORECASE)
_QUIZ = re.compile(r"\bquiz(?:zes)?\b|\btrivia\b|クイズ", re.IGNORECASE)


class WebTool:
    """Finds passages on the web. `region` is asked for questions that are not in Japanese; `wt-wt` is the world.

    Without a `reader` no page is read, and what the search shows of each has to do. `pages` at most are read of one
    search, within `seconds` all together.
    """

    name = "web"

    def __init__(
        self,
        search: WebSearch,
        region: str = "wt-wt",
        *,
        embedder: Embedder,
        reader: PageReader | None = None,
        pages: int = PAGES,
        seconds: float = SECONDS,
    ) -> None:
        self._search = search
        self._region = region
        self._embedder = embedder
        self._reader = reader if pages > 0 else None
        self._pages = pages
        self._seconds = seconds

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """The best `k` passages for `query`; none when the search found none. Raises as `find` does."""
        if k < 1:
            return []
        if self._reader is not None:
            await asyncio.to_thread(self._reader.warm)
            if typed := _TYPED.findall(query)[: self._pages]:
                read = [one for one in await self._read(typed) if isinstance(one, Page)]
                sent = [Sent(urlsplit(url).hostname or "", url, time.time()) for url in typed]
                words = " ".join(_TYPED.sub(" ", query).split())
                return Gathered(await self._ranked(words or query, read, (), k), sent)
        found = await self.find(query)
        hits = serious(found.hits, query)[:HITS]
        outcomes = await self._read([hit.url for hit in hits[: self._pages]])
        read = [one for one in outcomes if isinstance(one, Page)]
        # a service may show what it read before the page forbade that
        unshown = {one.url for one in outcomes if isinstance(one, Unread) and one.reason == "nosnippet"}
        shown = [hit for hit in hits if hit.url not in unshown]
        return Gathered(await self._ranked(query, read, passages(shown), k), found.sent)

    async def find(self, query: str, *, language: str = "") -> Found:
        """The hits for `query`, and what left the machine for them. `language` (ISO 639-1) is that of the question
        where the script alone does not tell.

        Raises `ToolError("web_unavailable")` when no search service answered in time.
        """
        asked = WebQuery.of(query, self._region, language=language)
        return await self._search.find(asked) if asked.text else Found()

    def forget(self) -> None:
        """Drop what is kept of earlier searches; see `WebSearch.forget`."""
        self._search.forget()

    def close(self) -> None:
        """End the processes that read pages."""
        if self._reader is not None:
            self._reader.close()

    async def _read(self, urls: Sequence[str]) -> list[Outcome]:
        if self._reader is None or not urls:
            return []
        return await self._reader.read(urls, self._seconds)

    async def _ranked(self, query: str, pages: Sequence[Page], snippets: Sequence[Passage], k: int) -> list[Passage]:
        return await asyncio.to_thread(rank, query, pages, snippets, self._embedder, k)


def serious(hits: Sequence[Hit], query: str) -> list[Hit]:
    """Without pages that ask their readers the same: a quiz names the wrong answers beside the right one. All of them
    where there are no others, or where a quiz is looked for."""
    if _QUIZ.search(query):
        return list(hits)
    kept = [hit for hit in hits if not _QUIZ.search(f"{hit.title} {unquote(urlsplit(hit.url).path)}")]
    return kept or list(hits)


def passages(hits: Sequence[Hit]) -> list[Passage]:
    """What a search shows of its hits, each a passage.

    `score` is the reciprocal rank. The id is a hash of address and text: the same finding has the same id.
    """
    return [
        Passage(
            id=hashlib.sha256(f"{hit.url}\0{hit.text}".encode()).hexdigest()[:16],
            text=hit.text,
            title=hit.title,
            url=hit.url,
            kind="web",
            end=len(hit.text),
            score=1 / rank,
            trust=SNIPPET,
            published=hit.published,
        )
        for rank, hit in enumerate(hits, 1)
    ]
