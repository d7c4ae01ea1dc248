from __future__ import annotations

from pathlib import Path

import pytest

from tools.library.formats import Source, read
from tools.library.load import Limits, Loaded, LoadError, examine


def load(name: str, data: str | bytes, limits: Limits | None = None) -> Loaded:
    return read(Source(data if isinstance(data, bytes) else data.encode(), Path(name), limits or Limits()))


@pytest.mark.parametrize(
    ("name", "text", "title", "type"),
    [
        ("a.md", "# Hello *there*\n\ntext", "Hello there", "markdown"),
        ("a.md", "---\ntitle: 'Front'\ntags: x\n---\n# Hello\ntext", "Front", "markdown"),
        ("a.md", "---\n---\nplain words", "a", "markdown"),
        ("a.md", "Under\n=====\n\ntext", "Under", "markdown"),
        ("a.md", "```sh\n# not a title\n```\n## Real\n", "Real", "markdown"),
        ("my_notes.txt", "just words", "my notes", "text"),
        ("readme", "# One\ntext\n\n## Two\n", "One", "markdown"),
        ("b.pdf", "words in a file of the wrong name", "b", "text"),
    ],
)
def test_text_and_markdown(name: str, text: str, title: str, type: str) -> None:
    loaded = load(name, text)
    assert (loaded.title, loaded.type) == (title, type)


def test_front_matter_is_no_part_of_the_text() -> None:
    assert load("a.md", "---\ntitle: T\n---\nBody").text == "Body"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.md", b"", "empty"),
        ("a.txt", b" \n\t", "No text was found"),
        ("a.md", b"---\ntitle: x\n---\n", "No text was found"),
        ("a.pdf", bytes(range(256)), "not a PDF although"),
        ("a.txt", bytes(range(256)), "binary file"),
        ("a.txt", b"x" * 600, "more than 500 characters"),
        ("a.txt", b"x\n" * 90, "more than 50 lines"),
        ("a.pdf", b"%PDF-" + b"x" * 2000, "file is too large"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_sentence(name: str, data: bytes, reason: str) -> None:
    limits = Limits(bytes=1000, characters=500, lines=50)
    with pytest.raises(LoadError, match=reason) as caught:
        (examine(len(data), limits), load(name, data, limits))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


PAGE = """<!doctype html><html><head><title> Opening
 hours </title><style>p{}</style></head><body>
<nav><a href=/>Home</a></nav><header>Banner</header>
<main><h1>Hours</h1><p>Open from <b>nine</b><br>to <code>17:00</code>.</p>
<ul><li>Adults <ul><li>and guides</li></ul></li><li><p>Children</p></li></ul><ol><li>one<li>two</ol>
<table><tr><th>Day</th><th>From</th></tr><tr><td>Mon</td><td>9 <b>am</b></td></tr></table>
<pre>
line 1
  line 2</pre><script>alert(1)</script><p hidden>secret</p><p style="display: none">gone</p>
</main><footer>Imprint</footer></body></html>"""


def test_html_becomes_markdown_of_its_main_part() -> None:
    loaded = load("x.html", PAGE)
    assert loaded.title == "Opening hours"
    assert loaded.text.split("\n") == [
        "# Hours",
        "",
        "Open from nine",
        "to `17:00`.",
        "",
        "- Adults",
        "  - and guides",
        "",
        "- Children",
        "",
        "1. one",
        "2. two",
        "",
        "| Day | From |",
        "| --- | --- |",
        "| Mon | 9 am |",
        "",
        "```",
        "line 1",
        "  line 2",
        "```",
        "",
    ]


@pytest.mark.parametrize("page", ["<html><body></body></html>", "<html><nav>only this</nav></html>", "<html>"])
def test_a_page_without_text_is_refused(page: str) -> None:
    with pytest.raises(LoadError, match="No text was found"):
        load("x.html", page)


def test_a_page_of_teasers_is_read_whole() -> None:
    page = "<html><body><article>one</article><article>two</article></body></html>"
    text = load("x.html", page).text
    assert "one" in text
    assert "two" in text


def test_furigana_is_left_out_and_cells_that_span_rows_are_written_in_each() -> None:
    page = (
        "<html><body><p><ruby>図書館<rp>(</rp><rt>としょかん</rt><rp>)</rp></ruby>です。</p><table><tr><th>分館<th>日<th>時"
        "<tr><td rowspan=2>芦原<td>月<td>9時<tr><td>火<td>10時</table></body></html>"
    )
    assert load("x.html", page).text == (
        "図書館です。\n\n| 分館 | 日 | 時 |\n| --- | --- | --- |\n| 芦原 | 月 | 9時 |\n| 芦原 | 火 | 10時 |\n"
    )


def test_a_table_that_only_places_things_is_no_table() -> None:
    page = "<html><body><table><tr><td><h2>News</h2><p>One.</p><td><ul><li>two</ul></table></body></html>"
    assert load("x.html", page).text == "## News\n\nOne.\n\n- two\n"


def test_deep_nesting_ends() -> None:
    page = "<html><body>" + "<div>" * 20_000 + "core" + "</div>" * 20_000
    assert "core" in load("x.html", page).text
