"""Pages that are read side by side: what is taken from them, what is given up, and what it may cost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.tools.library.conftest import _pdf as pdf
from tests.tools.web.site import PAGES, Reply, Site, article, clock, moved, page, serving, traps
from tools.library.formats.source import Source
from tools.library.formats.web import read_web, within
from tools.web import Egress
from tools.web.fetch import CHARACTERS, Page, PageReader, Unread


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture(scope="module")
def reader(site: Site) -> Iterator[PageReader]:
    reader = PageReader(site.egress("a.example", "b.example"), readers=2, clock=clock)
    yield reader
    reader.close()


@pytest.fixture(autouse=True)
def _fresh(site: Site) -> None:
    site.pages.clear()
    site.asked.clear()


async def one(reader: PageReader, url: str, seconds: float = 15) -> Page:
    [outcome] = await reader.read([url], seconds)
    assert isinstance(outcome, Page), outcome
    return outcome


EXPECTED = yaml.safe_load((PAGES / "expected.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", EXPECTED)
async def test_the_main_text_keeps_its_structure_and_loses_what_is_around_it(
    site: Site, reader: PageReader, name: str
) -> None:
    site.pages["/x"] = page(name)
    found = await one(reader, site.url("/x"))
    expected = EXPECTED[name]
    assert (found.title, found.published) == (expected["title"], str(expected["published"]))
    assert (found.type, found.url, found.read_at) == ("html", site.url("/x"), clock())
    assert [piece for piece in expected["kept"] if piece not in found.text] == []
    assert [piece for piece in expected["lost"] if piece in found.text] == []


JAPANESE = "灯台の高さは31メートルで、①らせん階段は148段あります。運営は㈱青浜観光が担います。" * 3


@pytest.mark.parametrize(
    ("encoding", "header", "meta"),
    [
        ("cp932", "Shift_JIS", ""),
        ("cp932", "", "Shift_JIS"),
        ("cp932", "", ""),
        ("cp932", "utf-8", ""),
        ("euc_jis_2004", "euc-jp", ""),
        ("euc_jis_2004", "", "EUC-JP"),
        ("euc_jis_2004", "", ""),
        ("jis", "iso-2022-jp", ""),
        ("jis", "", "ISO-2022-JP"),
        ("jis", "", ""),
        ("utf-8", "Shift_JIS", ""),
        ("utf-8", "iso-8859-1", "utf-8"),
        ("utf-8", "", ""),
        ("utf-8-sig", "", ""),
        ("utf-16", "", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16-le", "utf-16le", ""),
        ("utf-8", "no-such-charset", ""),
    ],
)
async def test_encodings(site: Site, reader: PageReader, encoding: str, header: str, meta: str) -> None:
    said = f'<meta charset="{meta}">' if meta else ""
    text = (
        f"<!doctype html><html><head>{said}<title>灯台</title></head><body><main><p>{JAPANESE}</p></main></body></html>"
    )
    data = as_jis(text) if encoding == "jis" else text.encode(encoding)
    site.pages["/x"] = Reply(data, f"text/html; charset={header}" if header else "text/html")
    found = await one(reader, site.url("/x"))
    assert (found.title, found.text.strip()) == ("灯台", JAPANESE)


def as_jis(text: str) -> bytes:
    """ISO-2022-JP as Windows writes it."""
    out = b""
    for char in text:
        code = char.encode("euc_jis_2004")
        out += code if char.isascii() else b"\x1b$B" + bytes(byte & 0x7F for byte in code) + b"\x1b(B"
    return out


@pytest.mark.parametrize(
    ("head", "body", "published"),
    [
        ('<meta property="article:published_time" content="2024-07-28T23:30:00+09:00">', "", "2024-07-28"),
        ('<meta name="dcterms.modified" content="2025-01-10">', "", "2025-01-10"),
        ('<meta property="article:published_time" content="2199-01-01">', "", ""),
        ('<meta name="date" content="2199-01-01">', "<p>Last updated: 3 May 2024</p>", "2024-05-03"),
        (
            '<script type="application/ld+json">{"@type":"Article","dateModified":"2023-04-05"}</script>',
            "",
            "2023-04-05",
        ),
        ('<script type="application/ld+json">{"datePublished": "soon"</script>', "", ""),
        ("", '<time datetime="2022-01-23">a Sunday</time>', "2022-01-23"),
        ("", '<p class="date">2024年5月3日 7時30分</p>', "2024-05-03"),
        ("", '<div class="entry-date">May 3, 2024</div>', "2024-05-03"),
        ("", "<p>最終更新日：令和6年6月1日</p>", "2024-06-01"),
        ("", "<p>公開日 2020/2/29</p>", "2020-02-29"),
        ("", "<p>Published on 29 February 2023</p>", ""),
        ("", "<p>The tower was built on 3 May 1964, and the meeting of March 4, 2019 was long.</p>", ""),
        ("", "<footer>Copyright 2023 by us</footer>", ""),
    ],
)
def test_dates(head: str, body: str, published: str) -> None:
    text = "<p>The tower stands at the end of the pier and can be climbed by anybody who likes stairs.</p>" * 4
    source = Source(
        f"<html><head><title>t</title>{head}</head><body>{text}{body}</body></html>".encode(), Path("x.html")
    )
    assert read_web(source, "https://a.example/tower", html=True).published == published
    assert published <= date.today().isoformat()


def test_a_date_in_the_address() -> None:
    source = Source(b"<title>t</title><p>" + b"The tower stands at the end of the pier. " * 9, Path("x.html"))
    assert read_web(source, "https://a.example/2021/05/07/tower", html=True).published == "2021-05-07"


def test_what_is_within_the_main_text() -> None:
    markdown = (
        "1. Rank\n\n# Title\n\nThe first paragraph is here.\n\n## Empty\n\nMenu entry number one\n\n## Full\n\n"
        "- Yes\n- No\n\nNo\n\n1. Step\n2. Step\n\n"
        "### Inner\n\n| a | b |\n| --- | --- |\n| cell | another cell |\n\n```\ncode = here()\n```\n\n## Last\n"
    )
    main = "The first paragraph is here.\nYes\na b\ncell another cell\ncode = here()"
    assert within(markdown, main) == (
        "# Title\n\nThe first paragraph is here.\n\n## Full\n\n- Yes\n- No\n\n1. Step\n2. Step\n\n"
        "### Inner\n\n| a | b |\n| --- | --- |\n| cell | another cell |\n\n```\ncode = here()\n```\n"
    )
    assert within(markdown, "") == within("", main) == ""


async def test_pdf_text_markdown_and_xhtml(site: Site, reader: PageReader) -> None:
    site.pages |= {
        "/a.pdf": Reply(pdf(["The bridge is 80 m long."], ["It has 640 hangers."], title="Bridge"), "application/pdf"),
        "/b": Reply("Zwölf Boxkämpfer.\n".encode("cp1252"), "text/plain; charset=iso-8859-1"),
        "/c": Reply(b"# Notes\n\nOne.\n\n## More\n\nTwo.\n", "text/markdown"),
        "/d": Reply(
            b'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>X</title>'
            b"</head><body><p>Well formed.</p></body></html>",
            "application/xhtml+xml",
        ),
        "/e": Reply(pdf(["Sent without a type."]), ""),
        "/f": Reply(b"<p>Neither has this one a type.", ""),
    }
    found = await reader.read([site.url(path) for path in site.pages], 20)
    assert all(isinstance(outcome, Page) for outcome in found), found
    a, b, c, d, e, f = (outcome for outcome in found if isinstance(outcome, Page))
    assert (a.type, a.title, len(a.pages)) == ("pdf", "Bridge", 2)
    assert a.text[a.pages[1] :].strip() == "It has 640 hangers."
    assert (b.type, b.text) == ("text", "Zwölf Boxkämpfer.\n")
    assert (c.type, c.title) == ("markdown", "Notes")
    assert (d.type, d.title, d.text.strip()) == ("html", "X", "Well formed.")
    assert "Sent without a type" in e.text
    assert "Neither has this one" in f.text


async def test_a_page_that_is_one_form(site: Site, reader: PageReader) -> None:
    """As whole sites of offices are: what trafilatura finds is taken as it is."""
    text = "".join(f"<p>The office in room {i} is open from nine to four on working days.</p>" for i in range(9))
    site.pages["/x"] = Reply(f"<title>Office</title><body><form><h1>Office</h1>{text}</form></body>".encode())
    assert "room 7 is open" in (await one(reader, site.url("/x"))).text


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


async def test_the_text_is_bounded(site: Site, reader: PageReader) -> None:
    paragraphs = [f"This is paragraph {i} of a page that goes on and on without any end in sight." for i in range(4000)]
    site.pages["/x"] = article("Long", *paragraphs)
    text = (await one(reader, site.url("/x"))).text
    assert CHARACTERS // 2 < len(text) <= CHARACTERS
    assert text.endswith("in sight.\n")


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
