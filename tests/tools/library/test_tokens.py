from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.library import matching, schema
from tools.library.tokens import language, stem, terms
from tools.library.words import nouns, search_terms

TRICKY = [
    "o'clock",
    "’",
    "_",
    "foo_bar",
    "llama.cpp",
    "-",
    "é",
    "ß",
    "東",
    "゛",
    "が",
    "ー",
    "々",
    "ﾊﾟ",
    "½",
    "㍿",
    "𠮷",
    "",
    "A",
    " ",
]


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
    assert {"選挙", "管理"} <= set(search_terms("選挙管理委員会"))
    assert search_terms("引っ越し") == search_terms("引越し")
    assert "llamacpp" in search_terms("run llama.cpp")
    assert "topk" in search_terms("--top-k")
    assert {"foo", "bar", "foobar"} <= set(search_terms("foo_bar"))


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


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.sampled_from(TRICKY), min_size=1).map("".join)))
def test_what_is_indexed_is_found_by_the_same_words(text: str) -> None:
    wanted = search_terms(text)
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute(schema.WORDS)
        db.execute(schema.FREQUENCIES)
        db.execute("INSERT INTO words VALUES (?)", (" ".join(wanted),))
        for term in set(wanted):
            assert list(matching.matches(db, [term], 5)) == [1], term
        assert list(matching.matches(db, wanted, 5)) == ([1] if wanted else [])


def test_nouns_are_compounds_and_tell_names() -> None:
    found = nouns("同世代の日向小次郎は、国内軍の少佐とエディンバラでチャーリーに会った。")
    assert [noun.text for noun in found] == ["同世代", "日向小次郎", "国内軍", "少佐", "エディンバラ", "チャーリー"]
    assert {name for noun in found for name in noun.names} >= {"日向", "小次郎", "チャーリー"}
    assert "エディンバラ" not in {name for noun in found for name in noun.names}, "a place is nobody"
    assert nouns("No Japanese, no nouns.") == []
