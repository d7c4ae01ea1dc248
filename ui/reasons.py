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

from ui.strings import FOLDER

if TYPE_CHECKING:
    from agent.state import Language
    from ui.strings import Strings


def told(reason: str, words: Strings) -> str:
    """`reason` in the language of `words`."""
    for pattern, sentence in _sentences(words.language):
        if found := pattern.search(reason):
            return found.expand(sentence)
    return reason


@cache
def _sentences(language: Language) -> list[tuple[re.Pattern[str], str]]:
    path = FOLDER / f"reasons.{language}.json"
    if not path.is_file():
        return []
    return [(re.compile(pattern), sentence) for pattern, sentence in json.loads(path.read_text("utf-8")).items()]
