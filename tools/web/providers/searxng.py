"""SearXNG's JSON API. The instance is the owner's, so it may be on the private network."""

from __future__ import annotations

from urllib.parse import urlsplit

from tools.web.addresses import read
from tools.web.providers import Hit, SearchRefused
from tools.web.providers.json_api import JsonApi, day, text
from tools.web.query import WebQuery

# Its documentation leaves out "week", its code has taken it since 2021.
_TIME_RANGES = {"d": "day", "w": "week", "m": "month", "y": "year"}


class SearXNG:
    """An instance at `url`, whose settings must have `json` among the formats of `search`."""

    name = "searxng"

    def __init__(self, url: str) -> None:
        target = read(url)
        path = urlsplit(target.path).path.rstrip("/").removesuffix("/search")
        self._api = JsonApi(f"{target.scheme}://{target.authority}{path}/search", [target.authority])

    def search(self, query: WebQuery, seconds: float) -> list[Hit]:
        """Hits; empty only when the engines that it asks had none. Raises what `JsonApi.ask` raises."""
        asked = {"q": query.text, "format": "json", "safesearch": "1"}
        if query.language:
            asked["language"] = f"{query.language}-{query.country}" if query.country else query.language
        if query.timelimit:
            asked["time_range"] = _TIME_RANGES[query.timelimit]
        answer = self._api.ask(asked, seconds)
        rows = answer.get("results")
        if not isinstance(rows, list):
            raise ConnectionError("an answer without results")
        hits = [
            Hit(text(row.get("title")), text(row.get("url")), text(row.get("content")), day(row.get("publishedDate")))
            for row in rows
            if isinstance(row, dict)
        ]
        if not hits and answer.get("unresponsive_engines"):
            raise SearchRefused("none of its engines answered")
        return hits
