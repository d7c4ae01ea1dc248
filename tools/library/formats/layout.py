"""What stands where on a page, put into the order in which people read it: columns, lines, and tables.

Works on spans of text with their places, whether a PDF gives them or the recogniser of a scan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60]")
_PROSE = 20
"""Letters (a Japanese one counts twice) of a usual line in a column of prose; cells of tables are shorter."""
_SAME = 3.0
"""Points within which two rules are one."""


@dataclass(frozen=True, slots=True)
class Span:
    """Text on one line without a wide gap. Points from the left and the top."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    size: float
    """Of the font; the height of the line where that is all that is known."""

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class Rule:
    """A drawn line, horizontal when `y0 == y1` and vertical when `x0 == x1`."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Region:
    """Lines of one column, from top to bottom."""

    lines: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells."""

    rows: tuple[tuple[str, ...], ...]


def arrange(
    spans: Sequence[Span], rules: Sequence[Rule] = (), gutter: float | None = None
) -> tuple[list[Region | Table], float | None]:
    """The parts of a page in reading order, and where its columns part, if it has any.

    A table stands where its upper left corner would be read. `gutter` is that of the page before: the last lines of an
    article are too few to tell columns by themselves.
    """
    left = list(spans)
    tables: dict[Span, Table] = {}
    for xs, ys in _grids(rules):
        inside = [
            s for s in left if xs[0] - 1 <= (s.x0 + s.x1) / 2 <= xs[-1] + 1 and ys[0] - 1 <= s.middle <= ys[-1] + 1
        ]
        if table := _filled(inside, xs, ys):
            taken = set(inside)
            left = [span for span in left if span not in taken]
            place = Span(xs[0], ys[0], xs[-1], ys[-1], "", ys[-1] - ys[0])
            tables[place] = table
            left.append(place)
    own = _gutter(left, tables, gutter)
    return list(_ordered(left, tables, own, 0)), own


def rows_of(spans: Sequence[Span]) -> list[list[Span]]:
    """Spans that stand beside each other, from left to right; rows from top to bottom."""
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda s: s.middle):
        if rows:
            other = min(rows[-1], key=lambda s: abs(s.middle - span.middle))
            heights = span.y1 - span.y0, other.y1 - other.y0
            overlap = min(span.y1, other.y1) - max(span.y0, other.y0)
            if overlap > 0.5 * min(heights) and max(heights) < 4 * min(heights):
                rows[-1].append(span)
                continue
        rows.append([span])
    return [sorted(row, key=lambda s: s.x0) for row in rows]


def joined(parts: Sequence[str]) -> str:
    """Pieces of text one after the other, a space between them unless both sides are Japanese."""
    text = ""
    for part in parts:
        part = part.strip()
        if text and part and not (WIDE.match(text[-1]) and WIDE.match(part[0])):
            text += " "
        text += part
    return text


def weight(text: str) -> int:
    """Letters, those twice as wide counted twice."""
    return len(text) + len(WIDE.findall(text))


def _ordered(
    spans: list[Span], tables: dict[Span, Table], gutter: float | None, depth: int
) -> Iterator[Region | Table]:
    if gutter is None:
        yield from _stacked(spans, tables)
        return
    across = sorted((s for s in spans if s.x0 < gutter < s.x1), key=lambda s: s.middle)
    bands: list[list[Span]] = [[] for _ in range(len(across) + 1)]
    for span in spans:
        if not span.x0 < gutter < span.x1:
            bands[sum(other.middle < span.middle for other in across)].append(span)
    # lines across that follow each other without a column between them are one region
    wide: list[Span] = []
    for band, following in zip(bands, [*across, None], strict=True):
        if band:
            yield from _stacked(wide, tables)
            wide = []
            for side in ([s for s in band if s.x1 <= gutter], [s for s in band if s.x0 >= gutter]):
                inner = _gutter(side, tables, None) if depth < 6 else None
                yield from _ordered(side, tables, inner, depth + 1)
        if following is not None:
            wide.append(following)
    yield from _stacked(wide, tables)


