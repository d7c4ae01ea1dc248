"""DuckDuckGo's HTML page through `ddgs`. What is sent is the query, a region and a time limit, nothing else.

`ddgs.DDGS().text()` cannot be used as it is: it says "No results found." also for a rate limit (any status but 200) and
for its own timeout, and an answer that calls a refusal "nothing found" is a lie. So the parts of its DuckDuckGo engine
are called one by one, and the status, the headers and the page are looked at in between.
"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.web import retry_after
from tools.web.providers import Hit, SearchBusy, SearchRefused
from tools.web.query import WebQuery

_BYTES = 2 * 2**20
"""A result page has about 40,000."""
_NOTHING_FOUND = re.compile(r"""class=["'][^"']*\bno-results?\b""")
_CHALLENGE = re.compile(r"anomaly-modal|anomaly\.js|challenge-form", re.I)


class DuckDuckGo:
    """Needs no key. `address` asks another place than DuckDuckGo."""

    name = "duckduckgo"

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    def search(self, query: WebQuery, seconds: float) -> list[Hit]:
        """Hits; empty only when the page itself says that there are none.

        Raises `SearchRefused` for a challenge page or a refusal, `SearchBusy` where the service says when to ask again,
        `ConnectionError` for any other answer that is not a result page, and what `primp` raises for a failed request.
        """
        from ddgs.engines.duckduckgo import Duckduckgo

        deadline = time.monotonic() + seconds
        engine = Duckduckgo(timeout=seconds)
        payload = engine.build_payload(query.text, query.region, "moderate", query.timelimit)
        address = self._address or engine.search_url
        # Redirects are not followed: they would carry the query to somebody else.
        response = engine.http_client.client.request(
            engine.search_method, address, data=payload, follow_redirects=False
        )
        rest = retry_after.seconds(response.headers.get("retry-after", ""), response.headers.get("date", ""))
        if response.status_code in (202, 401, 403, 418):
            raise SearchRefused(f"status {response.status_code}", rest)
        if response.status_code != 200 and rest:
            raise SearchBusy(f"status {response.status_code}", rest)
        if response.status_code != 200:
            raise ConnectionError(f"status {response.status_code}")
        page = _page(response, deadline)
        found = engine.post_extract_results(engine.extract_results(page)) if page.strip() else []
        hits = [Hit(r.title, _unwrapped(r.href), r.body) for r in found if r.href]
        if hits or _NOTHING_FOUND.search(page):
            return hits
        if _CHALLENGE.search(page):
            raise SearchRefused("a challenge instead of results")
        raise ConnectionError("an answer that is not a result page")


def _page(response: Any, deadline: float) -> str:
    """The text of the answer, as far as it is allowed to grow."""
    body = bytearray()
    for part in response.iter_bytes():
        body += part
        if len(body) > _BYTES:
            raise ConnectionError("an answer without an end")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer came too slowly")
    return body.decode("utf-8", "replace")


def _unwrapped(href: str) -> str:
    """The address out of DuckDuckGo's redirect, where it stands in one."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return ""
    if parts.hostname in ("duckduckgo.com", "www.duckduckgo.com") and parts.path == "/l/":
        return parse_qs(parts.query).get("uddg", [""])[0]
    return href
