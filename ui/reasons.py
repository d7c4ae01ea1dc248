"""The library's reasons in the reader's language.

The library says in English why something failed, one sentence for each reason. The sentences of other languages stand
in `strings/reasons.<language>.json` under what is telling in the English one; where there is none the reader gets the
English sentence, which is better than none.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from tools.library.outcome import KEPT
from ui.strings import FOLDER

if TYPE_CHECKING:
    from agent.state import Language
    from ui.strings import Strings


def told(reason: str, words: Strings) -> str:
    """`reason` in the language of `words`, with what it says of the document as it was before."""
    wrong, kept, _ = reason.partition(f" {KEPT}")
    said, _ = translated(wrong, words)
    if said == wrong:
        return reason
    return said + translated(KEPT, words)[0] if kept else said


def translated(text: str, words: Strings, table: str = "reasons") -> tuple[str, bool]:
    """The sentence for an English one out of `strings/TABLE.LANGUAGE.json`, and whether it is in the language of
    `words`; without a sentence of its own that is the English one."""
    if words.language == "en":
        return text, True
    for pattern, sentence in _sentences(table, words.language):
        if found := pattern.search(text):
            return found.expand(sentence), True
    return text, False


@cache
def _sentences(table: str, language: Language) -> list[tuple[re.Pattern[str], str]]:
    path = FOLDER / f"{table}.{language}.json"
    return [(re.compile(pattern), sentence) for pattern, sentence in json.loads(path.read_text("utf-8")).items()]
