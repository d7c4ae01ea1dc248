"""Other forms of words: the tables, and what search, its evidence and the check for unknown words make of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.tools.library.conftest import TermEmbedder
from tools.library import Library, bm25, matching
from tools.library.evidence import nearness
from tools.library.forms import LONGEST, TABLES, meant, other_forms, rows, tells
from tools.library.tokens import normalise
from tools.library.words import phrase, search_terms


@pytest.mark.parametrize("table", TABLES)
def test_no_form_stands_in_two_lines(table: str) -> None:
    lines: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for english, japanese in rows(table):
        for form in (*english, *japanese):
            lines[phrase(form)].add(f"{english}\t{japanese}")
    assert {key: found for key, found in lines.items() if len(found) > 1} == {}


@pytest.mark.parametrize("table", TABLES)
def test_every_form_can_be_found(table: str) -> None:
    count = 0
    for english, japanese in rows(table):
        count += 1
        assert len({*map(normalise, (*english, *japanese))}) == len(english) + len(japanese), english
        for form in english:
            assert form.isascii(), form
        for form in japanese:
            # of パソコン and PC together only one would be looked for
            assert not any(c.isascii() for c in form), form
        for form in (*english, *japanese):
            assert form == form.strip()
            assert 1 <= len(phrase(form)) <= LONGEST, form
    assert count > 300


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("passwordを忘れた", "パスワード"),
        ("パスワードを忘れた", "password"),
        ("ＰＣの電源", "パソコン"),
        ("Which servers are down?", "サーバー"),
        ("サーバが落ちた", "server"),
        ("How do I log in?", "ログイン"),
        ("logging in fails", "ログイン"),
        ("my smart phone", "スマホ"),
        ("スマートフォンの電池", "smartphon"),
        ("Eメールを送る", "email"),
        ("the e-mail", "メール"),
        ("アプリ", "applic"),
        ("before the deadline", "期限"),
        ("有給休暇は何日ですか", "paid leav"),
    ],
)
def test_other_forms(query: str, form: str) -> None:
    assert form in [form for word in other_forms(query) for form in word.others]


@pytest.mark.parametrize("query", ["", "?", "Kubernetesの使い方", "東京都庁", "to be or not to be"])
def test_what_the_tables_do_not_know_has_no_other_form(query: str) -> None:
    assert other_forms(query) == []


def test_of_words_that_overlap_the_longest_counts() -> None:
    (word,) = other_forms("log in")
    assert "ログ" not in word.others
    assert "カスタマイズ" not in other_forms("customer")[0].others, "the stem is the same, the word is not"


def test_a_word_alone_is_meant_as_a_whole() -> None:
    assert "パスワード" in meant("password")
    assert "パスワード" in meant("Password")
    assert meant("passwordless") == meant("Dropbox") == ()
    assert "チーム" in meant("teams")
    assert meant("Teams") == (), "a name, as its capital letter says"
    assert tells("パスワードを変える", "password")
    assert not tells("アルバイトを募集", "byte")


def test_another_form_counts_once_and_less() -> None:
    texts = {"own": ["a", "x"], "other": ["b", "x"], "both": ["a", "b"], "often": ["b", "b"], "none": ["x", "x"]}
    found = bm25.scores(texts, {"a": 1.0}, [(("a",), {"b": matching.OTHER, "c d": matching.OTHER})])
    assert found["own"] == found["both"] > found["often"] > found["other"] > 0
    assert "none" not in found
    spaced = bm25.scores({1: ["c", "d"], 2: ["d", "c"]}, {}, [(("a",), {"c d": 1.0})])
    assert spaced.keys() == {1}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("passwordを忘れた", "ja.md"),
        ("forgotten password", "ja.md"),
        ("ダウンロードはどこですか", "en.md"),
    ],
)
def test_a_page_is_found_under_the_other_form(library: Library, folder: Path, query: str, found: str) -> None:
    (folder / "ja.md").write_text("# 手引き\n\nパスワードをなくした人は窓口へ。", "utf-8")
    (folder / "en.md").write_text("# Files\n\nEach download is listed below.", "utf-8")
    for i in range(5):
        (folder / f"{i}.md").write_text(f"# 別の話{i}\n\n天気は晴れです。 Weather number {i}.", "utf-8")
    library.index([folder])
    said = {Path(passage.url).name: passage.stages["words"] for passage in library.search(query)}
    assert said[found] > 0
    assert max(said.values()) == said[found]


def test_the_own_form_comes_before_the_other(library: Library, folder: Path) -> None:
    (folder / "own.md").write_text("# 甲\n\nパスワードの話です。", "utf-8")
    (folder / "other.md").write_text("# 乙\n\npasswordの話です。password password", "utf-8")
    for i in range(5):
        (folder / f"{i}.md").write_text(f"# 別の話{i}\n\n天気は晴れです。", "utf-8")
    library.index([folder])
    said = {Path(passage.url).name: passage.stages["words"] for passage in library.search("パスワード")}
    assert said["own.md"] > said["other.md"] > 0


def test_a_word_is_mentioned_by_its_other_form(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("# 手引き\n\nパスワードを変更するには、設定を開きます。", "utf-8")
    library.index([folder])
    assert library.unmentioned(["password", "Dropbox", "サーバー", "server"]) == ["Dropbox", "サーバー", "server"]


def test_a_sentence_has_a_word_in_its_other_form(embedder: TermEmbedder) -> None:
    sentences = [("", "パスワードは設定で変えます。"), ("", "天気は晴れです。")]
    first, second = nearness(embedder, "passwordを変えたい", sentences)
    assert first.words == pytest.approx(1.0)
    assert second.words == 0.0
    assert search_terms("passwordを変えたい")[0] == "password"
