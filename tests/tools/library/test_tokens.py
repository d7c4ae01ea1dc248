from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.library.tokens import language, search_terms, stem, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I index the files?", ["index", "file"]),
        ("ＦＡＩＳＳ １２３", ["faiss", "123"]),
        ("東京都", ["東京", "京都"]),
        ("米", ["米"]),
        ("設定します", ["設定", "定し"]),
        ("検索とAPI", ["検索", "索と", "api"]),
        ("café Zürich", ["cafe", "zurich"]),
        ("８世紀の都", ["8", "世紀", "紀の", "の都"]),
        ("Привет", ["привет"]),
        ("", []),
        ("?!。、", []),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_letter_before_japanese_does_not_swallow_it() -> None:
    assert terms("ø東京都") == ["ø", "東京", "京都"]


def test_search_finds_parts_and_joined_names() -> None:
    assert "校" in search_terms("学校")
    assert "llamacpp" in search_terms("run llama.cpp")
    assert "topk" in search_terms("--top-k")


@pytest.mark.parametrize(
    ("a", "b"),
    [("files", "file"), ("indexing", "indexed"), ("libraries", "library"), ("stopped", "stops"), ("boxes", "box")],
)
def test_forms_of_a_word_meet(a: str, b: str) -> None:
    assert stem(a) == stem(b)


@pytest.mark.parametrize(("a", "b"), [("bus", "bu"), ("class", "clas"), ("analysis", "analysi"), ("thing", "th")])
def test_other_words_do_not(a: str, b: str) -> None:
    assert stem(a) != stem(b)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I add documents?", "en"),
        ("文書を追加するには？", "ja"),
        ("Kotae の kotae index コマンドとは", "ja"),
        ("The word 答え means answer.", "en"),
        ("", "en"),
        ("123", "en"),
        ("東京", "ja"),
    ],
)
def test_language(text: str, expected: str) -> None:
    assert language(text) == expected


@given(st.text())
def test_any_text_has_terms_that_the_word_index_can_hold(text: str) -> None:
    for term in search_terms(text):
        assert term.strip() == term != ""
        assert '"' not in term
