"""What is asked of a search: the text, the place, the language and the age of pages."""

from __future__ import annotations

from datetime import date

import pytest

from tools.web.freshness import time_limit
from tools.web.query import QUERY_CHARS, WebQuery

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("question", "text", "region", "language"),
    [
        ("how deep is the lake", "how deep is the lake", "wt-wt", ""),
        ("湖の深さは？", "湖の深さは?", "jp-jp", "ja"),
        ("東京都庁", "東京都庁", "jp-jp", "ja"),
        ("ﾆｭｰｽ", "ニュース", "jp-jp", "ja"),
        ("two\nlines\tand\x00 more", "two lines and more", "wt-wt", ""),
        ("!w secret", "w secret", "wt-wt", ""),
        ("secret w! \\ ！g", "secret w g", "wt-wt", ""),
        ("zero\u200bwidth \u202ereversed \ud800", "zerowidth reversed", "wt-wt", ""),
    ],
)
def test_query(question: str, text: str, region: str, language: str) -> None:
    assert WebQuery.of(question, "wt-wt") == WebQuery(text, region, language)


@pytest.mark.parametrize(
    ("question", "region", "given", "asked", "language", "country"),
    [
        ("the lake", "us-en", "", "us-en", "en", "US"),
        ("the lake", "uk-en", "", "uk-en", "en", "GB"),
        ("der See", "at-de", "", "at-de", "de", "AT"),
        ("the lake", "wt-wt", "en", "wt-wt", "en", ""),
        ("the lake", "jp-jp", "", "jp-jp", "ja", "JP"),
        ("the lake", "jp-jp", "en", "jp-jp", "en", "JP"),
        ("kr", "kr-kr", "", "kr-kr", "ko", "KR"),
        ("tw", "tw-tzh", "", "tw-tzh", "zh", "TW"),
        ("湖", "us-en", "", "jp-jp", "ja", "JP"),
        ("what does 湖 mean", "us-en", "en", "us-en", "en", "US"),
        ("Python 3.14", "us-en", "ja", "jp-jp", "ja", "JP"),
    ],
)
def test_where_and_in_which_language(
    question: str, region: str, given: str, asked: str, language: str, country: str
) -> None:
    query = WebQuery.of(question, region, language=given)
    assert (query.region, query.language, query.country) == (asked, language, country)


def test_query_is_cut_at_a_word() -> None:
    text = WebQuery.of("abcdefghi " * 100, "wt-wt").text
    assert text == " ".join(["abcdefghi"] * 20)
    assert len(WebQuery.of("湖" * 999, "wt-wt").text) == QUERY_CHARS


def test_query_knows_the_time() -> None:
    assert WebQuery.of("news today", "wt-wt").timelimit == "d"
    assert WebQuery.of("results of 2026", "wt-wt", today=TODAY).timelimit == "y"
    assert WebQuery.of("results of 2026", "wt-wt", today=date(2027, 1, 1)).timelimit is None


WISHES = {
    "d": [
        "news today",
        "What's on TV tonight?",
        "today's exchange rate of the yen",
        "anything this morning about the strike",
        "earthquakes in the last 24 hours",
        "who resigned an hour ago",
        "今日の天気",
        "本日の為替レート",
        "今夜の月食は見えますか",
        "今日本当に雨が降りますか",
        "過去24時間の地震",
        "速報 選挙",
        "さっきの地震の震度は",
        "きょうの運勢",
    ],
    "w": [
        "who won yesterday",
        "concerts this weekend in Osaka",
        "new films this week",
        "What happened 3 days ago in parliament?",
        "papers of the past week on batteries",
        "weather tomorrow in Kyoto",
        "in the last couple of days",
        "昨日の試合の結果",
        "今週の順位",
        "明日の天気は",
        "ここ3日の株価",
        "一昨日の地震",
        "きのうのニュース",
    ],
    "m": [
        "recent storms",
        "what did the government decide last week",
        "lately discovered comets",
        "Past two weeks of strikes",
        "a week ago in Geneva",
        "最近の地震",
        "先週のニュース",
        "今月の新刊",
        "先々週の会見",
        "直近2週間の感染者数",
        "latest news about the ferry",
        "box office last weekend",
        "最新ニュース",
    ],
    "y": [
        "Latest Python",
        "the newest phone of Sony",
        "most recent version of Debian",
        "who is currently the mayor of London",
        "current president of Peru",
        "what is new in Rust",
        "inflation last month",
        "population as of today",
        "GDP growth in 2026",
        "best laptops 2026",
        "sales over the past 6 months",
        "最新のPython",
        "今年の税制改正",
        "今年金メダルを取った選手",
        "先月の物価",
        "2026年の祝日",
        "令和8年の予算",
        "現在の総理大臣は誰",
        "今日現在の感染者数",
        "ここ半年の最新動向",
        "who is the CEO of Microsoft now?",
        "current mortgage rates",
        "今のアメリカ大統領は",
        "ガソリンは今いくらですか",
        "世界ランキング1位のテニス選手は今だれですか",
    ],
    None: [
        "how deep is the lake",
        "translates the todaystuff",
        "Reply by Friday at the latest",
        "who owns USA Today",
        "who wrote the song “Yesterday”?",
        'lyrics of "This Week"',
        "the film 'The Day After Tomorrow'",
        "the current through a resistor",
        "the latest emperor in 1868 and 1912",
        "what happened today in 1969",
        "the war of 2003",
        "latest orders before 2019-05-01",
        "inflation two years ago",
        "temperature over the last 10 years",
        "湖の深さは",
        "今日本で一番高い山",
        "今日的な意味とは",
        "小泉今日子のデビュー曲",
        "「今日から俺は」の作者",
        "『最新』という雑誌",
        "今年金はいくらもらえますか",
        "昭和39年の最新技術",
        "2020年の今日",
        "令和元年の今年の漢字",
        "過去10年の気温",
        "明日香村の古墳",
        "今のうちに覚えたい単語",
        "今回の問題の答え",
        "マラソンの距離が今の長さになったのはいつですか",
        "新撰組の局長が生まれた村は今の何市ですか",
        "GDPの速報値とは",
        "とうきょうのかんじ",
        "きょうだいの数え方",
        "the Apocalypse Now soundtrack",
        "2000円以下のランチ",
    ],
}


@pytest.mark.parametrize(("limit", "question"), [(limit, q) for limit, asked in WISHES.items() for q in asked])
def test_how_old_pages_may_be(limit: str | None, question: str) -> None:
    assert time_limit(question, TODAY) == limit
