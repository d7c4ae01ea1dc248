"""Rows that stay readable one by one: CSV and TSV files, and the regions of a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median

from tools.decode import decode
from tools.library.formats.blocks import RECORD, Blocks, squeeze, tokens
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

COLUMNS = 500
"""More columns than this are no table that people read; the rest of a row is left out."""
_NUMBER = re.compile(
    r"[-+(]?[¥$€£]?[\d,. ]*\d[\d,. ]*[%)]?(?:[eE][-+]?\d+)?|\d{1,4}[-/.年]\d{1,2}(?:[-/.月]\d{1,4}日?)?.*"
)
_SAMPLE = 100_000
_HELD = 40
"""Rows that are looked at together before the first is written."""


@dataclass(frozen=True)
class Row:
    """The cells of a row, and whether it is in bold or has a fill."""

    cells: Sequence[str]
    stands_out: bool = False


def read_csv(source: Source) -> Loaded:
    """A CSV or TSV file: delimiter, quotes and encoding are told by the content."""
    text = decode(source.data) or ""
    delimiter = delimiter_of(text, sure=True) or ","
    blocks = Blocks(source)
    write_rows(blocks, (Row(cells) for cells in _parsed(text, delimiter)), level=2)
    return Loaded(blocks.text(), title_of(source.path), "sheet")


def delimiter_of(text: str, *, sure: bool) -> str:
    """What separates the columns, empty when the text is no table. `sure` that it is one, one column will do.

    Without the name's hint only a strict table counts: at least three rows and three columns of short cells, the same
    number in every row, so that prose with its commas stays prose.
    """
    sample = text[:_SAMPLE]
    whole = len(sample) == len(text)
    best = ("", 0.0)
    for delimiter in "\t,;|":
        try:
            rows = [row for row in islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 60) if row]
        except csv.Error:
            continue
        rows = rows if whole or len(rows) >= 60 else rows[:-1]
        widths = [len(row) for row in rows]
        if not widths or (common := max(set(widths), key=widths.count)) < 2:
            continue
        share = widths.count(common) / len(widths)
        if not sure:
            long = max(len(cell) for row in rows for cell in row) > 200
            needed = 2 if delimiter == "\t" else 3
            if share < 1 or len(rows) < 3 or common < needed or long or any(not cell for cell in rows[0]):
                continue
        if share * min(common, 8) > best[1]:
            best = (delimiter, share * min(common, 8))
    return best[0] or ("," if sure else "")


def write_rows(blocks: Blocks, rows: Iterable[Row], level: int, *, forms: bool = False) -> None:
    """Rows as records. Lines of one cell before the header are a title or a remark; empty rows are passed over.

    Where there may be `forms`, two columns of words are labels and values, unless the first row stands out.
    """
    header: list[str] = []
    held: list[Row] = []
    long: bool | None = None
    for row in rows:
        cells = [cell.strip() for cell in row.cells[:COLUMNS]]
        if not any(cells):
            continue
        if header:
            blocks.record(_named(header, cells), level, long=long)
            continue
        held.append(Row(cells, row.stands_out))
        if len(held) == _HELD:
            header, long = _begin(blocks, held, level, forms)
            held = []
    if held:
        _begin(blocks, held, level, forms)


def is_header(row: Sequence[str], following: Sequence[Sequence[str]]) -> bool:
    """Whether a row names its columns: words in most columns that are in use, no figures, none of them twice."""
    names = [cell for cell in row if cell]
    width = max((sum(map(bool, other)) for other in following), default=0)
    return (
        len(names) >= 2
        and len(names) >= 0.6 * width
        and not any(_NUMBER.fullmatch(name) or len(name) > 80 for name in names)
        and len(set(names)) == len(names)
    )


def _begin(blocks: Blocks, rows: list[Row], level: int, forms: bool) -> tuple[list[str], bool]:
    """Find the header in the first rows and write those below it; (header, whether records become sections)."""
    at = 0
    while at < len(rows) - 1 and sum(map(bool, rows[at].cells)) == 1 and any(_filled(row) > 1 for row in rows[at:]):
        blocks.paragraph(next(filter(None, rows[at].cells)))
        at += 1
    cells = [list(row.cells) for row in rows[at:]]
    header: list[str] = []
    if len(cells) > 1 and is_header(cells[0], cells[1:]):
        distinct = rows[at].stands_out and not rows[at + 1].stands_out
        words = not any(_NUMBER.fullmatch(cell) for row in cells[1:] for cell in row[1:] if cell)
        if distinct or not (forms and words and max(map(_count, cells)) == 2):
            header = list(cells.pop(0))
    if not header:
        for row in cells:
            pair = [cell for cell in row if cell]
            if len(cells) == 1 and len(pair) == 1:
                blocks.paragraph(pair[0])
                continue
            blocks.record({pair[0]: pair[1]} if forms and len(pair) == 2 else {"": " | ".join(pair)}, level, long=False)
        return [""], False
    records = [_named(header, row) for row in cells]
    sizes = [tokens("; ".join(f"{key}: {value}" for key, value in record.items())) for record in records]
    long = median(sizes) > RECORD
    for record in records:
        blocks.record(record, level, long=long)
    return header, long


def _filled(row: Row) -> int:
    return _count(row.cells)


def _count(cells: Sequence[str]) -> int:
    return sum(map(bool, cells))


def _named(header: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """A row under its header. Cells beyond the header, or under an empty name, follow without a name."""
    found: dict[str, str] = {}
    loose: list[str] = []
    for index, cell in enumerate(row):
        name = squeeze(header[index]) if index < len(header) else ""
        if not cell:
            continue
        if not name:
            loose.append(squeeze(cell))
        elif name in found:
            found[name] += f", {cell}"
        else:
            found[name] = cell
    if loose:
        found[""] = " | ".join(loose)
    return found


def _parsed(text: str, delimiter: str) -> Iterable[list[str]]:
    csv.field_size_limit(1_000_000)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise LoadError(f"The table cannot be read ({error}): export it as CSV again.") from error
