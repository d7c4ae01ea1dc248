"""The panel of a source: the passage in its surroundings, with the words that were quoted marked."""

from __future__ import annotations

import dataclasses
import re

import pytest
from allowlist import EN, JA, LIBRARY, inspect

from ui.markup import CLOSE, OPEN, marked
from ui.render import source_path
from ui.render_panel import locate, panel_html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a {OPEN}b{CLOSE} c", "<p>a <mark>b</mark> c</p>"),
        (f"**a {OPEN}b** c{CLOSE}", "<p><strong>a <mark>b</mark></strong><mark> c</mark></p>"),
        (f"`{OPEN}x{CLOSE}`", "<p><code><mark>x</mark></code></p>"),
        (f"a {OPEN}<b>{CLOSE}", "<p>a <mark>&lt;b&gt;</mark></p>"),
        (f"[a](https://x.example/{OPEN}b{CLOSE})", None),
    ],
)
def test_words_are_marked_within_markdown(text: str, expected: str | None) -> None:
    got = marked(text)
    assert (got.strip() if got else got) == expected


def test_a_mark_runs_over_paragraphs_and_list_items() -> None:
    html = marked(f"one {OPEN}two\n\nthree\n\n- four{CLOSE} five") or ""
    assert re.findall(r"<mark>(.*?)</mark>", html) == ["two", "three", "four"]


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("at nine", "opens at nine.", "at nine"),
        ("at  nine", "opens at\n nine.", "at\n nine"),
        ("AT NINE", "opens at nine.", "at nine"),
        ("開館は 九時", "開館は九時です", "開館は九時"),
        ("ten", "opens at nine.", None),
        ("", "text", None),
        ("a.c", "abc", None),
    ],
)
def test_the_quote_is_found(quote: str, text: str, expected: str | None) -> None:
    span = locate(quote, text)
    assert (text[slice(*span)] if span else None) == expected


def test_the_panel_shows_the_passage_in_its_surroundings() -> None:
    path = source_path("t", 0, 1)
    tree = inspect(
        panel_html(LIBRARY, EN, path=path, before="half\n\n## Hours\n\n", after="\n\nClosed on Mondays.\nhalf")
    )
    assert tree.css_first("mark").text() == "opens at nine"
    text = tree.css_first(".kotae-context").text(deep=True)
    assert "Hours" in text
    assert "Closed on Mondays." in text
    assert "half" not in text
    assert tree.css_first("a.kotae-go").attributes["href"] == f"{path}/document"
    assert not tree.css("img")


def test_the_panel_of_a_pdf_shows_its_page() -> None:
    pdf = dataclasses.replace(LIBRARY, passage=dataclasses.replace(LIBRARY.passage, page=3, url="/a/b.pdf"))
    path = source_path("t", 0, 1)
    tree = inspect(panel_html(pdf, JA, path=path, page_image=True))
    assert tree.css_first("img").attributes["src"] == f"{path}/page.png"
    assert tree.css_first("img").attributes["alt"] == JA("panel.page_image", page=3, title="Handbook")


def test_the_panel_of_a_document_that_is_gone_says_so_and_offers_no_way_to_it() -> None:
    tree = inspect(panel_html(LIBRARY, EN, path="/api/threads/t/answers/0/sources/1", present=False))
    assert EN("panel.gone") in tree.body.text()  # type: ignore[union-attr]
    assert not tree.css("a")


def test_marks_in_a_document_mean_nothing() -> None:
    odd = dataclasses.replace(
        LIBRARY, passage=dataclasses.replace(LIBRARY.passage, text=f"{CLOSE}a{OPEN} opens at nine")
    )
    assert [m.text() for m in inspect(panel_html(odd, EN, path="/api/threads/t/answers/0/sources/1")).css("mark")] == [
        "opens at nine"
    ]
