"""Passages of pages: which are looked at, their order, their trust, and what is said twice."""

from __future__ import annotations

import random
from dataclasses import replace
from urllib.parse import unquote

import pytest

from tests.tools.library.conftest import TermEmbedder
from tests.tools.web.site import page as page_of
from tests.tools.web.site import serving
from tools.base import Passage
from tools.library import E5
from tools.library.search import PER_DOCUMENT
from tools.web.fetch import Page, PageReader
from tools.web.fragment import text_fragment
from tools.web.ranking import CANDIDATES, MOST, PAGE, SNIPPET, VOICE, rank, site

READ_AT = 1767323045.0
MEANING = E5()
"""The embedder that Kotae carries, loaded once."""


def page(url: str, text: str, title: str = "A page", **more: object) -> Page:
    return Page(url, title, text, "html", published="2025-03-14", read_at=READ_AT, asked=url, **more)  # type: ignore[arg-type]


def snippet(url: str, text: str, title: str = "A page") -> Passage:
    return Passage("s", text, title, url, "web", end=len(text), score=1.0, trust=0.5)


def filler(n: int, seed: int = 0) -> str:
    """Sections of about one passage each, of words that nobody asks for; other ones for another seed."""
    draw = random.Random(seed)
    return "\n\n".join(
        "## Section\n\n" + " ".join("".join(draw.choices("aeioubdgklmnprst", k=6)) for _ in range(80)) + "."
        for _ in range(n)
    )


LIGHTHOUSE = "# The lighthouse\n\nThe lighthouse of Linden is 31 metres high and was opened in 1889.\n"


def test_a_passage_says_where_it_is_from() -> None:
    pages = [page("https://a.example/x", LIGHTHOUSE + "\n" + filler(3), "Linden")]
    found = rank("How high is the lighthouse of Linden?", pages, [], TermEmbedder(), 2)
    first = found[0]
    assert "31 metres" in first.text
    assert pages[0].text[first.start : first.end] == first.text
    assert (first.title, first.url, first.kind, first.page) == ("Linden", "https://a.example/x", "web", None)
    assert (first.heading, first.trust) == (("The lighthouse",), PAGE)
    assert (first.published, first.read_at) == ("2025-03-14", READ_AT)
    assert set(first.stages) == {"vector", "words"}
    assert first.document == found[1].document != ""
    assert first.id != found[1].id
    assert first.score > found[1].score
    assert rank("How high is the lighthouse of Linden?", pages, [], TermEmbedder(), 2) == found


def test_pages_of_a_pdf_are_kept() -> None:
    text = "The bridge is long.\n\nThe lighthouse is 31 metres high.\n"
    pages = [replace(page("https://a.example/x.pdf", text), type="pdf", pages=(0, text.index("The lighthouse")))]
    found = rank("How high is the lighthouse?", pages, [], TermEmbedder(), 2)
    assert (found[0].page, found[0].text) == (2, "The lighthouse is 31 metres high.")


@pytest.mark.parametrize("query", ["", "?", "How high is the lighthouse?", "灯台の高さは？"])
def test_nothing_to_rank(query: str) -> None:
    assert rank(query, [], [], TermEmbedder(), 4) == []
    assert rank(query, [page("https://a.example/", LIGHTHOUSE)], [], TermEmbedder(), 0) == []
    assert rank(query, [page("https://a.example/", "\n")], [], TermEmbedder(), 3) == []
    assert len(rank(query, [page("https://a.example/", LIGHTHOUSE)], [], TermEmbedder(), 3)) == 1


def test_few_passages_are_embedded_and_every_page_begins_among_them() -> None:
    embedder = TermEmbedder()
    pages = [
        page(f"https://{name}.example/", f"{name} begins so.\n\n" + filler(40, seed), name)
        for seed, name in enumerate(("garden", "museum", "bridge", "school", "market"))
    ]
    pages[0] = replace(pages[0], text=pages[0].text + "\n\n" + "The lighthouse is 31 metres high. " * 5)
    found = rank("How high is the lighthouse?", pages, [], embedder, 30)
    assert embedder.embedded == CANDIDATES == len(found)
    assert "31 metres" in found[0].text
    assert {p.url for p in found if p.start == 0} == {page.url for page in pages}


def test_the_snippet_shows_where_to_look() -> None:
    text = filler(40) + "\n\n## Tower\n\n" + "It measures thirty-one paces from ground to lantern. " * 8 + filler(40)
    hit = snippet("https://a.example/", "... measures thirty-one paces from ground to lantern ...")
    asked = "灯台の高さは？"
    # the snippet is of what was asked for, whatever it was moved to
    moved = replace(page("https://a.example/", text), url="https://www.a.example/new")
    [without] = [[p for p in rank(asked, [moved], [], TermEmbedder(), 24) if "lantern" in p.text]]
    [with_it] = [[p for p in rank(asked, [moved], [hit], TermEmbedder(), 24) if "lantern" in p.text]]
    assert not without
    assert with_it


