"""Links to a sentence of a page: URL Fragment Text Directives (WICG, "Scroll to Text Fragment", sections 3.2 and 3.5).

A browser scrolls to the first place where a page has the words of `#:~:text=[prefix-,]start[,end][,-suffix]`. Each of
these stands within one block of the page and begins and ends at the edge of a word. The text that was read of a page
has marks of Markdown that the page has not, so each is a run of plain words between such marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote as percent

LONGEST = 100
"""Columns of a quote that is given whole, a Japanese character having two; a longer one is given by its two ends."""
_ENOUGH = 24
"""Columns of an end, and of what stands before or behind: some four words, or a Japanese phrase."""
_FURNITURE = re.compile(r"[ \t]*(?:```|~~~).*|[ \t]*(?:(?:#{1,6}|[-+>]|\d{1,3}[.)])[ \t]+)*")
"""How a heading, list item, quotation or fence begins."""
_MARK = re.compile(r"[*|\\\n]+")
_UNSEEN = re.compile(r"[\s`*|\\#>+-]|\d{1,3}[.)]\s")
"""Marks of Markdown between two blocks."""
_BLANK = "` \t\r\n\u3000\u00a0"
_EDGE = _BLANK + ".,;:!?。、，．！？：；…\"'“”‘’()（）[]［］「」『』〈〉《》【】-–—~〜・/"
_STOP = re.compile(r"\s+|[。、，！？：；…「」『』（）〈〉《》【】・]+")
"""Where a run may be cut: browsers look for words, and Japanese has none to be seen but between these."""


@dataclass(frozen=True)
class _Span:
    start: int
    end: int


class _Letters:
    """A text without anything but letters and digits, and where each of these stands in it."""

    def __init__(self, text: str) -> None:
        folded = [(letter, i) for i, char in enumerate(text) if char.isalnum() for letter in char.casefold()]
        self.text = "".join(letter for letter, _ in folded)
        self.at = [i for _, i in folded]

    def find(self, piece: str) -> _Span | None:
        """Where the letters of `piece` stand first."""
        wanted = _Letters(piece).text
        found = self.text.find(wanted) if wanted else -1
        return _Span(self.at[found], self.at[found + len(wanted) - 1] + 1) if found >= 0 else None

    def count(self, piece: str) -> int:
        """How often the letters of `piece` stand here, also one over another."""
        wanted = _Letters(piece).text
        return len(re.findall(f"(?={re.escape(wanted)})", self.text)) if wanted else 0


def text_fragment(url: str, quote: str, text: str) -> str:
    """`url` with a directive that leads to `quote`, a piece of `text`; `url` itself if no words of it can be told."""
    page = _Letters(text)
    at = text.find(quote)
    whole = _Span(at, at + len(quote)) if at >= 0 and quote else page.find(quote)
    if whole is None:
        return url
    runs = list(_runs(text))
    inside = [run for run in (_trimmed(text, max(r.start, whole.start), min(r.end, whole.end)) for r in runs) if run]
    if not inside:
        return url
    start, end = _ends(text, page, inside)
    before = after = None
    if page.count(text[start.start : start.end]) > 1:
        before, after = _context(text, page, runs, start, alone=end is None)
    terms = [
        *([f"{_said(text, before)}-"] if before else []),
        _said(text, start),
        *([_said(text, end)] if end else []),
        *([f"-{_said(text, after)}"] if after else []),
    ]
    address, _, fragment = url.partition("#")
    return f"{address}#{fragment.partition(':~:')[0]}:~:text={','.join(terms)}"


def _ends(text: str, page: _Letters, runs: list[_Span]) -> tuple[_Span, _Span | None]:
    """A run as a whole, or the beginning of the first and the end of the last."""
    first, last = runs[0], runs[-1]
    if first == last and _columns(text[first.start : first.end]) <= LONGEST:
        return first, None
    start, end = _first(text, first), _last(text, last)
    if start is not None and end is not None and start.end <= end.start:
        for tail in (end, last if last != first else end):
            found = _Letters(text[start.end : last.end]).find(text[tail.start : tail.end])
            # an earlier place with the same words would end the quote too soon
            if found is not None and start.end + found.end >= tail.end:
                return start, tail
    longest = max(runs, key=lambda run: run.end - run.start)
    return longest, None


def _context(
    text: str, page: _Letters, runs: list[_Span], of: _Span, *, alone: bool
) -> tuple[_Span | None, _Span | None]:
    """What stands before and behind a piece, as far as it takes to tell it from others with the same words.

    Unless it stands `alone`, another end follows, and what is behind that says nothing about the piece.
    """
    before = _last(text, _beside(text, runs, of, before=True))
    after = _first(text, _beside(text, runs, of, before=False)) if alone else None
    if before and page.count(text[before.start : of.end]) == 1:
        return before, None
    if after and page.count(text[of.start : after.end]) == 1:
        return None, after
    return before, after


def _runs(text: str) -> Iterator[_Span]:
    """Pieces of a text that stand on the page as they are: within one line or cell, between two marks."""
    offset = 0
    for line in text.splitlines(keepends=True):
        furniture = _FURNITURE.match(line)
        at = furniture.end() if furniture else 0
        for mark in [*_MARK.finditer(line, at), None]:
            stop = mark.start() if mark else len(line)
            if any(char.isalnum() for char in line[at:stop]):
                yield _stripped(text, offset + at, offset + stop, _BLANK, _BLANK)
            at = mark.end() if mark else at
        offset += len(line)


def _trimmed(text: str, start: int, end: int) -> _Span | None:
    """Without white space and punctuation at its ends; None when no letter is left."""
    span = _stripped(text, start, end, _EDGE, _EDGE)
    return span if any(char.isalnum() for char in text[span.start : span.end]) else None


def _stripped(text: str, start: int, end: int, left: str, right: str) -> _Span:
    while start < end and text[start] in left:
        start += 1
    while start < end and text[end - 1] in right:
        end -= 1
    return _Span(start, max(start, end))


def _beside(text: str, runs: list[_Span], of: _Span, *, before: bool) -> _Span | None:
    """What stands next to a piece, its punctuation included: a browser lets only white space stand between."""
    at = next(i for i, run in enumerate(runs) if run.start <= of.start < run.end)
    rest = (runs[at].start, of.start) if before else (of.end, runs[at].end)
    if text[rest[0] : rest[1]].strip(_BLANK):
        span = _stripped(text, *rest, _BLANK, _BLANK)
    else:
        at += -1 if before else 1
        if not 0 <= at < len(runs):
            return None
        span = runs[at]
        between = text[span.end : of.start] if before else text[of.end : span.start]
        if _UNSEEN.sub("", between):
            return None
    return span if any(char.isalnum() for char in text[span.start : span.end]) else None


def _first(text: str, run: _Span | None) -> _Span | None:
    """The first words of a run, cut where a word ends."""
    if run is None:
        return None
    for stop in _STOP.finditer(text, run.start, run.end):
        if _columns(text[run.start : stop.start()]) >= _ENOUGH:
            return _stripped(text, run.start, stop.start(), "", _EDGE)
    return _stripped(text, run.start, run.end, "", _EDGE)


def _last(text: str, run: _Span | None) -> _Span | None:
    """The last words of a run, cut where a word begins."""
    if run is None:
        return None
    for stop in reversed(list(_STOP.finditer(text, run.start, run.end))):
        if _columns(text[stop.end() : run.end]) >= _ENOUGH:
            return _stripped(text, stop.end(), run.end, _EDGE, "")
    return _stripped(text, run.start, run.end, _EDGE, "")


def _columns(text: str) -> int:
    return sum(2 if char >= "\u1100" else 1 for char in text)


def _said(text: str, span: _Span) -> str:
    """The words of a piece as a directive holds them: `-`, `,` and `&` mean something there."""
    words = " ".join(text[span.start : span.end].replace("`", "").split())
    return percent(words.encode("utf-8", "replace"), safe="").replace("-", "%2D")
