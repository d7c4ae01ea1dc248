"""How old a page may be, read from the words of a question in English or Japanese.

The span is the widest that still answers: what is "latest" may be months old, and a day's filter hides yesterday.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

TimeLimit = Literal["d", "w", "m", "y"]
"""At most a day, a week, a month or a year old."""

_QUOTED = re.compile(r"「[^」]*」|『[^』]*』|“[^”]*”|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
"""What stands in quotation marks is a name or somebody's words, not the time that is asked about."""
_NO_WISH = re.compile(r"\b(at the latest|(?:usa|psychology|medical news) today)\b", re.I)

# What "current" and 今の are said of where it is asked how things stand; not of electricity, nor of 今の何市.
_CHANGING = (
    "ceo|champion|emperor|governor|king|law|mayor|member|pope|population|president|price|prime minister|queen|rank"
    "(?:ing)?|rate|record|release|rule|season|situation|standing|status|temperature|version"
)
_CHANGING_JA = (
    "総理|首相|大統領|大臣|知事|市長|社長|会長|天皇|内閣|気温|天気|値段|価格|株価|為替|相場|灯油|支持率|出生率|人口|順位"
    "|首位|状況"
)

_WORDS: tuple[tuple[TimeLimit, re.Pattern[str]], ...] = (
    (
        "d",
        re.compile(
            r"\b((?<!as of )today|tonight|this (?:morning|afternoon|evening)|breaking news|past (?:hour|day))\b"
            # neither 今 before 日本 or 年金, nor 今日的 ("of our time") or the name 今日子
            r"|今日(?!本(?![当日])|[的子]|現在)|(?<!日)本日(?!現在)|今朝|今夜|今晩|速報(?!値)|さっき|先ほど|先程|さきほど"
            r"|(?<![ぁ-ん])きょう(?=[のは])",
            re.I,
        ),
    ),
    (
        "w",
        re.compile(
            r"\b(yesterday|last night|this week(?:end)?|past week|tomorrow)\b"
            r"|昨日|昨夜|昨晩|一昨日|おととい|今週|明日(?![香葉])|(?<![ぁ-ん])(?:きのう|あした)(?=[のは])",
            re.I,
        ),
    ),
    (
        "m",
        re.compile(
            r"\b((?<!most )recent(?:ly)?|lately|these days|the other day|last week(?:end)?|next week|this month"
            r"|past month|(?:latest|any) news|news about)\b"
            r"|最近|近頃|このごろ|この頃|このところ|先日|先週|先々週|来週|今月|[の新]ニュース",
            re.I,
        ),
    ),
    (
        "y",
        re.compile(
            r"\b(latest|newest|most recent(?:ly)?|up[- ]to[- ]date|what(?:'s| is) new|currently|right now|at the moment"
            r"|nowadays|as of (?:today|now)|now(?=\W*$)|this (?:year|season|quarter)|past year|last (?:month|quarter)"
            rf"|next month|current (?:\w+ )?(?:{_CHANGING})s?)\b"
            r"|最新|直近|今年(?!金(?!メダル))|今季|今期|今場所|今シーズン|先月|先々月|来月|現在の|現時点|(?:今日|本日)現在"
            rf"|(?:今|いま)(?=どこ|誰|だれ|何[パ%時人歳]|いくら|いくつ|話題|一番|いちばん|流行|の[^、。]{{,4}}(?:{_CHANGING_JA}))",
            re.I,
        ),
    ),
)

_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "few": 3, "couple of": 3, "several": 3}
_COUNTS |= {"一": 1, "二": 2, "三": 3, "数": 3}
_DAYS = {"hour": 1, "時間": 1, "day": 1, "日": 1, "week": 7, "週間": 7, "month": 31, "月": 31, "year": 366, "年": 366}
_NUMBER = r"(?P<count>\d{1,3}|a|an|one|two|three|few|couple of|several)"
_UNIT = r"(?P<unit>hour|day|week|month|year)s?"
_LONG = (
    re.compile(rf"\b(?:past|last|previous)\s+(?:a\s+)?{_NUMBER}\s+{_UNIT}\b", re.I),
    re.compile(
        r"(?:過去|直近|ここ|この|最近の?)\s*(?P<count>\d{1,3}|[一二三数])\s*[かヶヵカケ箇]?(?P<unit>時間|日|週間|月|年)"
    ),
)
_AGO = re.compile(rf"\b{_NUMBER}\s+{_UNIT}\s+ago\b", re.I)

_YEAR = re.compile(
    r"(?<![\d.,$¥€£-])(?P<year>(?:19|20)\d\d)(?!\d|[.,]\d|円|ドル|人|個|万|億|\s?(?:yen|dollars|usd|euros?|km|people|mah)\b)",
    re.I,
)
_REIWA = re.compile(r"令和\s*(?P<year>\d{1,2}|元)\s*年")
_FORMER_ERA = re.compile(r"(?:明治|大正|昭和|平成)\s*(?:\d{1,2}|元)\s*年")


def time_limit(question: str, today: date) -> TimeLimit | None:
    """The limit that the question wishes for; None where it names no time, or one more than a year ago."""
    text = _NO_WISH.sub(" ", _QUOTED.sub(" ", question))
    years = [int(found["year"]) for found in _YEAR.finditer(text)]
    years += [2018 + (1 if found["year"] == "元" else int(found["year"])) for found in _REIWA.finditer(text)]
    if _FORMER_ERA.search(text) or any(year < today.year for year in years):
        return None
    if found := next(filter(None, (pattern.search(text) for pattern in _LONG)), None):
        return _at_least(_days(found))
    if found := _AGO.search(text):
        return _at_least(_days(found) + (found["unit"].lower() != "hour"))
    named = next((span for span, words in _WORDS if words.search(text)), None)
    return named or ("y" if today.year in years else None)


def _days(found: re.Match[str]) -> int:
    """The length of "3 weeks"; hours make a day, as long as they fill no more."""
    count = found["count"].lower()
    number = int(count) if count.isdecimal() else _COUNTS[count]
    unit = found["unit"].lower()
    return -(-number // 24) if unit in ("hour", "時間") else number * _DAYS[unit]


def _at_least(days: int) -> TimeLimit | None:
    limits: tuple[tuple[TimeLimit, int], ...] = (("d", 1), ("w", 7), ("m", 31), ("y", 366))
    return next((limit for limit, most in limits if days <= most), None)
