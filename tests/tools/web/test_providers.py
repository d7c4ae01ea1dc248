"""What each search service is asked, and how its answers are read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.tools.web.fault_proxy import FaultProxy
from tests.tools.web.search_server import KEY, LAKE, SERVICES, SearchServer, provider, running
from tools.web.addresses import EgressError
from tools.web.providers import Hit, SearchRefused
from tools.web.providers.brave import Brave
from tools.web.providers.duckduckgo import DuckDuckGo
from tools.web.providers.json_api import JsonApi
from tools.web.providers.searxng import SearXNG
from tools.web.query import WebQuery

QUERY = WebQuery("how deep is the lake", "wt-wt")
JAPANESE = WebQuery("今週の湖", "jp-jp", "ja", "w")


@pytest.fixture
def server() -> Iterator[SearchServer]:
    with running(SearchServer()) as server:
        yield server


@pytest.mark.parametrize("service", SERVICES)
def test_hits(server: SearchServer, service: str) -> None:
    lake = provider(service, server.url)
    server.otherwise = (LAKE, Hit("湖 & 山", "https://b.example/?a=1&b=2", "“深い”", ""))
    dated = [Hit(h.title, h.url, h.text, "" if service == "duckduckgo" else h.published) for h in server.otherwise]
    assert lake.name == service
    assert lake.search(QUERY, 5) == dated
    server.otherwise = ()
    assert lake.search(QUERY, 5) == []


@pytest.mark.parametrize(
    ("service", "query", "parameters"),
    [
        ("duckduckgo", QUERY, {"q": QUERY.text, "l": "wt-wt"}),
        ("duckduckgo", JAPANESE, {"q": "今週の湖", "l": "jp-jp", "df": "w"}),
        ("searxng", QUERY, {"q": QUERY.text, "format": "json", "safesearch": "1"}),
        (
            "searxng",
            JAPANESE,
            {"q": "今週の湖", "format": "json", "safesearch": "1", "language": "ja-JP", "time_range": "week"},
        ),
        (
            "brave",
            QUERY,
            {
                "q": QUERY.text,
                "country": "ALL",
                "safesearch": "moderate",
                "result_filter": "web",
                "text_decorations": "false",
            },
        ),
        (
            "brave",
            JAPANESE,
            {
                "q": "今週の湖",
                "country": "JP",
                "safesearch": "moderate",
                "result_filter": "web",
                "text_decorations": "false",
                "search_lang": "jp",
                "freshness": "pw",
            },
        ),
    ],
)
def test_nothing_else_is_sent(
    server: SearchServer, service: str, query: WebQuery, parameters: Mapping[str, str]
) -> None:
    provider(service, server.url).search(query, 5)
    [asked] = server.asked
    assert asked.parameters == parameters
    assert "cookie" not in asked.headers
    assert (KEY in str(asked.headers)) is (service == "brave")


@pytest.mark.parametrize(
    ("url", "path"),
    [("", "/search"), ("/", "/search"), ("/search", "/search"), ("/searx/", "/searx/search"), ("/s?x=1", "/s/search")],
)
def test_addresses_of_an_instance(server: SearchServer, url: str, path: str) -> None:
    instance = SearXNG(server.url + url)
    assert instance._api._address == server.url + path


def test_a_country_that_brave_does_not_know(server: SearchServer) -> None:
    provider("brave", server.url).search(WebQuery("lake", "is-is", "is"), 5)
    assert server.asked[0].parameters["country"] == "ALL"
    assert "search_lang" not in server.asked[0].parameters


def test_a_wrong_key_is_a_refusal_that_does_not_show_it(server: SearchServer) -> None:
    allow = [f"127.0.0.1:{server.server_port}"]
    with pytest.raises(SearchRefused, match="403") as caught:
        Brave("BSA-wrong", f"{server.url}/res/v1/web/search", allow).search(QUERY, 5)
    assert "BSA" not in repr(caught.value)
    assert "BSA" not in repr(vars(Brave("BSA-wrong")).keys())


def test_a_private_address_that_nobody_allowed(server: SearchServer) -> None:
    with pytest.raises(SearchRefused, match="web pages"):
        JsonApi(f"{server.url}/searx/search").ask({"q": "lake"}, 5)
    assert server.asked == []


# -- answers of every kind


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Has the server answer with this body, whatever is asked."""
    from tests.tools.web import search_server

    def answer(body: str | bytes, status: int = 200) -> str:
        def send(handler: Any, *_: Any) -> None:
            handler.send_response(status)
            handler.end_headers()
            handler.wfile.write(body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body)

        monkeypatch.setattr(search_server._Handler, "_send", send)
        return url

    with running(SearchServer()) as server:
        url = server.url
        yield answer


CHALLENGE = '<html><body><div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div>'


