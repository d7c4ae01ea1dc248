"""One notation for texts that are to be compared: width, case, digits, citation marks."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九")} | {"零": 0}
_SMALL = {"十": 10, "百": 100, "千": 1000}
LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12}
CITATION = re.compile(
    r"[(（]\s*(?:from|see|sources?:?|according to|出典[:：]?)?\s*\[(\d{1,2})\]\s*[)）]"
    r"|(?:,\s*as \w+ (?:in|by)|\b(?:according to|as \w+ (?:in|by)|from|in|see|per))\s+\[(\d{1,2})\],?"
    r"|\[(\d{1,2})\](?:によると|によれば)[、,]?"
    r"|\[(\d{1,2})\]|(?<=\s)\((\d)\)(?=[.。]?\s*$)",
    re.IGNORECASE,
)
"""`[2]`, and what small models write: `(from [2])`, `from [2]`, `[2]によると`, and `(2)` that ends a sentence."""
WORDS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
        ]
    )
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
}
_COUNTED = re.compile(
    r"(?<![\d〇零一二三四五六七八九十百千万])([〇零一二三四五六七八九十百千万]+)(?=(?:年|月|日|時|分|秒|人|名|個|円|本|台|回|番|歳|才|階|週|度|章|条|号|割|倍|つ|点|件|冊|枚|匹|頭|軒|校))"
)
# "one" is also a pronoun, and "twenty-first" and "two-thirds" are other numbers
_NUMBER_WORD = re.compile(rf"(?<!-)\b({'|'.join(w for w in WORDS if w != 'one')})\b(?!-)", re.IGNORECASE)
_SAME = str.maketrans("’‘–—‑", "''---", "\u00ad")


def plain(text: str) -> str:
    """NFKC, lower case, one kind of apostrophe and hyphen: the form in which texts are compared."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded.translate(_SAME)


def solid(text: str) -> str:
    """`plain` without any white space or middle dots, for comparing names and quotations."""
    return re.sub(r"[\s・]+", "", plain(text))


def uncited(text: str) -> str:
    """The text without its citation marks."""
    bare = re.sub(r"[ \t]+(?=[.。,、]|$)", "", CITATION.sub("", text))
    bare = re.sub(r"[ \t]{2,}", " ", bare).strip()
    return bare[:1].upper() + bare[1:] if text[:1].isupper() else bare


def digits(text: str) -> str:
    """NFKC, with kanji numerals before a counter and English number words written in digits, thousands unseparated.

    十一時 and 11時, four minutes and 4 minutes, 1,500円 and 1500円 become the same words.
    """
    text = unicodedata.normalize("NFKC", text)
    text = _COUNTED.sub(lambda m: str(kanji(m.group(1))), text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return _NUMBER_WORD.sub(lambda m: WORDS[m.group().casefold()], text)


def kanji(text: str) -> int:
    """The number that kanji numerals write."""
    if all(c in _DIGITS for c in text):  # positional, as in 二〇二四
        return int("".join(str(_DIGITS[c]) for c in text))
    total = section = digit = 0
    for char in text:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _SMALL:
            section += (digit or 1) * _SMALL[char]
            digit = 0
        else:
            total += (section + digit or 1) * LARGE[char]
            section = digit = 0
    return total + section + digit
