"""Links to a sentence: the words in them stand on the page, lead to the right place, and survive as an address."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.web.fragment import text_fragment

URL = "https://a.example/page"
TEXT = """# Harbour bridge

The bridge is 80 m long. It was built in 1931, on two piers. The bridge is old, well-known & loved: 50% pay, 50% don't.

## What changes

- Speed limit on the bridge: 40 km/h
- The bridge is closed at night
  1. For lorries
  2. For trams

| Option | Default | Meaning |
| --- | --- | --- |
| `max_size` | 10 | Connections that may be open |
| idle | 10 | Seconds |

The `max_size` option, set to *ten* here, keeps up to ten connections open and hands them out in the very order in
which they were asked for. Every caller waits. See [the notes](https://a.example/) or 2 * 3 \\_ more.

```python
pool = tarn.Pool(max_size=8)
```

> A bridge for fifty years, said the engineer.

It opened today. Cars came. It opened today. Trams came. It opened today.

# 青浜灯台

青浜灯台は、1889年に建てられました。「高さは31メートル」で、らせん階段は148段あります。見学料は大人300円、①小学生以下は無料です。

修復には約3億円をかけました。火曜日は休館です。修復には国の補助金も使われました。火曜日は休館です。

この灯台は青浜市の北の岬に立つ石造りの灯台で、明治時代に外国人技師の設計によって建てられたのち、昭和の大修理を経て、今も現役の航路標識として毎晩光を放ち続けています。
"""

CASES = [
    # whole, in one run
    ("It was built in 1931, on two piers.", ["It was built in 1931, on two piers"]),
    ("The bridge is 80 m long.", ["The bridge is 80 m long"]),
    ("  It was built in 1931", ["It was built in 1931"]),
    ("two piers", ["two piers"]),
    ("old, well-known & loved", ["old, well-known & loved"]),
    ("50% pay, 50% don't", ["50% pay, 50% don't"]),
    # marks of Markdown are not on the page
    ("# Harbour bridge", ["Harbour bridge"]),
    ("## What changes", ["What changes"]),
    ("- Speed limit on the bridge: 40 km/h", ["Speed limit on the bridge: 40 km/h"]),
    ("1. For lorries", ["For lorries"]),
    ("> A bridge for fifty years, said the engineer.", ["A bridge for fifty years, said the engineer"]),
    ("pool = tarn.Pool(max_size=8)", ["pool = tarn.Pool(max_size=8"]),
    ("```python\npool = tarn.Pool(max_size=8)\n```", ["pool = tarn.Pool(max_size=8"]),
    ("| idle | 10 | Seconds |", ["idle", "Seconds"]),
    ("Connections that may be open", ["Connections that may be open"]),
    ("The `max_size` option", ["The max_size option"]),
    ("set to *ten* here", ["set to", "here"]),
    ("set to ten here", ["set to", "here"]),
    ("or 2 * 3 \\_ more", ["or 2", "_ more"]),
    # across blocks
    (
        "- Speed limit on the bridge: 40 km/h\n- The bridge is closed",
        ["Speed limit on the bridge", "The bridge is closed"],
    ),
    ("## What changes\n\n- Speed limit", ["What changes", "Speed limit"]),
    # long: both ends
    (
        "keeps up to ten connections open and hands them out in the very order in\nwhich they were asked for.",
        ["keeps up to ten connections", "which they were asked for"],
    ),
    # more than once
    ("The bridge is", ["Harbour bridge-", "The bridge is"]),
    ("It opened today.", ["years, said the engineer.-", "It opened today"]),
    ("It opened today. Trams came.", ["It opened today. Trams came"]),
    ("`max_size`", ["Meaning-", "max_size"]),
    # Japanese
    ("青浜灯台は、1889年に建てられました。", ["青浜灯台は、1889年に建てられました"]),
    ("1889年に建てられました", ["1889年に建てられました"]),
    ("「高さは31メートル」で、", ["高さは31メートル」で"]),
    ("見学料は大人300円、①小学生以下は無料です。", ["見学料は大人300円、①小学生以下は無料です"]),
    ("火曜日は休館です。", ["修復には約3億円をかけました。-", "火曜日は休館です"]),
    ("国の補助金も使われました。", ["国の補助金も使われました"]),
    (
        "この灯台は青浜市の北の岬に立つ石造りの灯台で、明治時代に外国人技師の設計によって建てられたのち、昭和の大修理を経て、"
        "今も現役の航路標識として毎晩光を放ち続けています。",
        ["この灯台は青浜市の北の岬に立つ石造りの灯台で", "今も現役の航路標識として毎晩光を放ち続けています"],
    ),
    ("# 青浜灯台", ["Trams came. It opened today.-", "青浜灯台"]),
]


def terms(link: str) -> list[str]:
    """What a browser reads out of a directive; the marks of what stands before and behind are kept."""
    directive = link.partition(":~:text=")[2]
    return [unquote(part) for part in directive.split(",")] if directive else []


@pytest.mark.parametrize(("quote", "expected"), CASES)
def test_table(quote: str, expected: list[str]) -> None:
    link = text_fragment(URL, quote, TEXT)
    assert terms(link) == expected
    assert link.startswith(f"{URL}#:~:text=")
    assert re.fullmatch(r"[!-~]+", link)


@pytest.mark.parametrize("quote", ["", " ", "---", "。", "nothing of the kind", "```"])
def test_nothing_to_lead_to(quote: str) -> None:
    assert text_fragment(URL, quote, TEXT) == URL
    assert text_fragment(URL, quote, "") == URL


@pytest.mark.parametrize(
    ("url", "begins"),
    [
        ("https://a.example/", "https://a.example/#:~:text="),
        ("https://a.example/?a=b&c", "https://a.example/?a=b&c#:~:text="),
        ("https://a.example/#top", "https://a.example/#top:~:text="),
        ("https://a.example/#", "https://a.example/#:~:text="),
        ("https://a.example/#top:~:text=other", "https://a.example/#top:~:text="),
        ("https://a.example/#:~:text=other", "https://a.example/#:~:text="),
    ],
)
def test_the_address_keeps_its_own_fragment(url: str, begins: str) -> None:
    assert text_fragment(url, "two piers", TEXT) == f"{begins}two%20piers"


def test_what_means_something_in_a_directive_is_spelt_out() -> None:
    link = text_fragment(URL, "well-known & loved", "It is well-known & loved.")
    assert link.endswith("#:~:text=well%2Dknown%20%26%20loved")
    assert text_fragment(URL, "a, b", "x a, b c").endswith("a%2C%20b")


def test_an_end_that_comes_too_early_is_not_used() -> None:
    quote = "Alpha beta gamma delta epsilon zeta, one two three four five six seven. " * 3
    found = terms(text_fragment(URL, quote, quote))
    assert len(found) == 1
    assert found[0] in " ".join(quote.split())


def test_broken_characters_do_not_break_the_link() -> None:
    assert text_fragment(URL, "a \ud800 b", "say a \ud800 b now").endswith("a%20%3F%20b")


WORDS = st.sampled_from(
    [
        *"the bridge opened 1931 well-known & 50% (twice) `code` *bold* | ¶ 灯台は、 高さは31メートル。 ①無料".split(),
        *"「岬」に立つ １２ - # 1. > é ß ｶﾞ".split(),
        "\n",
        "\n\n",
    ]
)


@given(st.lists(WORDS, min_size=1, max_size=60), st.data())
def test_the_words_stand_in_the_text_within_one_line(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    start = data.draw(st.integers(0, len(words) - 1))
    quote = " ".join(words[start : data.draw(st.integers(start + 1, len(words)))])
    link = text_fragment(URL, quote, text)
    assert urlsplit(link)._replace(fragment="").geturl() == URL
    lines = [" ".join(line.replace("`", "").split()) for line in text.split("\n")]
    for term in terms(link):
        word = term.removesuffix("-") if term.endswith("-") else term.removeprefix("-")
        assert word
        assert any(word in line for line in lines)
        assert not set(word) & set("*|`\n")
    if len(terms(link)) == 1:
        assert only_letters(terms(link)[0]) in only_letters(quote)


def only_letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
