"""Searching: the services in order, their tries, the deadline, and what is said to have left the machine."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.tools.web.fault_proxy import FaultProxy
from tests.tools.web.search_server import LAKE, SERVICES, SearchServer, provider, running
from tools.base import Sent, Tool, ToolError
from tools.library import E5
from tools.web import WebSearch, WebTool
from tools.web.breaker import Breaker
from tools.web.cache import SearchCache
from tools.web.providers import Hit, SearchRefused
from tools.web.providers.duckduckgo import DuckDuckGo
from tools.web.query import WebQuery
from tools.web.ranking import SNIPPET
from tools.web.search import Found

QUERY = WebQuery("how deep is the lake", "wt-wt")
OTHER = Hit("Another", "https://b.example/", "Of another service.")


class Service:
    """Does what the list says, call by call; one call too many fails the test."""

    def __init__(self, *steps: Any, name: str = "service") -> None:
        self.name = name
        self.steps = list(steps)
        self.queries: list[WebQuery] = []

    def search(self, query: WebQuery, seconds: float) -> Sequence[Hit]:
        self.queries.append(query)
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        found: Sequence[Hit] = step() if callable(step) else step
        return found


def search(*services: Any, seconds: float = 5.0, **more: Any) -> WebSearch:
    return WebSearch(services, seconds, pause=0.001, **more)


async def failure(web: WebSearch, query: WebQuery = QUERY) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await web.find(query)
    assert isinstance(caught.value, ToolError)
    assert caught.value.reason == "web_unavailable"
    assert "\n" not in caught.value.detail
    return caught.value


@pytest.fixture
def server() -> Iterator[SearchServer]:
    with running(SearchServer()) as server:
        yield server


# -- one service


@pytest.mark.parametrize("service", SERVICES)
async def test_found(server: SearchServer, service: str) -> None:
    before = time.time()
    found = await search(provider(service, server.url)).find(QUERY)
    assert [hit.url for hit in found.hits] == [LAKE.url]
    assert (found.provider, found.cached) == (service, False)
    assert before <= found.asked <= time.time()
    assert found.sent == (Sent(service, QUERY.text, found.asked),)


async def test_nothing_found_is_no_error(server: SearchServer) -> None:
    server.otherwise = ()
    assert (await search(DuckDuckGo(f"{server.url}/html/"), Service()).find(QUERY)).hits == ()
    assert len(server.asked) == 1


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_found_in_time_span_asks_without(server: SearchServer, service: str) -> None:
    server.undated = True
    found = await search(provider(service, server.url)).find(WebQuery.of("lake today", "wt-wt"))
    assert len(found.hits) == 1
    assert [bool(asked.limit) for asked in server.asked] == [True, False]
    assert len(found.sent) == 1


async def test_a_passing_fault_is_tried_again() -> None:
    service = Service(ConnectionError("status 500"), OSError("reset"), [LAKE])
    found = await search(service).find(QUERY)
    assert found.hits == (LAKE,)
    assert len(found.sent) == 1
    assert not service.steps


@pytest.mark.parametrize("fault", [ValueError("bad"), StopIteration(), KeyError(1), SystemExit(1), TimeoutError()])
async def test_whatever_is_raised_is_unavailable(fault: BaseException) -> None:
    service = Service(fault, fault, fault)
    failed = await failure(search(service))
    assert not service.steps
    assert [(sent.provider, sent.query) for sent in failed.sent] == [("service", QUERY.text)]


@pytest.mark.parametrize("answer", [None, 7, [None], ["text"]])
async def test_an_answer_that_is_no_list_of_hits(answer: Any) -> None:
    await failure(search(Service(*[answer] * 3)))


async def test_a_refusal_is_not_tried_again_and_told_in_one_short_line() -> None:
    detail = (await failure(search(Service(SearchRefused("a\nb" * 999))))).detail
    assert detail.startswith("service: SearchRefused: a ba b")
    assert len(detail) <= 200


async def test_no_network() -> None:
    """The real service; nothing listens at the address."""
    assert "onnect" in (await failure(search(DuckDuckGo("http://127.0.0.1:9/html/")))).detail


# -- several


async def test_the_next_is_asked_when_one_fails() -> None:
    refused, down = Service(SearchRefused("202"), name="first"), Service(*[OSError("down")] * 3, name="second")
    found = await search(refused, down, Service([OTHER], name="third"), Service(name="fourth")).find(QUERY)
    assert (found.hits, found.provider) == ((OTHER,), "third")
    assert [sent.provider for sent in found.sent] == ["first", "second", "third"]
    assert found.asked == found.sent[-1].at


async def test_all_fail_and_each_says_why() -> None:
    failed = await failure(
        search(Service(SearchRefused("status 202"), name="a"), Service(*[OSError("down")] * 3, name="b"))
    )
    assert failed.detail == "a: SearchRefused: status 202; b: OSError: down"
    assert [sent.provider for sent in failed.sent] == ["a", "b"]


async def test_a_hang_of_one_leaves_time_for_the_next() -> None:
    release = threading.Event()
    try:
        found = await search(Service(partial(release.wait, 30)), Service([OTHER], name="next"), seconds=2).find(QUERY)
        assert found.provider == "next"
    finally:
        release.set()


async def test_one_that_rests_is_not_asked_and_costs_the_next_no_time() -> None:
    first, second = Service(SearchRefused("202"), name="first"), Service([OTHER], [OTHER], name="second")
    web = search(first, second, breaker=partial(Breaker, limit=1))
    assert len((await web.find(QUERY)).sent) == 2
    assert [sent.provider for sent in (await web.find(QUERY)).sent] == ["second"]


async def test_no_service_at_all() -> None:
    assert (await failure(search())).sent == ()


# -- the deadline


@pytest.mark.parametrize("fault", ["silence", "drip"])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_slow_service_ends_at_the_deadline(server: SearchServer, service: str, fault: Any) -> None:
    with running(FaultProxy(server.server_address, fault)) as proxy:
        await failure(search(provider(service, proxy.url), seconds=0.3))


async def test_a_hang_leaves_room_for_another_try_and_the_loop_free() -> None:
    release = threading.Event()
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    try:
        assert (await search(Service(partial(release.wait, 30), [LAKE]), seconds=0.6).find(QUERY)).hits
    finally:
        beating.cancel()
        release.set()
    assert beats > 3


class Hanging:
    name = "hanging"

    def __init__(self) -> None:
        self.called, self.release = threading.Event(), threading.Event()

    def search(self, query: WebQuery, seconds: float) -> Sequence[Hit]:
        self.called.set()
        self.release.wait(30)
        return [LAKE]


async def test_a_hang_forever_is_left_behind_as_a_daemon() -> None:
    hanging, complaints = Hanging(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    try:
        assert "0.2 s" in (await failure(search(hanging, seconds=0.2))).detail
        left = [t for t in threading.enumerate() if t.name == "kotae-web-search"]
        assert left
        assert all(t.daemon for t in left)
    finally:
        hanging.release.set()
    for thread in left:
        await asyncio.to_thread(thread.join, 5)
    await asyncio.sleep(0)  # their late results have been handed over, and are dropped without a complaint
    assert complaints == []


async def test_late_answer_after_the_loop_is_gone() -> None:
    """A service that returns after its event loop was closed ends without a traceback in its thread."""
    hanging, complaints = Hanging(), []

    def whole_life() -> None:
        with contextlib.suppress(ToolError):
            asyncio.run(search(hanging, seconds=0.1).find(QUERY))

    hook, threading.excepthook = threading.excepthook, lambda args: complaints.append(args)
    try:
        await asyncio.to_thread(whole_life)
        hanging.release.set()
        for thread in threading.enumerate():
            if thread.name == "kotae-web-search":
                await asyncio.to_thread(thread.join, 5)
    finally:
        threading.excepthook = hook
    assert complaints == []


async def test_cancelled_turn_ends_at_once_and_counts_as_no_failure() -> None:
    hanging = Hanging()
    web = search(hanging, seconds=20, breaker=partial(Breaker, limit=1))
    task = asyncio.create_task(web.find(QUERY))
    await asyncio.to_thread(hanging.called.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    hanging.release.set()
    assert (await web.find(QUERY)).hits == (LAKE,)


# -- the cache


async def test_the_second_time_nothing_leaves_the_machine(server: SearchServer, tmp_path: Path) -> None:
    cache = SearchCache(tmp_path / "web" / "searches.sqlite")
    web = search(provider("searxng", server.url), cache=cache)
    first = await web.find(QUERY)
    second = await web.find(WebQuery.of("How deep is the LAKE?", "wt-wt"))
    assert second == Found(first.hits, "searxng", first.asked, cached=True, sent=())
    assert len(server.asked) == 1
    cache.forget()
    assert not (await web.find(QUERY)).cached
    assert len(server.asked) == 2


async def test_what_a_later_service_found_is_told_before_any_is_asked(tmp_path: Path) -> None:
    cache = SearchCache(tmp_path / "searches.sqlite")
    await search(Service([OTHER], name="second"), cache=cache).find(QUERY)
    found = await search(Service(name="first"), Service(name="second"), cache=cache).find(QUERY)
    assert (found.provider, found.cached) == ("second", True)


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    web = search(Service(SearchRefused("202"), [LAKE]), cache=SearchCache(tmp_path / "searches.sqlite"))
    await failure(web)
    assert (await web.find(QUERY)).hits == (LAKE,)


@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"no database" * 999), lambda path: path.mkdir()])
async def test_a_cache_that_cannot_be_used_is_no_reason_not_to_search(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    path = tmp_path / "searches.sqlite"
    spoil(path)
    web = search(Service([LAKE], [LAKE]), cache=SearchCache(path))
    assert not (await web.find(QUERY)).cached
    assert not (await web.find(QUERY)).cached


async def test_a_disk_that_hangs_is_not_waited_for() -> None:
    hanging = threading.Event()

    class Stuck(SearchCache):
        def get(self, *_: Any) -> Any:
            hanging.wait(30)

        put = get

    try:
        found = await search(Service([LAKE]), seconds=3, cache=Stuck(Path("unused"))).find(QUERY)
        assert found.hits == (LAKE,)
    finally:
        hanging.set()


# -- the tool


@pytest.fixture(scope="module")
def embedder() -> E5:
    return E5()


async def test_passages(server: SearchServer, embedder: E5) -> None:
    web = WebTool(search(provider("brave", server.url)), "uk-en", embedder=embedder)
    [found] = await web.gather("how deep is the lake", k=4)
    assert isinstance(web, Tool)
    assert (found.title, found.text, found.url) == ("A lake", "The lake is 40 m deep.", "https://a.example/lake")
    assert (found.kind, found.trust, found.page, found.document) == ("web", SNIPPET, None, "")
    assert found.published == "2026-05-03"
    assert [p.id for p in await web.gather("another question", k=4)] == [found.id]
    assert server.asked[0].parameters["country"] == "GB"


async def test_at_most_k_best_first(embedder: E5) -> None:
    hits = [Hit("t", f"https://site{n}.example/", f"Note {n} tells of boats.") for n in range(8)]
    hits.append(Hit("Lake", "https://lake.example/", "The lake is 40 m deep."))
    web = WebTool(search(Service(hits)), embedder=embedder)
    found = await web.gather("how deep is the lake", k=3)
    assert (len(found), found[0].url) == (3, "https://lake.example/")
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert len({p.id for p in found}) == 3


async def test_what_was_sent_is_told(server: SearchServer, embedder: E5) -> None:
    failing = search(Service(SearchRefused("202"), name="first"), provider("searxng", server.url))
    web = WebTool(failing, embedder=embedder)
    found = await web.find("湖!\nの深さ", language="en")
    assert [(sent.provider, sent.query) for sent in found.sent] == [("first", "湖 の深さ"), ("searxng", "湖 の深さ")]
    assert server.asked[0].query == "湖 の深さ"
    assert server.asked[0].parameters["language"] == "en"


@pytest.mark.parametrize("question", ["", "  \n", "\u200b", "!!"])
async def test_nothing_to_ask(question: str, embedder: E5) -> None:
    web = WebTool(search(Service()), embedder=embedder)
    assert await web.gather(question, k=4) == []
    assert await web.gather("lake", k=0) == []
    assert await web.find(question) == Found()
