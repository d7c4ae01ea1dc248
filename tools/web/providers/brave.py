"""Brave Search's API, which needs a key."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tools.web.providers import Hit
from tools.web.providers.json_api import JsonApi, day, text
from tools.web.query import WebQuery

ADDRESS = "https://api.search.brave.com/res/v1/web/search"

# A country or language that it does not know is refused with status 422.
_COUNTRIES = frozenset(
    "AR AU AT BE BR CA CL CN DK FI FR DE HK IN ID IT JP KR MY MX NL NZ NO PH PL PT RU SA ZA ES SE CH TW TR GB "
    "US".split()
)
_LANGUAGES = {code: code for code in "bg ca cs da nl en et fi fr de el hu it ko lv lt pl ro ru sk sl es sv tr".split()}
_LANGUAGES |= {"ja": "jp", "no": "nb"}


class Brave:
    """The account that `key` belongs to. `address` asks another place than Brave, `allow` is as in `Egress`."""

    name = "brave"

    def __init__(self, key: str, address: str = ADDRESS, allow: Sequence[str] = ()) -> None:
        self._api = JsonApi(address, allow, {"X-Subscription-Token": key})

    def search(self, query: WebQuery, seconds: float) -> list[Hit]:
        """Hits; empty only when it had none. Raises what `JsonApi.ask` raises."""
        asked = {
            "q": query.text,
            "country": query.country if query.country in _COUNTRIES else "ALL",
            "safesearch": "moderate",
            "result_filter": "web",
            "text_decorations": "false",
        }
        if query.language in _LANGUAGES:
            asked["search_lang"] = _LANGUAGES[query.language]
        if query.timelimit:
            asked["freshness"] = f"p{query.timelimit}"
        answer = self._api.ask(asked, seconds)
        if answer.get("type") != "search":
            raise ConnectionError("an answer that is not one of a search")
        found = answer.get("web")  # left out where nothing was found
        rows = found.get("results") if isinstance(found, dict) else None
        return [
            Hit(
                html.unescape(text(row.get("title"))),
                text(row.get("url")),
                html.unescape(text(row.get("description"))),
                day(row.get("page_age")),
            )
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict)
        ]
