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
    said = _told(wrong, words.language)
    if said == wrong:
        return reason
    return said + _told(KEPT, words.language) if kept else said


def _told(reason: str, language: Language) -> str:
    for pattern, sentence in _sentences(language):
        if found := pattern.search(reason):
            return found.expand(sentence)
    return reason


@cache
def _sentences(language: Language) -> list[tuple[re.Pattern[str], str]]:
    path = FOLDER / f"reasons.{language}.json"
    if not path.is_file():
        return []
    return [(re.compile(pattern), sentence) for pattern, sentence in json.loads(path.read_text("utf-8")).items()]
