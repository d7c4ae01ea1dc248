"""What is wrong with a specialist or its examples, in the reader's language.

The tools say it in English and for the command line: with its options, and with paths of this machine. The page has
sentences of its own, in `strings/specialists.<language>.json` under what is telling in the original, and for each code
in `strings/<language>.json`. The original itself is never shown.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from ui.strings import FOLDER

if TYPE_CHECKING:
    from agent.state import Language
    from tools.specialist.data import Fault
    from ui.strings import Strings

_LINE = re.compile(
    r"^(?P<file>[^/\\]+?), line (?P<line>\d+): (?P<what>.+?)(?: So it is with all (?P<all>[\d,]+) rows\.)?$"
)


def told(reason: str, message: str, words: Strings) -> str:
    """The sentence for an error: for what it says where that is known, or else for its code."""
    if found := _LINE.match(message):
        what = _known(found["what"], words.language) or words("unable.data")
        said = words("spec.fault", file=found["file"], line=found["line"], what=what)
        return said + (words("spec.fault_all", n=found["all"]) if found["all"] else "")
    return _known(message, words.language) or _code(reason, words)


def _code(reason: str, words: Strings) -> str:
    return words.code("unable", reason) or words.code("cannot", reason) or words("unable.inside")


def fault(one: Fault, words: Strings) -> str:
    """What is wrong with a line, without its place."""
    return _known(one.message, words.language) or words.code("fault", one.code) or words("unable.data")


def _known(message: str, language: Language) -> str:
    for pattern, sentence in sentences(language):
        if found := pattern.search(message):
            return found.expand(sentence)
    return ""


@cache
def sentences(language: Language) -> list[tuple[re.Pattern[str], str]]:
    """What is telling in an original, and the sentence for it."""
    table = json.loads((FOLDER / f"specialists.{language}.json").read_text("utf-8"))
    return [(re.compile(pattern), sentence) for pattern, sentence in table.items()]
