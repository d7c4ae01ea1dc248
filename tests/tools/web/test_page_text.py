"""What is taken from a page: its main text and title, in whatever encoding and format, and its date."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.tools.library.conftest import _pdf as pdf
from tests.tools.web.page_reading import _fresh as _fresh
from tests.tools.web.page_reading import one
from tests.tools.web.page_reading import reader as reader
from tests.tools.web.page_reading import site as site
from tests.tools.web.site import PAGES, Reply, Site, article, clock, page
from tools.library.formats.source import Source
from tools.library.formats.web import read_web, within
from tools.web.fetch import CHARACTERS, Page, PageReader

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


async def test_the_text_is_bounded(site: Site, reader: PageReader) -> None:
    paragraphs = [f"This is paragraph {i} of a page that goes on and on without any end in sight." for i in range(4000)]
    site.pages["/x"] = article("Long", *paragraphs)
    text = (await one(reader, site.url("/x"))).text
    assert CHARACTERS // 2 < len(text) <= CHARACTERS
    assert text.endswith("in sight.\n")
