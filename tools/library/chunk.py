"""Text to passages, cut where a reader would cut: at headings, paragraphs, list items, table rows, then sentences.

A passage is a span: `text[start:end]` of its document's text, never a rewriting of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import Literal

from tools import sentences
from tools.library.load import plain
from tools.library.records import DocumentType

BUDGET = 200
"""Tokens of a passage, by the embedder's count: prompt tokens are the cost of an answer."""
WHOLE = 384
"""A table or a piece of code up to this many tokens is not torn; the embedder reads 512."""
SMALL = 60
"""A passage below this many tokens joins its neighbour, if both fit together and stand in neighbouring sections."""

Kind = Literal["heading", "paragraph", "item", "table", "code"]

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_ITEM = re.compile(r"[ \t]*(?:[-*+•・]|\d{1,3}[.)])[ \t]+\S")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_SOFT = re.compile(r"[\s、,;；，・/]")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a passage stands. `tokens` is approximate: tokens of the parts added up."""

    start: int
    end: int
    heading: tuple[str, ...]
    page: int | None
    tokens: int


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    kind: Kind
    level: int = 0


@dataclass(frozen=True, slots=True)
class _Section:
    """Blocks under one heading on one page. `lead` is where the heading's own line begins."""

    lead: int
    heading: tuple[str, ...]
    page: int | None
    blocks: tuple[_Block, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    tokens: int


def cut(
    text: str,
    type: DocumentType,
    count: Callable[[str], int],
    *,
    pages: Sequence[int] = (),
    budget: int = BUDGET,
) -> list[Chunk]:
    """The passages of a document, in order, never overlapping. `pages` are the starts of pages or slides in `text`."""
    found: list[tuple[int, Chunk]] = []
    for section in _sections(text, type, pages):
        units = [unit for block in section.blocks for unit in _units(text, block, count, budget)]
        lead = section.lead
        for chunk in _pack(text, units, section, budget):
            _append(found, lead, chunk, budget)
            lead = chunk.end
    return [chunk for _, chunk in found]


def _append(found: list[tuple[int, Chunk]], lead: int, chunk: Chunk, budget: int) -> None:
    """Add a chunk, or join it to the one before when one of them is small and they are neighbours in the outline."""
    if found:
        before_lead, before = found[-1]
        common = _common(before.heading, chunk.heading)
        shallow = min(len(before.heading), len(chunk.heading))
        near = before.page == chunk.page and (before.heading == chunk.heading or (len(common) >= max(1, shallow - 1)))
        if near and min(before.tokens, chunk.tokens) < SMALL and before.tokens + chunk.tokens <= budget:
            # the heading that is no longer above the passage stands in it instead
            start = before.start if len(common) == len(before.heading) else before_lead
            joined = replace(chunk, start=start, heading=common, tokens=before.tokens + chunk.tokens)
            found[-1] = (start, joined)
            return
    found.append((lead, chunk))


def _pack(text: str, units: list[_Unit], section: _Section, budget: int) -> Iterator[Chunk]:
    """Units to chunks of about equal size, none above the budget unless a single unit is."""
    total = sum(unit.tokens for unit in units)
    target = total / max(1, -(-total // budget))
    batch: list[_Unit] = []
    size = 0
    for unit in units:
        if batch and (size + unit.tokens > budget or size >= target):
            # a line that introduces what follows goes with it
            keep = len(batch) > 1 and text[batch[-1].end - 1] in ":：" and batch[-1].tokens + unit.tokens <= budget
            rest = [batch.pop()] if keep else []
            yield Chunk(batch[0].start, batch[-1].end, section.heading, section.page, sum(u.tokens for u in batch))
            batch, size = rest, sum(u.tokens for u in rest)
        batch.append(unit)
        size += unit.tokens
    if batch:
        yield Chunk(batch[0].start, batch[-1].end, section.heading, section.page, size)


def _units(text: str, block: _Block, count: Callable[[str], int], budget: int) -> Iterator[_Unit]:
    tokens = count(text[block.start : block.end])
    if tokens <= (WHOLE if block.kind in ("table", "code") else budget):
        yield _Unit(block.start, block.end, max(1, tokens))
        return
    piece = text[block.start : block.end]
    # a line break inside a paragraph is where the writer's editor wrapped, not where a sentence ends
    rows = block.kind in ("table", "code")
    for start, end in _lines(piece) if rows else sentences.spans(piece.replace("\n", " ")):
        yield from _fitting(text, block.start + start, block.start + end, count, budget)


def _fitting(text: str, start: int, end: int, count: Callable[[str], int], budget: int) -> Iterator[_Unit]:
    """A sentence that is longer than the budget is cut at commas and spaces, and at any character if there is none."""
    work = [(start, end)]
    while work:
        start, end = work.pop()
        tokens = count(text[start:end])
        if tokens <= budget or end - start < 2:
            yield _Unit(start, end, max(1, tokens))
            continue
        middle = (start + end) // 2
        reach = max(1, (end - start) // 4)
        stops = [m.end() + middle - reach for m in _SOFT.finditer(text[middle - reach : middle + reach])]
        at = min(stops, key=lambda stop: abs(stop - middle), default=middle)
        for left, right in ((at, end), (start, at)):
            if (part := text[left:right].strip()) and (begin := text.index(part, left)) >= 0:
                work.append((begin, begin + len(part)))


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """The headings that stand above both."""
    return tuple(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _lines(piece: str) -> list[tuple[int, int]]:
    spans = []
    offset = 0
    for line in piece.split("\n"):
        if line.strip():
            spans.append((offset, offset + len(line.rstrip())))
        offset += len(line) + 1
    return spans


def _sections(text: str, type: DocumentType, pages: Sequence[int]) -> Iterator[_Section]:
    path: list[tuple[int, str]] = []
    ranges = list(enumerate(pairwise([*pages, len(text)]), 1)) if pages else [(None, (0, len(text)))]
    for page, (start, end) in ranges:
        lead = start
        blocks: list[_Block] = []
        for block in _blocks(text, start, end, marked=type != "text"):
            if block.kind != "heading":
                blocks.append(block)
                continue
            if blocks:
                yield _Section(lead, tuple(name for _, name in path if name), page, tuple(blocks))
                blocks = []
            while path and path[-1][0] >= block.level:
                path.pop()
            line = text[block.start : block.end].split("\n")[0]
            name = _HEADING.match(line)
            path.append((block.level, plain(name.group(2) if name else line)))
            lead = block.start
        if blocks:
            yield _Section(lead, tuple(name for _, name in path if name), page, tuple(blocks))


def _blocks(text: str, start: int, end: int, *, marked: bool) -> Iterator[_Block]:
    """The blocks of `text[start:end]`; headings, tables and fenced code are seen only where the text is `marked` up."""
    opened: _Block | None = None
    fence = ""

    def close() -> Iterator[_Block]:
        nonlocal opened
        if opened is not None:
            first = opened.start
            stretch = text[first : opened.end]
            indent = len(stretch) - len(stretch.lstrip())
            last = first + len(stretch.rstrip())
            if first + indent < last:
                yield replace(opened, start=first if opened.kind == "code" else first + indent, end=last)
            opened = None

    offset = start
    while offset < end:
        stop = text.find("\n", offset, end)
        stop = end if stop < 0 else stop
        line = text[offset:stop]
        here, offset = offset, stop + 1
        if fence:
            assert opened is not None
            opened = replace(opened, end=stop)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
                yield from close()
            continue
        if not line.strip():
            yield from close()
        elif marked and (mark := _FENCE.match(line)):
            yield from close()
            fence, opened = mark.group(1), _Block(here, stop, "code")
        elif marked and (heading := _HEADING.match(line)):
            yield from close()
            yield _Block(here, stop, "heading", len(heading.group(1)))
        elif marked and opened and opened.kind == "paragraph" and (under := _UNDERLINE.match(line)):
            yield _Block(opened.start, stop, "heading", 1 if under.group(1)[0] == "=" else 2)
            opened = None
        elif marked and _RULE.match(line):
            yield from close()
        elif marked and line.lstrip().startswith("|"):
            if opened and opened.kind == "table":
                opened = replace(opened, end=stop)
            else:
                yield from close()
                opened = _Block(here, stop, "table")
        elif _ITEM.match(line):
            yield from close()
            opened = _Block(here, stop, "item")
        elif opened and opened.kind != "table":
            opened = replace(opened, end=stop)
        else:
            yield from close()
            opened = _Block(here, stop, "paragraph")
    yield from close()
