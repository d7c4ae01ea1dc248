"""Letters that got lost on the way out of a model, put back from the sources it copied from.

A small model writes rare letters byte by byte and sometimes begins one that it does not end. What comes out is U+FFFD,
and the letter it meant mostly stands in the source, between the same neighbours.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence

LOST = "\ufffd"
_RUN = re.compile(f"{LOST}+")
_AROUND = 3
"""Letters on each side by which the place is found again."""
_KANA = re.compile(r"[ぁ-ゖ]*")


def restored(text: str, sources: Sequence[str]) -> str:
    """The text with what was lost, where all places of the sources that fit say the same; otherwise as it is."""
    while found := _RUN.search(text):
        before, after = text[max(0, found.start() - _AROUND) : found.start()], text[found.end() :][:_AROUND]
        letters = _between(before, after.partition(LOST)[0], sources)
        if letters is None:
            return text[: found.end()] + restored(text[found.end() :], sources)
        text = text[: found.start()] + letters + text[found.end() :]
    return text


def _between(before: str, after: str, sources: Sequence[str]) -> str | None:
    """What stands between these letters, or between as many of them as some source has."""
    for left, right in _places(before, after):
        ends = f"(\\w{{1,2}}?){re.escape(right)}" if right else r"(\w)"
        pattern = re.compile(re.escape(left) + ends)
        if letters := {match.group(1) for source in sources for match in pattern.finditer(source)}:
            return letters.pop() if len(letters) == 1 else None
    return None


def _places(before: str, after: str) -> Iterator[tuple[str, str]]:
    """Neighbours on both sides, then on one, the most of them first. A few kana say nothing."""
    both = [(before[-n:], after[:n]) for n in range(_AROUND, 0, -1)]
    alone = [pair for left, right in both for pair in (("", right), (left, ""))]
    for pair in (*(pair for pair in both if all(pair)), *alone):
        around = "".join(pair)
        if len(around) == 2 * _AROUND or not _KANA.fullmatch(around):
            yield pair


async def whole(pieces: AsyncIterator[str], sources: Sequence[str]) -> AsyncIterator[str]:
    """Pieces of a text as they come; one that lost letters waits until it is known what follows them."""
    held = before = ""
    async for piece in pieces:
        held += piece
        if LOST in held and len(held) - held.rfind(LOST) <= _AROUND:
            continue
        told = restored(before + held, sources)[len(before) :]
        before, held = (before + told)[-_AROUND:].rpartition(LOST)[2], ""
        yield told
    if held:
        yield restored(before + held, sources)[len(before) :]
