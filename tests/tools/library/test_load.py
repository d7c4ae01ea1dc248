from __future__ import annotations

from pathlib import Path

import pytest
from tools.library.html import read_html

from tools.library.load import Limits, LoadError, examine, read_text, sniff


def write(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7\n", "pdf"),
        (b"junk before\n%PDF-1.4", "pdf"),
        (b"<!DOCTYPE html><p>", "html"),
        (b"\xef\xbb\xbf  <html lang=ja>", "html"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<html>", "html"),
        (b"# Title", None),
        (b"a < b and html", None),
        (b"", None),
    ],
)
def test_the_type_is_told_by_the_content(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


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
def test_text_and_markdown(tmp_path: Path, name: str, text: str, title: str, type: str) -> None:
    loaded = read_text(write(tmp_path, name, text))
    assert (loaded.title, loaded.type) == (title, type)


def test_front_matter_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read_text(write(tmp_path, "a.md", "---\ntitle: T\n---\nBody")).text == "Body"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.md", b"", "empty"),
        ("a.txt", b" \n\t", "No text was found"),
        ("a.md", b"---\ntitle: x\n---\n", "No text was found"),
        ("a.pdf", bytes(range(256)), "not a PDF although"),
        ("a.txt", bytes(range(256)), "binary file"),
        ("a.docx", b"PK\x03\x04", "Word processor files cannot be read yet"),
        ("a.txt", b"{\\rtf1 words}", "Word processor files cannot be read yet"),
        ("a.txt", b"x" * 600, "text is too large"),
        ("a.pdf", b"%PDF-" + b"x" * 2000, "file is too large"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_sentence(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = write(tmp_path, name, data)

    def read() -> None:
        examine(path, len(data), Limits(bytes=1000, text_bytes=500))
        read_text(path)

    with pytest.raises(LoadError, match=reason) as caught:
        read()
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
    loaded = read_html(PAGE.encode(), Path("x.html"))
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
        read_html(page.encode(), Path("x.html"))


def test_a_page_of_teasers_is_read_whole() -> None:
    page = "<html><body><article>one</article><article>two</article></body></html>"
    text = read_html(page.encode(), Path("x.html")).text
    assert "one" in text
    assert "two" in text


def test_deep_nesting_ends() -> None:
    page = "<html><body>" + "<div>" * 20_000 + "core" + "</div>" * 20_000
    assert "core" in read_html(page.encode(), Path("x.html")).text
