"""A search service on the loopback: it speaks as DuckDuckGo's page, as SearXNG and as Brave, out of one table."""

from __future__ import annotations

import html
import http.server
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tools.web.providers import Hit, Provider
from tools.web.providers.brave import Brave
from tools.web.providers.duckduckgo import DuckDuckGo
from tools.web.providers.searxng import SearXNG

KEY = "BSA-canary-of-a-key"
LAKE = Hit("A lake", "https://a.example/lake", "The lake is 40 m deep.", "2026-05-03")
SERVICES = ("duckduckgo", "searxng", "brave")


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    service: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def query(self) -> str:
        return self.parameters["q"]

    @property
    def limit(self) -> str:
        return next((self.parameters[n] for n in ("df", "time_range", "freshness") if n in self.parameters), "")


class SearchServer(http.server.ThreadingHTTPServer):
    """Answers from `table`, which holds the hits of a query; what is not in it finds `otherwise`."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, table: Mapping[str, Sequence[Hit]] | None = None, otherwise: Sequence[Hit] = (LAKE,)) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.table = dict(table or {})
        self.otherwise = otherwise
        self.undated = False
        """The pages bear no date: a search with a time limit finds nothing."""
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def hits(self, asked: Asked) -> Sequence[Hit]:
        return () if self.undated and asked.limit else self.table.get(asked.query, self.otherwise)


def provider(service: str, url: str) -> Provider:
    """The real client of a service, sent to this address."""
    if service == "duckduckgo":
        return DuckDuckGo(f"{url}/html/")
    if service == "searxng":
        return SearXNG(f"{url}/searx")
    return Brave(KEY, f"{url}/res/v1/web/search", allow=[urlsplit(url).netloc])


@contextmanager
def running(server: http.server.HTTPServer | Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: SearchServer

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._answer("duckduckgo" if self.path == "/html/" else "", form)

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self._answer({"/searx/search": "searxng", "/res/v1/web/search": "brave"}.get(path, ""), query)

    def _answer(self, service: str, form: str) -> None:
        parameters = {name: values[0] for name, values in parse_qs(form).items()}
        asked = Asked(service, parameters, {name.lower(): value for name, value in self.headers.items()})
        self.server.asked.append(asked)
        if service == "duckduckgo":
            self._send(200, "text/html; charset=UTF-8", page(self.server.hits(asked)))
        elif service == "searxng" and parameters.get("format") == "json":
            self._send(200, "application/json", json.dumps(searxng(asked.query, self.server.hits(asked))))
        elif service == "brave" and asked.headers.get("x-subscription-token") == KEY:
            self._send(200, "application/json", json.dumps(brave(asked.query, self.server.hits(asked))))
        else:
            self._send(403 if service else 404, "text/plain", "")

    def _send(self, status: int, type: str, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        pass


def page(hits: Sequence[Hit]) -> str:
    """DuckDuckGo's page without scripts."""
    if not hits:
        return '<html><body><div class="result result--no-result"><div class="no-results">No results.</div></div>'
    rows = (
        '<div class="result web-result"><div class="links_main result__body">'
        f'<h2><a class="result__a" href="{html.escape(hit.url)}">{html.escape(hit.title)}</a></h2>'
        f'<a class="result__snippet" href="{html.escape(hit.url)}">{html.escape(hit.text)}</a></div></div>'
        for hit in hits
    )
    return f"<html><body>{''.join(rows)}</body></html>"


def searxng(query: str, hits: Sequence[Hit]) -> dict[str, Any]:
    rows = [
        {
            "title": hit.title,
            "url": hit.url,
            "content": hit.text,
            "publishedDate": f"{hit.published}T00:00:00" if hit.published else None,
            "engine": "an engine",
            "score": 1.0,
        }
        for hit in hits
    ]
    return {"query": query, "number_of_results": 0, "results": rows, "answers": [], "unresponsive_engines": []}


def brave(query: str, hits: Sequence[Hit]) -> dict[str, Any]:
    answer: dict[str, Any] = {"type": "search", "query": {"original": query}}
    if hits:
        rows = [
            {"title": html.escape(hit.title), "url": hit.url, "description": html.escape(hit.text)}
            | ({"page_age": f"{hit.published}T08:00:00"} if hit.published else {})
            for hit in hits
        ]
        answer["web"] = {"type": "search", "results": rows}
    return answer
