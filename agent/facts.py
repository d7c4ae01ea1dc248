"""The hard facts in a sentence: numbers, names, quotations. What can be checked without a model, is.

Asymmetric on purpose: `claimed_*` reads narrowly (what a sentence certainly claims), `stated_numbers` reads widely
(every way in which a source may have put it), so that a difference in notation is never called a false claim.
"""

from __future__ import annotations

import re
import unicodedata

from tools.library.tokens import language
from tools.notation import CITATION, LARGE, WORDS, kanji
from tools.notation import digits as digits
from tools.notation import plain as plain
from tools.notation import solid as solid
from tools.notation import uncited as uncited

_KANJI_NUMBER = re.compile(r"[〇零一二三四五六七八九十百千万億兆]+")
_MIXED_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([万億兆])")
_NUMBER = re.compile(r"(?<![A-Za-z\d.])\d+(?:,\d{3})*(?:\.\d+)*")
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_ERA_YEAR = re.compile(rf"({'|'.join(_ERAS)})\s*(元|\d+|[一二三四五六七八九十]+)年")
_IDIOM = re.compile(r"十分(?![間前後以ほくご]|で(?!す))|一(?=[番度時日人つ点回方部般緒切定])")
"""Enough, best, once, …: numerals that count nothing."""
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALED = re.compile(rf"(\d[\d,]*(?:\.\d+)?)\s*-?({'|'.join(_SCALES)})s?\b", re.IGNORECASE)

_LATIN_NAME = re.compile(r"(?<![\w.])[A-Z][\w'’&-]*(?:\.[A-Za-z]\w*)*")
_LATIN_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]+")
_KATAKANA = re.compile(r"[ァ-ヴー]{3,}")
_QUOTED = re.compile(r"[\"“]([^\"“”]{4,120})[\"”]|「([^「」]{4,120})」|『([^『』]{4,120})』|`([^`]{2,120})`")
_CODE = re.compile(r"`([^`]{2,120})`")
_NOT_NAMES = frozenset(
    "I I'm I'll OK Yes No The A An It This That These Those If When Where Who What Why How Mr Mrs Ms Dr Prof".split()
)
_TITLE_BEFORE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Rep|Sen|Gov|Gen|Col|Capt|Lt|Sgt|Rev)\.\s*$")


def citations(text: str) -> tuple[int, ...]:
    """The numbers of the citation marks, in order, each once."""
    return tuple(dict.fromkeys(int("".join(groups)) for groups in CITATION.findall(text)))


def claimed_numbers(sentence: str) -> frozenset[str]:
    """Numbers in digits, as an English word, or in kanji before a counter; canonical: `1,200.50` is `1200.5`."""
    text = digits(_IDIOM.sub(" ", CITATION.sub(" ", sentence)))
    text = re.sub(r"(?m)^\s*\d{1,2}[.)]\s", " ", text)  # the number of a list item claims nothing
    return frozenset(_canonical(n) for n in _NUMBER.findall(text))


def stated_numbers(text: str) -> frozenset[str]:
    """Every number that the text states in any notation: digits, kanji, number words, 万・億, eras as years."""
    text = unicodedata.normalize("NFKC", text)
    found = {_canonical(n) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)*", text)}
    # a date or version states its parts too (2024.4.1, 2024-04-01, 9:30); 5.5 does not state 5
    whole = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    for number in re.findall(r"\d+(?:\.\d+)*", whole):
        parts = number.split(".")
        found |= set() if len(parts) == 2 else {_canonical(part) for part in parts}
    found |= {_canonical(str(kanji(n))) for n in _KANJI_NUMBER.findall(text)}
    for number, unit in _MIXED_NUMBER.findall(text):
        found.add(_canonical(str(float(number.replace(",", "")) * LARGE[unit])))
    for number, unit in _SCALED.findall(text):
        found.add(_canonical(str(float(number.replace(",", "")) * _SCALES[unit.casefold()])))
    for era, year in _ERA_YEAR.findall(text):
        count = 1 if year == "元" else int(year) if year.isdigit() else kanji(year)
        found.add(str(_ERAS[era] + count))
    lowered = text.casefold()
    found |= {WORDS[w] for w in re.findall(r"[a-z]+", lowered) if w in WORDS}
    return frozenset(found)


def claimed_names(sentence: str) -> tuple[str, ...]:
    """Capitalised words that do not open the sentence, words with inner capitals, and katakana words.

    A Japanese sentence claims every Latin word in it: there a Latin word is nearly always a name.
    """
    text = unicodedata.normalize("NFKC", CITATION.sub(" ", sentence)).strip()
    japanese = is_japanese(text)
    names: list[str] = list(_KATAKANA.findall(text))
    if japanese:
        names += _LATIN_WORD.findall(text)
    else:
        for match in _LATIN_NAME.finditer(text):
            word = match.group()
            before = text[: match.start()]
            opens = not before.strip(" \"'“(*_`") or (
                re.search(r"[.!?:]\s*[\"'“(*_`]*$", before) and not _TITLE_BEFORE.search(before)
            )
            inner = any(c.isupper() or c.isdigit() for c in word[1:])
            if word not in _NOT_NAMES and (inner or not opens):
                names.append(re.sub(r"['’]s$", "", word))
    return tuple(dict.fromkeys(names))


def quotations(sentence: str) -> tuple[str, ...]:
    """What stands in quotation marks or backticks."""
    return tuple(next(g for g in groups if g) for groups in _QUOTED.findall(sentence))


def code(sentence: str) -> tuple[str, ...]:
    """What stands in backticks: commands, options and file names, which no language translates."""
    return tuple(_CODE.findall(sentence))


def is_japanese(text: str) -> bool:
    """Whether a text reads as Japanese: kana, or CJK characters and hardly any Latin ones."""
    return language(text) == "ja"


def _canonical(number: str) -> str:
    plain_number = number.replace(",", "").rstrip(".")
    if plain_number.count(".") > 1:  # a version or a dotted date
        return plain_number
    whole, _, fraction = plain_number.partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
