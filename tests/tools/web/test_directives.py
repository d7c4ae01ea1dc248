"""Pages that do not want to be shown: which rules count, for whom they are, and that nothing of such a page is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.library.conftest import TermEmbedder
from tests.tools.library.conftest import _pdf as pdf
from tests.tools.web.page_reading import site as site
from tests.tools.web.search_server import Hit, SearchServer, provider, running
from tests.tools.web.site import Reply, Site, article, clock, moved
from tools.base import Passage
from tools.library.formats import web as reader_of_pages
from tools.library.formats.source import Source
from tools.library.formats.web import read_web
from tools.web import WebSearch, WebTool
from tools.web.cache import SearchCache
from tools.web.directives import Withheld, withheld
from tools.web.egress import USER_AGENT
from tools.web.fetch import Page, PageReader, Unread

TEXT = "The lighthouse of Linden is 31 metres high and has 148 stairs, which visitors may climb from May on."
QUESTION = "How high is the lighthouse of Linden?"


@pytest.mark.parametrize(
    ("rules", "result"),
    [
        ("nosnippet", "nosnippet"),
        ("NoSnippet", "nosnippet"),
        ("index, follow ,nosnippet", "nosnippet"),
        ("noindex nofollow nosnippet", "nosnippet"),
        ("max-snippet:0", "nosnippet"),
        ("max-snippet : 0, max-image-preview:large", "nosnippet"),
        ("noarchive, nosnippet", "nosnippet"),
        ("max-snippet:-1, max-snippet:0", "nosnippet"),
        ("max-snippet:20, max-snippet:0", "nosnippet"),
        ("noarchive", "noarchive"),
        ("nocache", "noarchive"),
        ("max-snippet:160", "noarchive"),
        ("max-snippet:-1", None),
        ("max-snippet:many", None),
        ("noindex", None),
        ("none", None),
        ("noindex, nofollow, noimageindex, notranslate, indexifembedded", None),
        ("noai, noimageai", None),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST", None),
        ("all", None),
        ("nosnippets, xnosnippet", None),
        ("", None),
    ],
)
def test_rules(rules: str, result: Withheld | None) -> None:
    assert withheld([rules]) == withheld([], rules) == result


@pytest.mark.parametrize(
    ("headers", "result"),
    [
        (["kotae: nosnippet"], "nosnippet"),
        (["Kotae: noindex, max-snippet: 0"], "nosnippet"),
        (["*: nosnippet"], "nosnippet"),
        (["googlebot: nosnippet"], None),
        (["googlebot: noindex, nosnippet"], None),
        (["googlebot: noindex, kotae: nosnippet"], "nosnippet"),
        (["googlebot: nosnippet", "noarchive"], "noarchive"),
        (["noarchive", "kotae: nosnippet"], "nosnippet"),
        (["kotae: all", "nosnippet"], "nosnippet"),
        (["unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, nosnippet"], "nosnippet"),
        (["unavailable_after: Friday, 25-Jun-10 15:00:00 GMT, nosnippet"], "nosnippet"),
        (["kotae2: nosnippet"], None),
        ([":,:::, ,", ""], None),
        ([], None),
    ],
)
def test_whom_a_header_is_for(headers: list[str], result: Withheld | None) -> None:
    assert withheld(headers) == result


def page_of(head: str, body: str = f"<p>{TEXT}</p>") -> Reply:
    return article("Lighthouse", *([body] * 3), head=head)


@pytest.mark.parametrize(
    ("head", "result"),
    [
        ('<meta name="robots" content="nosnippet">', "nosnippet"),
        ("<META NAME=ROBOTS CONTENT=NOSNIPPET>", "nosnippet"),
        ('<meta content="noarchive" name=" Kotae ">', "noarchive"),
        ('<meta name="robots" content="all"><meta name="kotae" content="nosnippet">', "nosnippet"),
        ('<meta name="robots" content="noarchive"><meta name="robots" content="max-snippet:0">', "nosnippet"),
        ('<meta name="googlebot" content="nosnippet">', None),
        ('<meta name="description" content="nosnippet">', None),
        ('<meta property="robots" content="nosnippet"><meta name="robots">', None),
        ('<!-- <meta name="robots" content="nosnippet"> -->', None),
    ],
)
def test_what_a_page_holds(head: str, result: Withheld | None) -> None:
    loaded = read_web(Source(page_of(head).body, Path("x.html")), "https://a.example/", html=True)
    assert withheld([], loaded.robots) == result


def test_pages_may_name_us_by_the_name_that_servers_hear() -> None:
    assert USER_AGENT.lower() in reader_of_pages._ADDRESSED


def test_parts_that_may_not_be_shown_are_no_part_of_the_text() -> None:
    body = (
        f"<main><h1>Lighthouse</h1>{f'<p>{TEXT}</p>' * 3}"
        "<div data-nosnippet><p>Hidden one, with <span data-nosnippet>hidden two</span> inside.</p></div>"
        '<p>Shown before <span DATA-NOSNIPPET="true">hidden three</span> and after.</p>'
        "<section data-nosnippet=false><p>Hidden four, whatever its value.</p></section>"
        "<p data-nosnippet>This element cannot be hidden, by the definition of the attribute.</p></main>"
    )
    source = Source(f"<title>t</title>{body}".encode(), Path("x.html"))
    text = read_web(source, "https://a.example/", html=True).text
    assert "hidden" not in re.sub("cannot be hidden", "", text.lower())
    assert "Shown before" in text
    assert "and after" in text
    assert "cannot be hidden" in text


def test_many_parts_inside_one_another() -> None:
    """Taking them out of a page that was made to break it costs no more than the page."""
    nested = "<div data-nosnippet>" * 20_000 + "deep" + "</div>" * 20_000
    source = Source(f"<title>t</title><main>{f'<p>{TEXT}</p>' * 3}{nested}</main>".encode(), Path("x.html"))
    text = read_web(source, "https://a.example/", html=True).text
    assert TEXT in text
    assert "deep" not in text


# -- from the search to the passages


@pytest.fixture(scope="module")
def reader(site: Site) -> Iterator[PageReader]:
    reader = PageReader(site.egress(), readers=1, clock=clock)
    yield reader
    reader.close()


NOSNIPPET = {"X-Robots-Tag": "kotae: nosnippet"}


async def test_pages_that_are_not_read(site: Site, reader: PageReader) -> None:
    site.pages = {
        "/meta": page_of('<meta name="robots" content="nosnippet">'),
        "/header": Reply(page_of("").body, headers=NOSNIPPET),
        "/pdf": Reply(pdf([TEXT]), "application/pdf", headers=NOSNIPPET),
        "/text": Reply(TEXT.encode(), "text/plain", headers={"X-Robots-Tag": "noarchive"}),
        "/both": Reply(page_of('<meta name="robots" content="nosnippet">').body, headers={"X-Robots-Tag": "noarchive"}),
        "/leads": moved("/meta"),
        "/other": Reply(page_of("").body, headers={"X-Robots-Tag": "otherbot: nosnippet"}),
        "/noindex": page_of('<meta name="robots" content="noindex, nofollow">'),
    }
    outcomes = await reader.read([site.url(path) for path in site.pages], 20)
    assert [outcome.reason if isinstance(outcome, Unread) else "" for outcome in outcomes] == [
        *["nosnippet"] * 3,
        "noarchive",
        *["nosnippet"] * 2,
        "",
        "",
    ]
    assert all(TEXT in outcome.text for outcome in outcomes if isinstance(outcome, Page))


async def gathered(site: Site, reader: PageReader, folder: Path, *hits: Hit) -> list[Passage]:
    """What a search finds that shows these hits; asked twice, so that the cache has its turn."""
    with running(SearchServer(otherwise=hits)) as server:
        search = WebSearch([provider("searxng", server.url)], cache=SearchCache(folder / "searches.sqlite"))
        web = WebTool(search, embedder=TermEmbedder(), reader=reader, seconds=20)
        found = await web.gather(QUESTION, k=6)
        assert await web.gather(QUESTION, k=6) == found
        assert len(server.asked) == 1
    return found


async def test_nothing_is_told_of_a_page_that_may_not_be_shown(site: Site, reader: PageReader, tmp_path: Path) -> None:
    """Not of its text, and not of what the service still shows of it; others have their say."""
    site.pages = {
        "/unshown": page_of('<meta name="robots" content="nosnippet">'),
        "/kept": page_of('<meta name="robots" content="noarchive">'),
        "/open": article(
            "Harbour", "The lighthouse of Linden stands at the end of the pier, which is 400 metres long."
        ),
    }
    found = await gathered(
        site,
        reader,
        tmp_path,
        Hit("Lighthouse", site.url("/unshown"), "The lighthouse of Linden is 31 metres high."),
        Hit("Tower", site.url("/kept"), "The height of the lighthouse: 31 metres"),
        Hit("Harbour", site.url("/open"), "All about the harbour"),
    )
    assert {passage.url for passage in found} == {site.url("/kept"), site.url("/open")}
    told = {passage.url: passage.text for passage in found}
    assert told[site.url("/kept")] == "The height of the lighthouse: 31 metres"
    assert "400 metres" in told[site.url("/open")]
    assert not any("148 stairs" in passage.text for passage in found)


async def test_an_address_that_was_typed_is_no_exception(site: Site, reader: PageReader) -> None:
    site.pages = {"/unshown": Reply(page_of("").body, headers=NOSNIPPET)}
    web = WebTool(WebSearch([]), embedder=TermEmbedder(), reader=reader, seconds=20)
    assert await web.gather(f"How high is it? {site.url('/unshown')}", k=4) == []
