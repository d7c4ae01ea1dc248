"""Which hits are used, and what becomes of their text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tools.web.search_server import LAKE
from tools.web.hits import SNIPPET_CHARS, usable
from tools.web.providers import Hit


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("https://a.example/x", "https://a.example/x"),
        (" http://a.example:8080/ ", "http://a.example:8080/"),
        ("https://ja.example/湖", "https://ja.example/湖"),
        ('https://a.example/a"b c', "https://a.example/a%22b%20c"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("ftp://a.example/x", None),
        ("file:///etc/passwd", None),
        ("https://", None),
        ("//a.example/x", None),
        ("a.example", None),
        ("https://bank.example@evil.example/", None),
        ("https://[::1", None),
        ("https://a.example:99999/", None),
        ("https://a.example/\u202egpj.exe", None),
        ("https://a.example/" + "x" * 3000, None),
        ("", None),
    ],
)
def test_only_web_addresses(href: str, url: str | None) -> None:
    assert [hit.url for hit in usable([Hit("t", href, "b")])] == ([] if url is None else [url])


def test_text_is_cleaned_and_cut() -> None:
    [found] = usable([replace(LAKE, title="Ｌａｋｅ\n", text="①  de\u200bep\x07 " + "word " * 500)])
    assert found.title == "Lake"
    assert found.text.startswith("1 deep word")
    assert SNIPPET_CHARS - 5 <= len(found.text) <= SNIPPET_CHARS
    assert found.text.endswith("word")
    assert found.text.encode()
    assert found.published == LAKE.published


def test_title_and_text_stand_in_for_each_other() -> None:
    untitled, wordless = replace(LAKE, title=""), Hit("A lake", "https://b.example/", "")
    assert [(hit.title, hit.text) for hit in usable([untitled, wordless, Hit("", "https://c.example/", "")])] == [
        ("a.example", "The lake is 40 m deep."),
        ("A lake", "A lake"),
    ]


def test_one_hit_a_page_best_first() -> None:
    same = ["http://www.a.example/lake/", "https://A.example/lake?utm_source=x", "https://a.example/lake#deep"]
    others = ["https://a.example/lake?id=1", "https://a.example:81/lake", "https://b.example/lake"]
    found = usable([LAKE, *(replace(LAKE, url=url) for url in same + others)])
    assert [hit.url for hit in found] == [LAKE.url, *others]