def _gutter(spans: Sequence[Span], tables: dict[Span, Table], hint: float | None) -> float | None:
    """Where the page is divided into columns of prose: hardly a line crosses it, and both sides hold long lines."""
    texts = [span for span in spans if span not in tables]
    if len(texts) < (8 if hint is None else 4):
        return None
    left, right = min(s.x0 for s in texts), max(s.x1 for s in texts)
    bins = int(right - left) + 1
    if not 60 <= bins <= 20_000:
        return None
    steps = [0] * (bins + 1)
    for span in texts:
        steps[max(0, int(span.x0 - left))] += 1
        steps[min(bins, int(span.x1 - left) + 1)] -= 1
    covered: list[int] = []
    depth = 0
    for step in steps[:-1]:
        depth += step
        covered.append(depth)
    allowed = max(len(texts) // 6, 1)
    size = median(span.size for span in texts)
    best: tuple[int, float, float] | None = None
    at = 0
    while at < bins:
        if covered[at] > allowed:
            at += 1
            continue
        end = at
        while end < bins and covered[end] == covered[at]:
            end += 1
        middle = left + (at + end) / 2
        if end - at >= max(5.0, 0.6 * size) and 0.12 < (middle - left) / (right - left) < 0.88:
            least = 2 if hint is not None and left + at - 2 <= hint <= left + end + 2 else 4
            sides = [s for s in texts if s.x1 <= middle], [s for s in texts if s.x0 >= middle]
            if all(len(side) >= least and median(weight(s.text) for s in side) >= _PROSE for side in sides):
                candidate = (-covered[at], float(end - at), middle)
                best = max(best, candidate) if best else candidate
        at = end
    return best[2] if best else None


def _stacked(spans: Sequence[Span], tables: dict[Span, Table]) -> Iterator[Region | Table]:
    """One column from top to bottom: its lines, and the tables that stand in it."""
    lines: list[Span] = []
    held: list[list[Span]] = []

    def release() -> Iterator[Region | Table]:
        table = _aligned(held)
        if table is None:
            lines.extend(_line(row) for row in held)
        else:
            if lines:
                yield Region(tuple(lines))
                lines.clear()
            yield table
        held.clear()

    for row in rows_of(spans):
        if table := next((tables[span] for span in row if span in tables), None):
            yield from release()
            if lines:
                yield Region(tuple(lines))
                lines.clear()
            yield table
            row = [span for span in row if span not in tables]
            if not row:
                continue
        near = not held or row[0].y0 - held[-1][0].y1 < 2.5 * max(row[0].size, 1.0)
        if len(row) > 1 and near:
            held.append(row)
            continue
        # a cell with a second line, within the columns so far
        if (
            len(row) == 1
            and len(held) > 1
            and near
            and row[0].y0 - held[-1][0].y1 < 0.6 * row[0].size
            and _within(row[0], held)
        ):
            held.append(row)
            continue
        yield from release()
        if len(row) > 1:
            held.append(row)
        else:
            lines.append(_line(row))
    yield from release()
    if lines:
        yield Region(tuple(lines))


def _within(span: Span, rows: Sequence[Sequence[Span]]) -> bool:
    """Whether a lone span begins where a cell of the rows above does, and is no wider than a cell."""
    starts = [other for row in rows for other in row if abs(other.x0 - span.x0) < 3]
    return bool(starts) and all(not (span.x0 < other.x0 - 3 and span.x1 > other.x0) for row in rows for other in row)


def _line(row: Sequence[Span]) -> Span:
    return Span(
        row[0].x0,
        min(span.y0 for span in row),
        max(span.x1 for span in row),
        max(span.y1 for span in row),
        joined([span.text for span in row]),
        max(row, key=lambda span: len(span.text)).size,
    )


def _aligned(rows: Sequence[Sequence[Span]]) -> Table | None:
    """A table without rules: at least three rows whose cells stand in the same columns."""
    full = [row for row in rows if len(row) > 1]
    if len(full) < 3:
        return None
    bands: list[list[float]] = []
    for span in sorted((span for row in rows for span in row), key=lambda s: s.x0):
        if bands and span.x0 < bands[-1][1] + 2:
            bands[-1][1] = max(bands[-1][1], span.x1)
        else:
            bands.append([span.x0, span.x1])
    if len(bands) < 2 or len(bands) > 30:
        return None
    cells: list[list[str]] = []
    last: Sequence[Span] = ()
    for row in rows:
        found = [joined([s.text for s in row if a - 1 <= s.x0 <= b]) for a, b in bands]
        # a row whose first cell is empty goes on with the one above, when it is as near as a line is
        if cells and not found[0] and row[0].y0 - last[0].y1 < 0.6 * row[0].size:
            cells[-1] = [joined([above, text]) for above, text in zip(cells[-1], found, strict=True)]
        else:
            cells.append(found)
        last = row
    if len(cells) < 2 or sum(sum(map(bool, row)) > 1 for row in cells) < max(2, 0.6 * len(cells)):
        return None
    lengths = [weight(cell) for row in cells for cell in row if cell]
    # lines of a list or of prose with wide gaps fill their columns, cells rarely do
    return Table(tuple(map(tuple, cells))) if median(lengths) <= 40 else None


def _grids(rules: Sequence[Rule]) -> Iterator[tuple[list[float], list[float]]]:
    """(x of the vertical, y of the horizontal rules) of each table that is drawn with rules in both directions."""
    groups: list[list[Rule]] = []
    for rule in rules:
        touching = [group for group in groups if any(_touch(rule, other) for other in group)]
        merged = [rule, *(other for group in touching for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append(merged)
    for group in groups:
        across = [rule for rule in group if rule.y0 == rule.y1]
        down = [rule for rule in group if rule.x0 == rule.x1]
        if len(across) < 2 or not down:
            continue
        edges = [min(r.x0 for r in across), max(r.x1 for r in across)]
        ends = [min(r.y0 for r in down), max(r.y1 for r in down)]
        xs = _distinct([*(rule.x0 for rule in down), *edges])
        ys = _distinct([*(rule.y0 for rule in across), *ends])
        if len(xs) > 2 and len(ys) > 2:
            yield xs, ys


def _touch(a: Rule, b: Rule) -> bool:
    return a.x0 <= b.x1 + _SAME and b.x0 <= a.x1 + _SAME and a.y0 <= b.y1 + _SAME and b.y0 <= a.y1 + _SAME


def _distinct(values: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _SAME:
            found.append(value)
    return found


def _filled(spans: Sequence[Span], xs: Sequence[float], ys: Sequence[float]) -> Table | None:
    """The cells of a grid; None when it is a frame or a drawing rather than a table."""
    cells: dict[tuple[int, int], list[Span]] = {}
    for span in spans:
        column = sum(x < (span.x0 + span.x1) / 2 for x in xs[1:-1])
        row = sum(y < span.middle for y in ys[1:-1])
        cells.setdefault((row, column), []).append(span)
    if len(cells) < 4 or len({row for row, _ in cells}) < 2 or len({column for _, column in cells}) < 2:
        return None
    if len(cells) < 0.2 * (len(xs) - 1) * (len(ys) - 1):
        return None
    return Table(
        tuple(
            tuple(
                joined([span.text for line in rows_of(cells.get((row, column), [])) for span in line])
                for column in range(len(xs) - 1)
            )
            for row in range(len(ys) - 1)
        )
    )
