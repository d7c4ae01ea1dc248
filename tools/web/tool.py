"""The web as a tool: the snippets of a search as passages, which are believed less than the owner's documents."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tools.base import Gathered, Passage
from tools.web.providers import Hit
from tools.web.query import WebQuery
from tools.web.search import Found, WebSearch

TRUST = 0.5


class WebTool:
    """Finds passages on the web. `region` is asked for questions that are not in Japanese; `wt-wt` is the world."""

    name = "web"

    def __init__(self, search: WebSearch, region: str = "wt-wt") -> None:
        self._search = search
        self._region = region

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """The first `k` hits for `query`; an empty list when the search found none. Raises as `find` does."""
        if k < 1:
            return []
        found = await self.find(query)
        return Gathered(passages(found.hits, k), found.sent)

    async def find(self, query: str, *, language: str = "") -> Found:
        """The hits for `query`, and what left the machine for them. `language` (ISO 639-1) is that of the question
        where the script alone does not tell.

        Raises `ToolError("web_unavailable")` when no search service answered in time.
        """
        asked = WebQuery.of(query, self._region, language=language)
        return await self._search.find(asked) if asked.text else Found()


def passages(hits: Sequence[Hit], k: int) -> list[Passage]:
    """The first `k` hits, each a passage.

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
            trust=TRUST,
        )
        for rank, hit in enumerate(hits[: max(k, 0)], 1)
    ]