@pytest.mark.parametrize(
    ("status", "page", "kind", "says"),
    [
        (202, CHALLENGE, SearchRefused, "202"),
        (200, CHALLENGE, SearchRefused, "challenge"),
        (403, "", SearchRefused, "403"),
        (429, "", ConnectionError, "429"),
        (302, "", ConnectionError, "302"),
        (500, "oops", ConnectionError, "500"),
        (200, "", ConnectionError, "not a result page"),
        (200, "\x00\xff<<<>>&#xD800;", Exception, None),
        (200, "<html>Sign in to the hotel's network</html>", ConnectionError, "not a result page"),
        (200, "<p>" * 1_000_000, ConnectionError, "without an end"),
    ],
)
def test_duckduckgo_a_refusal_is_not_nothing_found(
    answering: Any, status: int, page: str, kind: type[Exception], says: str | None
) -> None:
    with pytest.raises(kind, match=says):
        DuckDuckGo(answering(page, status) + "/html/").search(QUERY, 5)


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("//duckduckgo.com/l/?uddg=https%3A%2F%2Fa.example%2Fx&rut=1", "https://a.example/x"),
        ("//duckduckgo.com/l/?uddg=javascript%3Aalert(1)", "javascript:alert(1)"),
        ("//duckduckgo.com/l/", ""),
        ("https://duckduckgo.com/about", "https://duckduckgo.com/about"),
        ("https://[::1", ""),
    ],
)
def test_duckduckgo_redirects_are_unwrapped(server: SearchServer, href: str, url: str) -> None:
    server.otherwise = (Hit("t", href, "b"),)
    assert [hit.url for hit in provider("duckduckgo", server.url).search(QUERY, 5)] == [url]


@pytest.mark.parametrize("service", ["searxng", "brave"])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (403, "", SearchRefused),  # json is not among the formats; the key is not valid
        (422, "{}", SearchRefused),
        (301, "", ConnectionError),
        (429, "", ConnectionError),
        (500, "", ConnectionError),
        (202, "{}", ConnectionError),
        (200, "", ValueError),
        (200, "<html>", ValueError),
        (200, b"\xff\xfe\xff", ValueError),
        (200, "[" * 100_000, RecursionError),
        (200, "[]", ConnectionError),
        (200, "null", ConnectionError),
        (200, "{}", ConnectionError),
        (200, '{"results": {}, "web": []}', ConnectionError),
        (200, " " * (5 * 2**20), SearchRefused),
    ],
)
def test_json_that_is_no_answer(
    answering: Any, service: str, status: int, body: str | bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        provider(service, answering(body, status)).search(QUERY, 5)


@pytest.mark.parametrize("row", [None, 7, "text", [], {}, {"title": 7, "url": None, "content": [], "description": {}}])
def test_rows_that_are_garbage(answering: Any, row: Any) -> None:
    good = {"title": "A lake", "url": "https://a.example/", "publishedDate": "soon", "page_age": 7}
    rows = [row, good]
    url = answering(json.dumps({"type": "search", "results": rows, "web": {"results": rows}}))
    for service in ("searxng", "brave"):
        hits = [hit for hit in provider(service, url).search(QUERY, 5) if hit.url]
        assert hits == [Hit("A lake", "https://a.example/", "")]


def test_searxng_without_engines_is_not_nothing_found(answering: Any) -> None:
    silent = {"results": [], "unresponsive_engines": [["google", "timeout"]]}
    with pytest.raises(SearchRefused, match="engines"):
        provider("searxng", answering(json.dumps(silent))).search(QUERY, 5)


@pytest.mark.parametrize("service", ["searxng", "brave"])
def test_a_redirect_is_not_followed(server: SearchServer, service: str) -> None:
    with running(FaultProxy(server.server_address, "loop")) as proxy:
        with pytest.raises(SearchRefused, match="moved"):
            provider(service, proxy.url).search(QUERY, 5)
        assert proxy.connections == 1


@pytest.mark.parametrize("service", ["searxng", "brave"])
def test_a_silent_service_is_left_in_time(server: SearchServer, service: str) -> None:
    with running(FaultProxy(server.server_address, "silence")) as proxy, pytest.raises(EgressError, match="too long"):
        provider(service, proxy.url).search(QUERY, 0.2)


def test_import_is_light() -> None:
    """Importing the web must not import ddgs and its engines, nor httpx."""
    code = "import sys, tools.web; print([m for m in ('ddgs', 'primp', 'lxml', 'httpx') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_installed_ddgs_calls_a_rate_limit_no_results(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why `DDGS().text()` is not used. When this fails, ddgs has learned to tell, and `DuckDuckGo` can be simpler."""
    from ddgs import DDGS
    from ddgs.engines.duckduckgo import Duckduckgo

    from tests.tools.web.search_server import page

    said = []
    for status, body in [(202, CHALLENGE), (429, ""), (200, page([]))]:
        monkeypatch.setattr(Duckduckgo, "search_url", answering(body, status) + "/html/")
        with pytest.raises(Exception, match="No results found") as caught:
            DDGS(timeout=2).text("lake", backend="duckduckgo")
        said.append(str(caught.value))
    assert len(set(said)) == 1