def test_the_snippet_stands_in_for_a_page_that_was_not_read() -> None:
    hit = snippet("https://b.example/", "The lighthouse is 31 metres high.", "Lighthouses")
    other = snippet("https://a.example/", "Something about gardens.")
    found = rank(
        "How high is the lighthouse?", [page("https://a.example/", filler(2))], [other, hit], TermEmbedder(), 9
    )
    assert [p for p in found if p.url == "https://b.example/"] == [found[0]]
    assert (found[0].text, found[0].trust, found[0].document, found[0].id) == (hit.text, SNIPPET, "", "s")
    assert other.text not in [p.text for p in found]
    assert rank("How high?", [], [hit, other], TermEmbedder(), 1)


def test_the_snippet_of_another_address_of_a_page_that_was_read_is_not_needed() -> None:
    hit = snippet("https://a.example/print", "The lighthouse of Linden is 31 metres high and was opened in 1889.")
    found = rank("How high is the lighthouse?", [page("https://a.example/", LIGHTHOUSE)], [hit], TermEmbedder(), 9)
    assert [p.url for p in found] == ["https://a.example/"]


async def test_from_a_search_to_the_sentence() -> None:
    """Pages of a site are read, ranked, and linked to, in Japanese and old encodings."""
    with serving({f"/{name}": page_of(name) for name in ("news_ja", "blog_ja", "news_en")}) as site_:
        reader = PageReader(site_.egress("ja.example"), readers=1)
        urls = [site_.url(path, "ja.example") for path in site_.pages]
        outcomes = await reader.read(urls, 20)
        reader.close()
    pages = [outcome for outcome in outcomes if isinstance(outcome, Page)]
    first = rank("灯台の高さは何メートルですか", pages, [], MEANING, 3)[0]
    assert (first.url, first.title, first.published) == (urls[0], "青浜の灯台、60年ぶりに一般公開へ", "2024-05-03")
    link = text_fragment(first.url, "灯台の高さは31メートルで、らせん階段は148段ある。", first.text)
    assert unquote(link) == f"{urls[0]}#:~:text=灯台の高さは31メートルで、らせん階段は148段ある"


def test_several_snippets_are_of_several_pages() -> None:
    hits = [snippet(f"https://{n}.example/", f"The lighthouse number {n} is {n}1 metres high.") for n in range(6)]
    assert len(rank("How high is the lighthouse?", [], hits, TermEmbedder(), 6)) == 6


def test_few_passages_of_one_page_as_long_as_there_are_others() -> None:
    long = "\n\n".join(f"## Part {i}\n\n" + f"The lighthouse of part {i} is {i} metres high. " * 12 for i in range(9))
    pages = [
        page("https://a.example/", long),
        page("https://b.example/", filler(3)),
        page("https://c.example/", filler(3, 7)),
    ]
    found = rank("How high is the lighthouse?", pages, [], TermEmbedder(), 6)
    assert len(found) == 6
    assert sum(p.url == "https://a.example/" for p in found) == PER_DOCUMENT
    assert sum(p.url == "https://a.example/" for p in rank("How high?", pages[:1], [], TermEmbedder(), 6)) == 6


NEWS = LIGHTHOUSE + "\n" + "The town council of Linden decided on Monday to repair its stairs, all 148 of them. " * 3


def test_a_report_on_two_sites_is_given_once_and_speaks_once() -> None:
    pages = [
        page("https://a.example/news", NEWS),
        page("https://b.example/copy", "The Linden Post.\n\n" + NEWS + "\n\nRead more on our site."),
    ]
    found = rank("How high is the lighthouse of Linden?", pages, [], TermEmbedder(), 5)
    told = [p for p in found if "31 metres" in p.text]
    assert len(told) == 1
    assert (told[0].url, told[0].copies, told[0].trust) == ("https://a.example/news", ("https://b.example/copy",), PAGE)


def test_a_copy_with_another_number_is_no_copy() -> None:
    pages = [
        page("https://a.example/", LIGHTHOUSE),
        page("https://b.example/", LIGHTHOUSE.replace("31", "25")),
    ]
    found = rank("How high is the lighthouse of Linden?", pages, [], TermEmbedder(), 5)
    assert sorted(p.url for p in found) == ["https://a.example/", "https://b.example/"]
    assert [(p.copies, p.trust) for p in found] == [((), PAGE)] * 2


