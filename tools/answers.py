"""When an answer counts as right, and when as a refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.library.words import search_terms
from tools.notation import digits, solid, uncited

_SHARE = 0.8
"""Of a short answer of several words so many of its terms suffice: word order and particles may differ."""
_SEVERAL = 3
_PRECISION, _RECALL, _OVERLAP = 0.5, 0.4, 3

_REFUSAL = re.compile(
    r"\b(sources?|documents?|passages?|text|information|context)\b[^.]{0,60}\b(do|does|is|are|was|were)\s*(?:not|n't)"
    r"\s+(?:\w+ly\s+)?(say|state|mention|contain|provide|specif|give|answer|indicat|includ|address|explain|tell|discuss|"
    r"describ|found|available|there\b|here\b|enough|sufficient)"
    r"|\b(not|n't)\b[^.]{0,40}\b(mention|state|specif|provid|contain|found|given|said|say)\w*[^.]{0,40}"
    r"\b(sources?|documents?|passages?|text|context)\b"
    r"|\b(no|any) (information|mention|details?|answer)\b[^.]{0,60}\b(sources?|documents?|passages?|text|context)\b"
    r"|\bsources?\b[^.]{0,30}\bno (information|mention|answer)\b"
    r"|^\W*(NONE|NOT IN (THE )?SOURCES)\W*$"
    r"|(出典|資料|文書|情報源|文章|本文|テキスト)[^。]{0,60}"
    r"(ません|ない。|ありませ|いません|不明|見つから|存在しな|書かれていな|含まれていな)"
    r"|(記載|言及|明記|記述)[^。]{0,12}(ありません|いません|ない|なし)"
    r"|(わかりません|分かりません|答えられません|お答えできません|不明です)。?\W*$",
    re.IGNORECASE,
)
_QUOTATION = re.compile(r"「[^」]*」|“[^”]*”|\"[^\"]*\"")


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether a text says one of the short `answers`, whatever the width, case and script of the digits."""
    said, words = _solid(text), _words(text)
    for answer in answers:
        wanted = _words(answer)
        if _solid(answer) and _solid(answer) in said:
            return True
        if len(wanted) >= _SEVERAL and len(wanted & words) >= _SHARE * len(wanted):
            return True
    return False


def agrees(text: str, reference: str, question: str) -> bool:
    """Whether a text says what a person's long answer says, the question's own words not counted.

    At least half of its terms stand in the reference, and either three of them or two fifths of the reference's do: a
    short answer need not say all that a long one says, but may say little else.
    """
    given = _words(question)
    own, wanted = _words(text) - given, _words(reference) - given
    if not own or not wanted:
        return bool(_words(text) & _words(reference))
    shared = len(own & wanted)
    return shared >= _PRECISION * len(own) and (shared >= _OVERLAP or shared >= _RECALL * len(wanted))


def refuses(sentence: str) -> bool:
    """Whether the sentence says that the sources do not hold the answer."""
    return bool(_REFUSAL.search(_QUOTATION.sub("", uncited(sentence))))


def _words(text: str) -> set[str]:
    """Stems and normalised forms: "observed" says what "observation" asks for."""
    return set(search_terms(digits(text)))


def _solid(text: str) -> str:
    return solid(digits(text))
