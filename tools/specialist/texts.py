"""Texts of examples: what may stand in them, and the forms in which they are compared."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from tools.specialist.example import Example
from tools.specialist.tables import LINE, Misfit

_LOST = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffd]")
_NO_WORD = re.compile(r"(?:[^\w./:\-+#%&@$€£¥=<>*]|_|(?<!\d)[./:\-]|[./:\-](?!\d))+")
"""Punctuation and space; but 1.5 and 15, 1/11 and 11/1, C and C++ are not the same."""
_WORD = re.compile(r"[^\W\d_ぁ-ヿ㐀-鿿豈-﫿々〆]+|\d+|[ぁ-ヿ㐀-鿿豈-﫿々〆]+")
_JAPANESE = re.compile(r"[ぁ-ヿ㐀-鿿豈-﫿々〆]")


def clean(text: str) -> str:
    """Without white space around it. Raises `Misfit` for what is no text and for what is far too long."""
    text = text.strip()
    if lost := _LOST.search(text):
        raise Misfit(
            "characters",
            f"there is a character that is none (U+{ord(lost[0]):04X}); write the text anew and save it as UTF-8.",
        )
    if len(text) > LINE:
        raise Misfit("long_line", "a text is longer than 1 MB; shorten it or leave it out.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def written(value: Any, name: str) -> str:
    """An answer as text: a JSON object or array as JSON, a number as it is written. Raises `Misfit`."""
    if value is None:
        return ""
    if isinstance(value, str):
        return clean(value)
    try:
        return clean(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError) as error:
        if isinstance(error, Misfit):
            raise
        raise Misfit("value", f"{name} holds a number or a nesting that JSON cannot keep; simplify it.") from error


def key(text: str) -> str:
    """The same for texts that differ in case, width, punctuation and white space only; empty where there is no word."""
    return _NO_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


def asked(example: Example) -> str:
    """The same for examples that ask the same but for that, system messages left out.

    Where the words are gone the characters count, so that `?` and `!` are not the same question.
    """
    said = [m.content for m in example.messages if m.role != "system"]
    return "\x1f".join(key(text) or text.strip() for text in said)


def tokens(text: str) -> frozenset[str]:
    """Words, numbers, and pairs of characters where words are not parted by spaces."""
    found: set[str] = set()
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _JAPANESE.match(word) and len(word) > 2:
            found.update(word[i : i + 2] for i in range(len(word) - 1))
        else:
            found.add(word)
    return frozenset(found)