SAME = (
    "Visitors climb the lighthouse of Linden, 31 metres high, by a winding stair.",
    "The white lighthouse of Linden stands 31 metres high over the winding harbour stair.",
    "With its 31 metres the lighthouse of Linden is high enough for a winding stair.",
)
OTHER = "The lighthouse of Linden is 25 metres high, as visitors are told on the winding stair."


@pytest.mark.parametrize(
    ("urls", "trust"),
    [
        (["https://a.example/"], PAGE),
        (["https://a.example/", "https://b.example/"], PAGE + VOICE),
        (["https://a.example/", "https://b.example/", "https://c.example/"], MOST),
        (["https://a.example/", "https://www.a.example/"], PAGE),
        (["https://me.blog.example.co.uk/", "https://you.example.co.uk/"], PAGE),
        (["https://me.co.uk/", "https://you.co.uk/"], PAGE + VOICE),
    ],
)
def test_what_several_sites_say_is_believed_more(urls: list[str], trust: float) -> None:
    pages = [page(url, text + "\n\n" + filler(2, n)) for n, (url, text) in enumerate(zip(urls, SAME, strict=False))]
    found = rank("How high is the lighthouse of Linden?", pages, [], TermEmbedder(), 9)
    told = [p for p in found if "31 metres" in p.text]
    assert [p.trust for p in told] == pytest.approx([trust] * len(urls))
    assert all(p.trust == PAGE for p in found if p not in told)
    assert max(p.trust for p in found) <= MOST < 1.0


def test_several_sites_beat_one() -> None:
    pages = [
        page(f"https://{name}.example/", text + "\n\n" + filler(5, ord(name)))
        for name, text in zip("xab", (OTHER, *SAME[:2]), strict=True)
    ]
    for embedder in (TermEmbedder(), MEANING):
        found = rank("How high is the lighthouse of Linden?", pages, [], embedder, 3)
        assert ["25 metres" in p.text for p in found] == [False, False, True], embedder.name
        assert [p.trust for p in found] == pytest.approx([PAGE + VOICE, PAGE + VOICE, PAGE])


def test_japanese_sites_agree_too() -> None:
    pages = [
        page("https://a.example/", "青浜灯台の高さは31メートルで、らせん階段があります。"),
        page("https://b.example/", "高さ31メートルの青浜灯台には、らせん階段があります。"),
        page("https://c.example/", "青浜灯台の高さは25メートルで、らせん階段があります。"),
    ]
    found = rank("青浜灯台の高さは何メートルですか", pages, [], TermEmbedder(), 3)
    assert {p.url: round(p.trust, 2) for p in found} == {
        "https://a.example/": 0.6,
        "https://b.example/": 0.6,
        "https://c.example/": 0.5,
    }


@pytest.mark.parametrize(
    ("url", "owner"),
    [
        ("https://www.example.com/x", "example.com"),
        ("https://a.b.example.co.jp/", "example.co.jp"),
        ("https://EXAMPLE.org.:443/", "example.org"),
        ("https://me.github.io/", "github.io"),
        ("https://日本語.jp/", "日本語.jp"),
        ("http://192.0.2.1/", "192.0.2.1"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://intranet/", "intranet"),
        ("http://a.host.invalid/", "host.invalid"),
    ],
)
def test_who_a_page_belongs_to(url: str, owner: str) -> None:
    assert site(url) == owner


PARTS = {
    "Access": "The lighthouse is a walk of twenty minutes from the station; buses stop at the harbour every half hour.",
    "History": "It was built in 1889 after two ships had run aground, and served the navy until 1946.",
    "Tickets": "Adults pay 300 yen, pupils half of that, and children below school age enter free of charge.",
    "Opening": "Doors open at nine and close at four; on Tuesdays and in storms nobody is let in.",
    "Light": "The lamp is seen from 34 kilometres away and turns once in twenty seconds.",
    "Stairs": "A spiral of 148 steps leads to the gallery, without any lift.",
}
GUIDE = "# Lighthouse guide\n\nWelcome to the lighthouse.\n\n" + "\n\n".join(
    f"## {name}\n\n{text} " + "Ask the staff for more, or read the leaflet at the door. " * 6
    for name, text in PARTS.items()
)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How much does it cost to get in?", "Tickets"),
        ("Which day is it closed?", "Opening"),
        ("いつ建てられましたか", "History"),
        ("入場料はいくらですか", "Tickets"),
        ("階段は何段ありますか", "Stairs"),
        ("駅から歩いて何分ですか", "Access"),
    ],
)
def test_meaning_finds_the_part_in_either_language(question: str, part: str) -> None:
    pages = [page("https://a.example/", filler(6)), page("https://b.example/", GUIDE, "Lighthouse guide")]
    found = rank(question, pages, [], MEANING, 2)
    assert any(PARTS[part] in p.text for p in found)
    assert set(found[0].stages) == {"vector", "words", "tokens"}
