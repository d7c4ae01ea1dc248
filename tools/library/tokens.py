"""Text to terms, for checking what a text holds; the word index has an analyser of its own (`words`).

English words are lower-cased, stripped of stop words and lightly stemmed; runs of Japanese become character bigrams, so
that a word inside a longer one counts as held.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

_RUN = re.compile(
    r"(?P<word>[a-z0-9][a-z0-9'’_]*)|(?P<kata>[ァ-ヺー]+)|(?P<cjk>[一-鿿㐀-䶿豈-﫿々〆ヶ]+)|(?P<hira>[ぁ-ゖ]+)"
    r"|(?P<other>[^\W_a-z0-9ァ-ヺー一-鿿㐀-䶿豈-﫿々〆ヶぁ-ゖ]+)"
)
_ACCENTED = re.compile(r"[À-ɏḀ-ỿ]")
_KANA = re.compile(r"[ぁ-ゖァ-ヺ]")
_HAN = re.compile(r"[一-鿿㐀-䶿]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
STOP = frozenset(
    "a an and are as at be been but by can could did do does for from had has have how i if in into is it its me my of "
    "on or our so than that the their them then there these they this to was we were what when where which who whom "
    "whose why will with would you your about please tell s t don".split()
)


def normalise(text: str) -> str:
    """NFKC and lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


def language(text: str) -> Literal["en", "ja"]:
    """`ja` when kana or kanji carry the text, otherwise `en`: a Japanese sentence full of product names is Japanese."""
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    # a kanji or kana carries about as much as half an English word
    return "ja" if (kana + han) * 3 > len(_LATIN.findall(text)) and kana + han > 0 else "en"


def terms(text: str) -> list[str]:
    """The terms of a text, in order, repetitions kept."""
    found: list[str] = []
    japanese: list[str] = []

    def flush() -> None:
        if japanese:
            found.extend(_bigrams("".join(japanese)))
            japanese.clear()

    last_end = -1
    for match in _RUN.finditer(unaccented(normalise(text))):
        kind, run = match.lastgroup, match.group()
        if kind in ("cjk", "kata", "hira"):
            if match.start() != last_end:
                flush()
            japanese.append(run)
            last_end = match.end()
            continue
        flush()
        if kind == "word":
            word = run.replace("’", "'").strip("'")
            if word not in STOP and (len(word) > 1 or word.isdigit()):
                found.append(stem(word))
        else:
            found.append(run)
    flush()
    return found


def unaccented(normal: str) -> str:
    """Latin letters without their accents."""
    return _ACCENTED.sub(lambda match: unicodedata.normalize("NFD", match.group())[0], normal)


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [
        pair
        for pair in (run[i : i + 2] for i in range(len(run) - 1))
        if not (_is_hiragana(pair[0]) and _is_hiragana(pair[1]))
    ]


def _is_hiragana(char: str) -> bool:
    return "ぁ" <= char <= "ゖ"


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A light English stemmer: plurals, -ing, -ed. It never merges words of different roots on purpose."""
    if not word.isascii() or len(word) < 4 or any(c.isdigit() for c in word):
        return word
    word = re.sub(r"'s$", "", word)
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if word.endswith(ending) and len(word) >= len(ending) + 2:
            return word[: -len(ending)] + instead
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and re.search(r"[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word
