"""Clean HTML as a tree: nothing is lost, and no address but those that were named."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ui.markup import clean, markdown
from ui.widget.tree import tree


def words(nodes: list[Any]) -> str:
    return "".join(node if isinstance(node, str) else words(node[2]) for node in nodes)


def test_elements_attributes_and_words() -> None:
    html = clean(
        '<div class="kotae-answer" lang="ja"><p>a &amp; b<br>c</p><ol start="3"><li value="2">x</li></ol></div>'
    )
    assert tree(html) == [
        [
            "div",
            {"class": "kotae-answer", "lang": "ja"},
            [["p", {}, ["a & b", ["br", {}, []], "c"]], ["ol", {"start": "3"}, [["li", {"value": "2"}, ["x"]]]]],
        ]
    ]


def test_a_source_becomes_a_button_and_a_path_of_ours_no_link() -> None:
    html = '<a class="kotae-cite" href="/s/1">1</a><a href="https://e.example/">2</a><a href="/api/threads">3</a>'
    assert tree(html, {"/s/1": 1}) == [
        ["button", {"class": "kotae-cite", "source": 1}, ["1"]],
        ["a", {"href": "https://e.example/"}, ["2"]],
        ["a", {}, ["3"]],
    ]


def test_no_address_that_runs_or_loads_gets_into_a_tree() -> None:
    for bad in ("javascript:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x", " https://e.example"):
        [[_, names, _]] = tree(f'<a href="{escape(bad)}" onclick="x" style="y">t</a>')
        assert names == {}


@given(st.text(max_size=200))
def test_the_words_of_any_markdown_are_all_there(text: str) -> None:
    html = clean(markdown(text))
    bare = unescape(re.sub(r"<[^>]*>", "", html))
    assert words(tree(html)) == bare
