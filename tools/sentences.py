"""Sentences of English and Japanese text, as spans, so that `text[start:end]` is always what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPEN = "「『（(【〈《［[“"
_CLOSE = "」』）)】〉》］]”"
_END = "。！？!?．"
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|No|Nos|Fig|Sec|Vol|pp?|Dr|Mr|Mrs|Ms|Prof|St|Rep|Reps|Sen|Sens|Gov|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Mt|Ft|Inc|Ltd|Co|Corp|U\.S|a\.m|p\.m)"
    r"|\b[A-Z])\.$"
)
_MARK = re.compile(r"\s*(?:\[\d{1,2}\](?:\s*[,、]\s*(?=\[\d))?\s*)+")
"""Citation marks, `[1][2]` or `[1], [2]`; they belong to the sentence that they follow."""


_BLOCK = re.compile(r"\s*(?:#{1,6} |[-*+>|] ?|\d{1,3}[.)] |```|・)")
"""How a heading, list item, quotation, table row or fence begins."""
_STOPS = ("。", "！", "？", ".", "!", "?", ":", "：", "|", "  ")
_WRAPPED = 60
"""Columns from which on a line without a full stop is taken to go on in the next; a CJK character has two."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, outer white space left out.

    A line break ends a sentence, unless the line was only wrapped at the width of a page. Inside brackets and Japanese
    quotation marks nothing ends one, unless the bracket is never closed on its line.
    """
    offset = 0
    for line in _unwrapped(text):
        for start, end in _line(line):
            stripped = line[start:end]
            left = start + len(stripped) - len(stripped.lstrip())
            right = start + len(stripped.rstrip())
            if left < right:
                yield offset + left, offset + right
        offset += len(line)


def split(text: str) -> list[str]:
    """The sentences of `text`, citation marks included."""
    return [text[start:end] for start, end in spans(text)]


def _unwrapped(text: str) -> Iterator[str]:
    """Lines, with those that were wrapped at the width of a page joined to the next; nothing is added or removed."""
    held = ""
    for line in text.splitlines(keepends=True):
        if held and (not line.strip() or _BLOCK.match(line)):
            yield held
            held = ""
        held += line
        ended = line.rstrip()
        wide = sum(2 if c >= "\u1100" else 1 for c in ended) >= _WRAPPED
        if not wide or (_BLOCK.match(line) and line.lstrip().startswith(("#", "|"))) or ended.endswith(_STOPS):
            yield held
            held = ""
    if held:
        yield held


def _line(line: str) -> Iterator[tuple[int, int]]:
    depth = 0
    start = position = 0
    balanced = sum(line.count(c) for c in _OPEN) == sum(line.count(c) for c in _CLOSE)
    while position < len(line):
        char = line[position]
        position += 1
        if balanced and char in _OPEN:
            depth += 1
        elif balanced and char in _CLOSE:
            depth = max(0, depth - 1)
        elif depth == 0 and (char in _END or (char == "." and _full_stop(line, start, position))):
            while position < len(line) and line[position] in _END + _CLOSE + "\"'":
                position += 1
            if char in "!?." and position < len(line) and not line[position].isspace() and line[position] != "[":
                following = line[position]
                if following.isascii():
                    continue
            if marks := _MARK.match(line, position):
                position = marks.end()
            yield start, position
            start = position
    if start < len(line):
        yield start, len(line)


def _full_stop(line: str, start: int, end: int) -> bool:
    """Whether the "." before `end` ends a sentence: not in 3.5, a.txt, e.g., an initial, or a list number."""
    following = line[end : end + 1]
    if following and not following.isspace() and following not in "\"')]”[":
        return not following.isascii()
    head = line[start:end]
    return not (_ABBREVIATION.search(head) or re.fullmatch(r"\s*\d{1,3}\.", head))
