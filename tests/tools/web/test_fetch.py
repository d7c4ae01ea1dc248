"""Pages that are read side by side: what is given up, what is asked of their servers, and what it may cost."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tests.tools.web.page_reading import _fresh as _fresh
from tests.tools.web.page_reading import one
from tests.tools.web.page_reading import reader as reader
from tests.tools.web.page_reading import site as site
from tests.tools.web.site import Reply, Site, article, moved, traps
from tools.web import Egress
from tools.web.fetch import Page, PageReader, Unread

REASONS = {
    "/loop": "redirects",
    "/there": "redirects",
    "/drip": "too_slow",
    "/slow": "too_slow",
    "/huge": "too_large",
    "/bomb": "too_large",
    "/picture": "type",
    "/program": "type",
    "/archive-as-html": "unreadable",
    "/archive-as-text": "unreadable",
    "/broken.pdf": "unreadable",
    "/login": "closed",
    "/paywall": "closed",
    "/missing": "missing",
    "/limited": "busy",
    "/down": "busy",
    "/teapot": "status",
    "/script": "unreadable",
    "/empty": "unreadable",
}


async def test_traps_end_in_time_and_take_nobody_with_them(site: Site) -> None:
    site.pages |= {**traps(), "/good": article("Good", "A page among traps. " * 9)}
    reader = PageReader(site.egress(bytes=10 * 2**20), readers=2)
    await one_of_each(reader, site)
    began = time.monotonic()
    urls = [site.url(path) for path in (*REASONS, "/good", "/nested")]
    outcomes = await reader.read(urls, 6)
    assert time.monotonic() - began < 10, "the slow page alone takes thirty seconds"
    reader.close()
    told = {
        path: outcome.reason for path, outcome in zip(REASONS, outcomes, strict=False) if isinstance(outcome, Unread)
    }
    assert told == REASONS
    assert [outcome.url for outcome in outcomes[:-2]] == urls[:-2]
    assert isinstance(outcomes[-2], Page)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1/", "refused"),
        ("http://169.254.169.254/latest/meta-data/", "refused"),
        ("file:///etc/passwd", "refused"),
        ("nonsense", "refused"),
        ("http://gone.example/", "unreachable"),
    ],
)
async def test_what_the_way_out_says(url: str, reason: str) -> None:
    def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    other = PageReader(Egress(resolve=nobody), readers=1)
    assert await other.read([url], 5) == [Unread(url, reason)]  # type: ignore[arg-type]


async def test_robots_are_heard_at_every_hop(site: Site, reader: PageReader) -> None:
    site.pages |= {
        "/robots.txt": Reply(b"User-agent: Kotae\nDisallow: /private", "text/plain"),
        "/private/a": article("A", "Nobody may read this."),
        "/leads": moved("/private/a"),
        "/open": article("B", "Everybody may read this."),
    }
    fresh = PageReader(site.egress(), readers=1)
    outcomes = await fresh.read([site.url(path) for path in ("/private/a", "/leads", "/open")], 10)
    fresh.close()
    assert [getattr(outcome, "reason", "") for outcome in outcomes] == ["robots", "robots", ""]
    assert "/private/a" not in site.asked
    assert site.asked.count("/robots.txt") == 1
    assert site.agents == {"Kotae"}


async def test_the_time_of_robots_counts(site: Site) -> None:
    site.pages |= {"/robots.txt": Reply(delay=20), "/x": article("X", "Never asked for.")}
    reader = PageReader(site.egress(), readers=1)
    began = time.monotonic()
    assert await reader.read([site.url("/x")], 0.5) == [Unread(site.url("/x"), "too_slow")]
    assert time.monotonic() - began < 1.5
    assert "/x" not in site.asked
    reader.close()


async def test_one_page_is_read_once(site: Site, reader: PageReader) -> None:
    own = '<link rel="canonical" href="/story?id=1">'
    site.pages |= {
        "/a": article("Story", "A story that has several addresses.", head=own),
        "/b": moved("/a"),
        "/story?id=1": article("Story", "A story that has several addresses."),
        "/other": article("Story", "A story that has several addresses."),
        "/forged": article("Forged", "This page passes itself off as another.", head='<link rel=canonical href="/a">'),
    }
    urls = [site.url("/a"), site.url("/a#part"), site.url("/b"), site.url("/story?id=1"), site.url("/other")]
    outcomes = await reader.read([*urls, site.url("/a", "a.example")], 10)
    assert [getattr(outcome, "reason", "") for outcome in outcomes] == [
        "",
        "duplicate",
        "duplicate",
        "duplicate",
        "",
        "",
    ]
    assert site.asked.count("/a") == 3, "once as itself, once moved to, once by its other name"
    # no server speaks for another one
    [first, second] = await reader.read([site.url("/forged", "b.example"), site.url("/a", "a.example")], 10)
    assert isinstance(first, Page)
    assert isinstance(second, Page)


async def test_where_it_was_found_is_its_address(site: Site, reader: PageReader) -> None:
    site.pages |= {"/old": moved("/new", 301), "/new": article("New", "It has moved here for good.")}
    assert (await one(reader, site.url("/old"))).url == site.url("/new")


async def test_pages_are_read_side_by_side(site: Site, reader: PageReader) -> None:
    await one_of_each(reader, site)
    for i in range(5):
        site.pages[f"/{i}"] = article(f"Page {i}", f"This is page number {i}.", head=f"<meta name=n content={i}>")
        site.pages[f"/{i}"].delay = 0.5 + 0.1 * i
    began = time.monotonic()
    outcomes = await reader.read([site.url(f"/{i}") for i in range(5)], 10)
    took = time.monotonic() - began
    assert [outcome.title for outcome in outcomes if isinstance(outcome, Page)] == [f"Page {i}" for i in range(5)]
    assert took < 3.4, "one after the other they wait 3.5 seconds"


async def one_of_each(reader: PageReader, site: Site) -> None:
    """Start all children, so that it does not count."""
    site.pages["/warm"] = article("Warm", "Up.")
    reader.warm()
    await one(reader, site.url("/warm"))


async def test_no_addresses(reader: PageReader) -> None:
    assert await reader.read([], 1) == []


async def test_a_cancelled_turn_leaves_the_reader_usable(site: Site, reader: PageReader) -> None:
    site.pages |= {"/slow": Reply(b"<p>late", delay=0.4), "/x": article("X", "Here.")}
    task = asyncio.create_task(reader.read([site.url("/slow")], 5))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await one(reader, site.url("/x"))).title == "X"


async def test_children_are_kept_and_end_with_the_reader(site: Site) -> None:
    site.pages["/x"] = article("X", "Here.")
    reader = PageReader(site.egress(), readers=1)
    before = children()
    reader.warm()
    await one(reader, site.url("/x"))
    started = children() - before
    await one(reader, site.url("/x"))
    assert len(started) == 1
    assert children() - before == started
    reader.close()
    reader.close()
    assert not children() & started
    assert await reader.read([site.url("/x")], 5) == [Unread(site.url("/x"), "ended")]


async def test_a_page_that_takes_too_long_to_read_ends_its_child_and_warming_starts_another(site: Site) -> None:
    site.pages |= {"/nested": traps()["/nested"], "/x": article("X", "Here.")}
    reader = PageReader(site.egress(), readers=1)
    before = children()
    reader.warm()
    await one(reader, site.url("/x"))
    [first] = children() - before
    assert await reader.read([site.url("/nested")], 1) == [Unread(site.url("/nested"), "too_slow")]
    for _ in range(100):  # the thread that reads it ends a moment later than whoever waits
        if not children() - before:
            break
        await asyncio.sleep(0.02)
    reader.warm()
    await one(reader, site.url("/x"))
    [second] = children() - before
    assert first != second
    reader.close()


def children() -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process(os.getpid()).children()}
