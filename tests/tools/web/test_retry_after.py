"""Whoever asks to be left alone is: services between tries and between searches, and the servers of pages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

import pytest

from tests.tools.web.fault_proxy import Fault, FaultProxy
from tests.tools.web.search_server import LAKE, SERVICES, SearchServer, provider, running
from tests.tools.web.site import Reply, Site, article, moved, serving
from tools.base import ToolError
from tools.web import WebSearch
from tools.web.breaker import Breaker
from tools.web.fetch import Page, PageReader, Unread
from tools.web.query import WebQuery
from tools.web.retry_after import MOST, LeftAlone, seconds
from tools.web.robots import KEPT_TROUBLE, Robots
from tools.web.search import TRIES

QUERY = WebQuery("how deep is the lake", "wt-wt")
SENT = "Sun, 06 Nov 1994 08:49:00 GMT"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("1.5", 1.5),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 37),
        ("Sun Nov  6 08:49:37 1994", 37),
        ("Sun, 06 Nov 1994 09:49:37 +0100", 37),
        ("Sun, 06 Nov 1994 08:48:00 GMT", 0),  # it has passed
        ("Sun, 06 Nov 1994 23:00:00 GMT", MOST),
        ("99999", MOST),
        ("9" * 400, MOST),
        ("Sun, 06 Nov 99999999999 08:49:37 GMT", 0),
        ("-5", 0),
        ("1e3", 0),
        ("\u0661\u0662", 0),
        ("soon", 0),
        ("nan", 0),
        ("", 0),
    ],
)
def test_what_a_header_names(value: str, named: float) -> None:
    assert seconds(value, SENT) == named


@pytest.mark.parametrize("sent", ["", "yesterday"])
def test_a_date_without_the_server_s_own_is_told_by_our_clock(sent: str) -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 57 < seconds(in_a_minute, sent) <= 60


# -- services


@pytest.fixture
def server() -> Iterator[SearchServer]:
    with running(SearchServer()) as server:
        yield server


@pytest.fixture
def proxy(server: SearchServer) -> Iterator[FaultProxy]:
    with running(FaultProxy(server.server_address)) as proxy:
        yield proxy


def search(*services: tuple[str, str], within: float, breaker: Breaker | None = None) -> WebSearch:
    """Services by their addresses. All share `breaker`, if one is given."""
    providers = [provider(service, url) for service, url in services]
    return WebSearch(providers, within, pause=0.01, breaker=(lambda: breaker) if breaker else Breaker)


@pytest.mark.parametrize(
    ("service", "fault"),
    [(service, fault) for service in SERVICES for fault in ("429", "503")] + [("searxng", "202"), ("brave", "202")],
)
async def test_the_next_try_waits_that_long(proxy: FaultProxy, service: str, fault: Fault) -> None:
    proxy.fault, proxy.retry_after, proxy.once = fault, "1", True
    began = time.monotonic()
    found = await search((service, proxy.url), within=8).find(QUERY)
    assert [hit.url for hit in found.hits] == [LAKE.url]
    assert time.monotonic() - began >= 1
    assert proxy.connections == 2
    assert len(found.sent) == 1


async def test_a_date_is_waited_for_too(proxy: FaultProxy) -> None:
    proxy.fault, proxy.once = "503", True
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    proxy.retry_after = format_datetime(later, usegmt=True)
    assert (await search(("searxng", proxy.url), within=8).find(QUERY)).hits
    assert datetime.now(UTC) >= later
    assert proxy.connections == 2


@pytest.mark.parametrize("fault", ["202", "403", "429", "503"])
@pytest.mark.parametrize("service", SERVICES)
async def test_one_that_takes_longer_is_left_at_once(
    server: SearchServer, proxy: FaultProxy, service: str, fault: Fault
) -> None:
    proxy.fault, proxy.retry_after = fault, "30"
    following = next(other for other in SERVICES if other != service)
    web = search((service, proxy.url), (following, server.url), within=20)
    began = time.monotonic()
    first, second = await web.find(QUERY), await web.find(QUERY)
    assert time.monotonic() - began < 8, "a half of twenty seconds is the first one's"
    assert (first.provider, second.provider) == (following, following)
    assert [len(found.sent) for found in (first, second)] == [2, 1], "it is left alone by the next search"
    assert proxy.connections == 1


async def test_a_wait_that_leaves_no_room_for_a_try_is_none(proxy: FaultProxy) -> None:
    proxy.fault, proxy.retry_after = "429", "19.5"
    began = time.monotonic()
    with pytest.raises(ToolError, match="status 429"):
        await search(("searxng", proxy.url), within=20).find(QUERY)
    assert time.monotonic() - began < 15
    assert proxy.connections == 1


async def test_without_the_header_all_is_as_before(proxy: FaultProxy) -> None:
    proxy.fault = "503"
    web = search(("searxng", proxy.url), within=5)
    for asked in (1, 2, 3, 3):
        with pytest.raises(ToolError):
            await web.find(QUERY)
        assert proxy.connections == asked * TRIES


async def test_it_rests_as_long_as_was_asked_and_no_longer_than_an_hour(proxy: FaultProxy) -> None:
    now = 0.0
    web = search(("brave", proxy.url), within=5, breaker=Breaker(clock=lambda: now))
    proxy.fault, proxy.retry_after = "429", "600"
    with pytest.raises(ToolError, match="status 429"):
        await web.find(QUERY)
    now = 599.0
    with pytest.raises(ToolError, match="resting for 1 s, as it asked"):
        await web.find(QUERY)
    now, proxy.retry_after = 600.0, "864000"
    with pytest.raises(ToolError, match="status 429"):
        await web.find(QUERY)
    now, proxy.fault = 600 + MOST - 1, "none"
    with pytest.raises(ToolError, match="as it asked"):
        await web.find(QUERY)
    assert proxy.connections == 2
    now += 1
    assert (await web.find(QUERY)).hits


async def test_a_search_that_comes_while_another_waits_does_not_ask(server: SearchServer, proxy: FaultProxy) -> None:
    proxy.fault, proxy.retry_after, proxy.once = "429", "2", True
    web = search(("searxng", proxy.url), ("brave", server.url), within=20)
    waiting = asyncio.create_task(web.find(QUERY))
    for _ in range(500):
        if web._providers[0][1]._held:  # it has answered
            break
        await asyncio.sleep(0.01)
    assert (await web.find(QUERY)).provider == "brave"
    assert proxy.connections == 1
    assert (await waiting).provider == "searxng"


def test_a_rest_that_was_asked_for_and_one_after_failures_are_both_kept() -> None:
    now = 0.0
    breaker = Breaker(limit=1, rest=60, clock=lambda: now)
    breaker.hold(10)
    breaker.hold(5)  # a shorter one ends no longer one
    with pytest.raises(Exception, match="10 s, as it asked"), breaker.guard():
        pytest.fail("a call while it rests")
    now = 10.0
    with pytest.raises(ValueError, match="down"), breaker.guard():
        raise ValueError("down")
    now = 11.0
    breaker.hold(5)
    now = 16.0
    with pytest.raises(Exception, match="54 s after 1 failures"), breaker.guard():
        pytest.fail("a call while it rests")


# -- pages


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.mark.parametrize("status", [429, 503])
async def test_the_server_of_a_page_is_left_alone(site: Site, status: int) -> None:
    site.pages |= {
        "/busy": Reply(b"<p>Too many", status=status, headers={"Retry-After": "600"}),
        "/leads": moved("/good"),
        "/good": article("Good", "A page of a server that is busy. " * 9),
    }
    reader = PageReader(site.egress("b.example"), readers=1)
    read = partial(reader.read, seconds=15)
    assert await read([site.url("/busy")]) == [Unread(site.url("/busy"), "busy")]
    asked = list(site.asked)
    outcomes = await read([site.url("/good"), site.url("/leads")])
    assert [getattr(outcome, "reason", "") for outcome in outcomes] == ["busy", "busy"]
    assert site.asked == asked, "not even for its robots.txt"
    [other] = await read([site.url("/good", "b.example")])
    assert isinstance(other, Page), "another server is another one"
    reader.close()


async def test_pages_that_are_busy_without_saying_how_long_are_asked_again(site: Site) -> None:
    site.pages["/busy"] = Reply(b"<p>Too many", status=503)
    reader = PageReader(site.egress(), readers=1)
    for _ in range(2):
        await reader.read([site.url("/busy")], 5)
    assert site.asked.count("/busy") == 2
    reader.close()


@pytest.mark.parametrize("status", [429, 503])
def test_a_robots_txt_that_says_when_to_come_back(site: Site, status: int) -> None:
    now = 0.0
    robots = Robots(site.egress(), clock=lambda: now)
    site.pages["/robots.txt"] = Reply(b"", "text/plain", status, {"Retry-After": "600"})
    assert not robots.allow(site.url("/x"), 5)
    site.pages["/robots.txt"] = Reply(b"User-agent: *\nAllow: /", "text/plain")
    now = KEPT_TROUBLE + 1
    assert not robots.allow(site.url("/x"), 5)
    assert site.asked == ["/robots.txt"]
    now = 600.0
    assert robots.allow(site.url("/x"), 5)


def test_servers_are_remembered_until_their_time_is_over() -> None:
    now = 0.0
    servers = LeftAlone(clock=lambda: now)
    servers.note("https://a.example/x", 10)
    servers.note("https://a.example/y", 5)
    servers.note("https://b.example/", 0)
    assert "https://A.example:443/z" in servers
    assert "https://b.example/" not in servers
    assert "http://a.example:8080/" not in servers
    now = 10.0
    assert "https://a.example/x" not in servers
    for n in range(2000):
        servers.note(f"https://a{n}.example/", 60)
    assert "https://a1999.example/" in servers
    assert "https://a0.example/" not in servers, "so many are not kept"
