"""The web tool against a search engine of our own on the loopback, and against searches that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tools.base import Tool, ToolError
from tools.web import WebTool
from tools.web.search import (
    SNIPPET_CHARS,
    Breaker,
    Hit,
    SearchRefused,
    WebQuery,
    duckduckgo,
    passages,
)


def row(title: str, href: str, body: str) -> str:
    return (
        '<div class="result web-result"><div class="links_main result__body">'
        f'<h2 class="result__title"><a class="result__a" href="{href}">{title}</a></h2>'
        f'<a class="result__snippet" href="{href}">{body}</a></div></div>'
    )


FOUND = f"<html><body>{row('A <b>lake</b>', 'https://a.example/lake', 'The lake is <b>40 m</b> deep.')}"
NOTHING = '<html><body><div class="result result--no-result"><div class="no-results">No results.</div></div>'
CHALLENGE = '<html><body><div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div>'


class Engine(http.server.ThreadingHTTPServer):
    """Answers every request as `status` and `page` say at that time, and remembers what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.page = FOUND
        self.manner = "plain"
        self.asked: list[dict[str, str]] = []
        self.closing = threading.Event()

    @property
    def search(self) -> Any:
        return partial(duckduckgo, address=f"http://127.0.0.1:{self.server_port}/html/")


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Engine

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append({name: values[0] for name, values in parse_qs(body).items()})
        if self.server.manner == "reset":
            self.connection.close()
            return
        if self.server.manner == "silent":
            self.server.closing.wait(30)
            return
        self.send_response(self.server.status)
        self.end_headers()
        with contextlib.suppress(OSError):
            if self.server.manner == "drip":
                while not self.server.closing.wait(0.05):
                    self.wfile.write(b"<p>")
            self.wfile.write(self.server.page.encode())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def engine() -> Iterator[Engine]:
    server = Engine()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Searches:
    """A search that does what the list says, call by call; one call too many fails the test."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.queries: list[WebQuery] = []

    def __call__(self, query: WebQuery, seconds: float) -> Sequence[Hit]:
        self.queries.append(query)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        return step() if callable(step) else step


LAKE = {"title": "A lake", "href": "https://a.example/lake", "body": "The lake is 40 m deep."}


def tool(search: Any, seconds: float = 5.0, **more: Any) -> WebTool:
    return WebTool(seconds, search=search, pause=0.001, **more)


async def unavailable(web: WebTool, query: str = "how deep is the lake") -> str:
    with pytest.raises(ToolError) as caught:
        await web.gather(query, k=4)
    assert caught.value.reason == "web_unavailable"
    assert "\n" not in caught.value.detail
    return caught.value.detail


# -- what is asked


@pytest.mark.parametrize(
    ("question", "text", "region", "limit"),
    [
        ("how deep is the lake", "how deep is the lake", "wt-wt", None),
        ("湖の深さは？", "湖の深さは?", "jp-jp", None),
        ("東京都庁", "東京都庁", "jp-jp", None),
        ("ﾆｭｰｽ", "ニュース", "jp-jp", None),
        ("news today", "news today", "wt-wt", "d"),
        ("今日の天気", "今日の天気", "jp-jp", "d"),
        ("who won yesterday", "who won yesterday", "wt-wt", "w"),
        ("今週の順位", "今週の順位", "jp-jp", "w"),
        ("recent storms", "recent storms", "wt-wt", "m"),
        ("最近の地震", "最近の地震", "jp-jp", "m"),
        ("Latest Python", "Latest Python", "wt-wt", "y"),
        ("最新のPython", "最新のPython", "jp-jp", "y"),
        ("translates the todaystuff", "translates the todaystuff", "wt-wt", None),
        ("two\nlines\tand\x00 more", "two lines and more", "wt-wt", None),
        ("!w secret", "w secret", "wt-wt", None),
        ("secret w! \\ ！g", "secret w g", "wt-wt", None),
        ("zero\u200bwidth \u202ereversed \ud800", "zerowidth reversed", "wt-wt", None),
    ],
)
def test_query(question: str, text: str, region: str, limit: str | None) -> None:
    assert WebQuery.of(question, "wt-wt") == WebQuery(text, region, limit)


def test_query_is_cut_at_a_word() -> None:
    text = WebQuery.of("abcdefghi " * 100, "wt-wt").text
    assert text == " ".join(["abcdefghi"] * 20)
    assert len(WebQuery.of("湖" * 999, "wt-wt").text) == 200


async def test_only_the_query_is_sent(engine: Engine) -> None:
    await tool(engine.search, region="uk-en").gather("lake today", k=4)
    assert engine.asked == [{"q": "lake today", "l": "uk-en", "df": "d"}]


@pytest.mark.parametrize("question", ["", "  \n", "\u200b", "!!"])
async def test_nothing_to_ask(question: str) -> None:
    assert await tool(Searches()).gather(question, k=4) == []


# -- what comes back


async def test_passage(engine: Engine) -> None:
    web = tool(engine.search)
    [found] = await web.gather("how deep is the lake", k=4)
    assert isinstance(web, Tool)
    assert (found.title, found.text, found.url) == ("A lake", "The lake is 40 m deep.", "https://a.example/lake")
    assert (found.kind, found.trust, found.page, found.score) == ("web", 0.5, None, 1.0)
    assert await web.gather("another question", k=4) == [found]


async def test_nothing_found_is_no_error(engine: Engine) -> None:
    engine.page = NOTHING
    assert await tool(engine.search).gather("xyzzy", k=4) == []
    assert len(engine.asked) == 1


async def test_nothing_found_in_time_span_asks_without() -> None:
    search = Searches([], [LAKE])
    assert len(await tool(search).gather("lake today", k=4)) == 1
    assert [q.timelimit for q in search.queries] == ["d", None]


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://a.example/x", "https://a.example/x"),
        ("http://a.example:8080/", "http://a.example:8080/"),
        ("https://ja.example/湖", "https://ja.example/湖"),
        ('https://a.example/a"b c', "https://a.example/a%22b%20c"),
        ("//duckduckgo.com/l/?uddg=https%3A%2F%2Fa.example%2Fx&rut=1", "https://a.example/x"),
        ("//duckduckgo.com/l/?uddg=javascript%3Aalert(1)", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("ftp://a.example/x", None),
        ("file:///etc/passwd", None),
        ("https://", None),
        ("//a.example/x", None),
        ("a.example", None),
        ("https://bank.example@evil.example/", None),
        ("https://[::1", None),
        ("https://a.example:99999/", None),
        ("https://a.example/\u202egpj.exe", None),
        ("https://a.example/" + "x" * 3000, None),
        ("", None),
        (None, None),
        (7, None),
        (b"https://a.example", None),
    ],
)
def test_only_web_addresses(href: Any, url: str | None) -> None:
    found = passages([{"title": "t", "href": href, "body": "b"}], 4)
    assert [p.url for p in found] == ([] if url is None else [url])


@pytest.mark.parametrize("garbage", [None, 7, "text", [], {}, {"href": None}, {"href": "https://a.example/"}])
def test_garbage_hits_are_dropped(garbage: Any) -> None:
    assert [p.url for p in passages([garbage, LAKE, garbage], 4)] == [LAKE["href"]]


def test_text_is_cleaned_and_cut() -> None:
    [found] = passages([LAKE | {"title": "Ｌａｋｅ\n", "body": "①  de\u200bep\x07 " + "word " * 500}], 4)
    assert found.title == "Lake"
    assert found.text.startswith("1 deep word")
    assert SNIPPET_CHARS - 5 <= len(found.text) <= SNIPPET_CHARS
    assert found.text.endswith("word")
    assert found.text.encode()


def test_title_and_text_stand_in_for_each_other() -> None:
    untitled, wordless = LAKE | {"title": None}, {"title": "A lake", "href": "https://b.example/"}
    assert [(p.title, p.text) for p in passages([untitled, wordless], 4)] == [
        ("a.example", "The lake is 40 m deep."),
        ("A lake", "A lake"),
    ]


def test_one_hit_a_page_best_first_at_most_k() -> None:
    same = ["http://www.a.example/lake/", "https://A.example/lake?utm_source=x", "https://a.example/lake#deep"]
    others = ["https://a.example/lake?id=1", "https://a.example:81/lake", "https://b.example/lake"]
    found = passages([LAKE, *(LAKE | {"href": u} for u in same + others)], 3)
    assert [p.url for p in found] == [LAKE["href"], *others[:2]]
    assert [p.score for p in found] == [1, 1 / 2, 1 / 3]
    assert len({p.id for p in found}) == 3
    assert passages([LAKE], 0) == []


# -- what goes wrong


@pytest.mark.parametrize(
    ("status", "page", "says", "calls"),
    [
        (202, CHALLENGE, "202", 1),
        (200, CHALLENGE, "challenge", 1),
        (403, "", "403", 1),
        (429, "", "429", 3),
        (500, "oops", "500", 3),
        (200, "", "not a result page", 3),
        (200, "\x00\xff<<<>>&#xD800;", "", 3),
        (200, "<html>Sign in to the hotel's network</html>", "not a result page", 3),
    ],
)
async def test_a_refusal_is_not_nothing_found(engine: Engine, status: int, page: str, says: str, calls: int) -> None:
    engine.status, engine.page = status, page
    assert says in await unavailable(tool(engine.search))
    assert len(engine.asked) == calls


async def test_connection_reset(engine: Engine) -> None:
    engine.manner = "reset"
    await unavailable(tool(engine.search))


@pytest.mark.parametrize("manner", ["silent", "drip"])
async def test_slow_engine_ends_at_the_deadline(engine: Engine, manner: str) -> None:
    engine.manner = manner
    await unavailable(tool(engine.search, seconds=0.3))


async def test_no_network() -> None:
    """The real search; nothing listens at the address."""
    nowhere = partial(duckduckgo, address="http://127.0.0.1:9/html/")
    assert "onnect" in await unavailable(tool(nowhere))


async def test_a_passing_fault_is_tried_again() -> None:
    search = Searches(ConnectionError("status 500"), OSError("reset"), [LAKE])
    assert len(await tool(search).gather("lake", k=4)) == 1
    assert not search.steps


@pytest.mark.parametrize("fault", [ValueError("bad"), StopIteration(), KeyError(1), SystemExit(1), TimeoutError()])
async def test_whatever_is_raised_is_unavailable(fault: BaseException) -> None:
    search = Searches(fault, fault, fault)
    await unavailable(tool(search))
    assert not search.steps


@pytest.mark.parametrize("answer", [None, 7])
async def test_an_answer_that_is_no_list(answer: Any) -> None:
    await unavailable(tool(Searches(*[answer] * 3)))


async def test_detail_is_one_short_line() -> None:
    detail = await unavailable(tool(Searches(SearchRefused("a\nb" * 999))))
    assert detail.startswith("SearchRefused: a ba b")
    assert len(detail) <= 200


async def test_a_hang_leaves_room_for_another_try_and_the_loop_free() -> None:
    release = threading.Event()
    search = Searches(partial(release.wait, 30), [LAKE])
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    try:
        assert len(await tool(search, seconds=0.6).gather("lake", k=4)) == 1
    finally:
        beating.cancel()
        release.set()
    assert beats > 3


async def test_a_hang_forever_is_left_behind_as_a_daemon() -> None:
    release, complaints = threading.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    try:
        assert "0.2 s" in await unavailable(tool(lambda *_: release.wait(30), seconds=0.2))
        left = [t for t in threading.enumerate() if t.name == "kotae-web-search"]
        assert left
        assert all(t.daemon for t in left)
    finally:
        release.set()
    for thread in left:
        await asyncio.to_thread(thread.join, 5)
    await asyncio.sleep(0)  # their late results have been handed over, and are dropped without a complaint
    assert complaints == []


async def test_cancelled_turn_ends_at_once_and_counts_as_no_failure() -> None:
    release, called, clock = threading.Event(), threading.Event(), Clock()

    def hang() -> list[Hit]:
        called.set()
        release.wait(30)
        return []

    breaker = Breaker(limit=1, clock=clock)
    search = Searches(hang, [LAKE])
    web = tool(search, seconds=20, breaker=breaker)
    task = asyncio.create_task(web.gather("lake", k=4))
    await asyncio.to_thread(called.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert len(await web.gather("lake", k=4)) == 1


# -- the circuit breaker


async def test_breaker_opens_after_three_failures_and_recovers() -> None:
    clock = Clock()
    refused = SearchRefused("status 202")
    search = Searches(refused, refused, refused, refused, [LAKE], refused, [LAKE])
    web = tool(search, breaker=Breaker(clock=clock))
    for _ in range(3):
        assert "202" in await unavailable(web)
    for _ in range(97):
        assert "resting for 60 s" in await unavailable(web)
    assert len(search.queries) == 3

    clock.now += 59.9
    assert "resting" in await unavailable(web)
    clock.now += 0.2
    assert "202" in await unavailable(web)  # the probe fails: the rest begins anew
    assert "resting" in await unavailable(web)

    clock.now += 60
    assert len(await web.gather("lake", k=4)) == 1  # the probe succeeds: all is as before
    assert "202" in await unavailable(web)
    assert len(await web.gather("lake", k=4)) == 1
    assert not search.steps


async def test_a_success_between_failures_keeps_it_closed() -> None:
    refused = SearchRefused("status 202")
    search = Searches(*[refused, refused, [LAKE]] * 3)
    web = tool(search)
    for _ in range(3):
        await unavailable(web)
        await unavailable(web)
        assert await web.gather("lake", k=4)


async def test_one_probe_at_a_time_and_a_cancelled_one_frees_the_place() -> None:
    clock = Clock()
    breaker = Breaker(limit=1, rest=60, clock=clock)
    with pytest.raises(ValueError, match="down"), breaker.guard():
        raise ValueError("down")
    clock.now += 61
    probe = breaker.guard()
    probe.__enter__()
    with pytest.raises(ToolError), breaker.guard():
        pytest.fail("a second call while the probe runs")
    cancelled = asyncio.CancelledError()
    assert not probe.__exit__(asyncio.CancelledError, cancelled, None)
    with breaker.guard():
        pass
    with breaker.guard(), breaker.guard():
        pass


async def test_many_faults_at_once(engine: Engine) -> None:
    """Each ends in an answer or in the one error, however the faults are mixed."""
    web = tool(engine.search, seconds=0.5, breaker=Breaker(limit=1000))

    async def one(number: int) -> str:
        try:
            return str(len(await web.gather(f"question {number}", k=4)))
        except ToolError as error:
            return error.reason

    seen: set[str] = set()
    for status, page, manner in [
        (200, FOUND, "plain"),
        (429, "", "plain"),
        (202, CHALLENGE, "plain"),
        (200, FOUND, "reset"),
        (200, FOUND, "drip"),
    ]:
        engine.status, engine.page, engine.manner = status, page, manner
        seen |= set(await asyncio.gather(*(one(n) for n in range(8))))
    assert seen == {"1", "web_unavailable"}


def test_import_is_light() -> None:
    """Importing the tool must not import ddgs and its engines."""
    code = "import sys, tools.web; print([m for m in ('ddgs', 'primp', 'lxml') if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_installed_ddgs_calls_a_rate_limit_no_results(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why `DDGS().text()` is not used. When this fails, ddgs has learned to tell, and `duckduckgo` can be simpler."""
    from ddgs import DDGS
    from ddgs.engines.duckduckgo import Duckduckgo

    monkeypatch.setattr(Duckduckgo, "search_url", f"http://127.0.0.1:{engine.server_port}/html/")
    said = []
    for engine.status, engine.page in [(202, CHALLENGE), (429, ""), (200, NOTHING)]:
        with pytest.raises(Exception, match="No results found") as caught:
            DDGS(timeout=2).text("lake", backend="duckduckgo")
        said.append(str(caught.value))
    assert len(set(said)) == 1


async def test_late_answer_after_the_loop_is_gone() -> None:
    """A search that returns after its event loop was closed ends without a traceback in its thread."""
    release, complaints = threading.Event(), []
    web = tool(lambda *_: release.wait(30), seconds=0.1)

    def whole_life() -> None:
        with contextlib.suppress(ToolError):
            asyncio.run(web.gather("lake", k=4))

    hook, threading.excepthook = threading.excepthook, lambda args: complaints.append(args)
    try:
        await asyncio.to_thread(whole_life)
        release.set()
        for thread in threading.enumerate():
            if thread.name == "kotae-web-search":
                await asyncio.to_thread(thread.join, 5)
    finally:
        threading.excepthook = hook
    assert complaints == []
