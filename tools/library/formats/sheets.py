"""XLSX: sheet by sheet, region by region, each row as a record that keeps its header."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tools.library.formats.blocks import Blocks
from tools.library.formats.package import Package, attribute, elements, local
from tools.library.formats.source import Source
from tools.library.formats.table import COLUMNS, Row, write_rows
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, LoadError, title_of

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_DATES = frozenset((14, 15, 16, 17, 22, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58))
_TIMES = frozenset((18, 19, 20, 21, 32, 33, 34, 35, 45, 46, 47))
_PERCENT = frozenset((9, 10))
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')


@dataclass
class _Row:
    """Values by column (from 0), and the columns in bold or with a fill."""

    number: int
    values: dict[int, str] = field(default_factory=dict)
    marked: set[int] = field(default_factory=set)


def read_xlsx(source: Source) -> Loaded:
    """An Excel workbook: the visible sheets, the values that were last calculated."""
    package = Package(source)
    main = package.main("xl/workbook.xml")
    related = package.related(main)
    root = package.xml(main)
    if root is None:
        raise LoadError("The file is damaged and cannot be opened: export or download it again.")
    parts = dict(related.values())
    strings = _strings(package, parts.get("sharedStrings", ""))
    formats, marked = _styles(package.xml(parts.get("styles", "")))
    epoch = (
        datetime(1904, 1, 1)
        if any(attribute(p, "date1904") in ("1", "true") for p in root.iter("{*}workbookPr"))
        else datetime(1899, 12, 30)
    )
    blocks = Blocks(source)
    seen: set[str] = set()
    for sheet in root.iter("{*}sheet"):
        id = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        kind, name = related.get(id, ("", ""))
        if kind != "worksheet" or name not in package.names or name in seen:
            continue
        if sheet.get("state", "visible") != "visible":
            continue
        seen.add(name)
        reader = _Sheet(package, name, strings, formats, marked, epoch)
        blocks.heading(1, sheet.get("name", ""))
        for region in reader.regions():
            write_rows(blocks, region, level=2, forms=True)
    return Loaded(blocks.text(), chosen(package.title()) or title_of(source.path), "sheet")


class _Sheet:
    def __init__(
        self,
        package: Package,
        name: str,
        strings: Sequence[str],
        formats: Sequence[str],
        marked: frozenset[int],
        epoch: datetime,
    ) -> None:
        self._data = package.read(name)
        self._strings, self._formats, self._marked, self._epoch = strings, formats, marked, epoch
        self._merged = _merges(self._data)

    def regions(self) -> Iterator[Iterator[Row]]:
        """The blocks between empty rows; each has to be read before the next is asked for."""
        rows = self._rows()
        ahead = next(rows, None)

        def block() -> Iterator[Row]:
            nonlocal ahead
            last = ahead.number if ahead else 0
            while ahead is not None and ahead.number <= last + 1:
                cells = [ahead.values.get(column, "") for column in range(max(ahead.values) + 1)]
                yield Row(cells, len(ahead.marked) == len(ahead.values))
                last, ahead = ahead.number, next(rows, None)

        while ahead is not None:
            yield block()

    def _rows(self) -> Iterator[_Row]:
        number = 0
        carried: dict[int, tuple[int, str]] = {}
        for tag in (MAIN, STRICT):
            for element in elements(self._data, tag + "row"):
                given = element.get("r", "")
                number = int(given) if given.isdigit() else number + 1
                row = self._row(element, number)
                for column, (bottom, value) in list(carried.items()):
                    if number > bottom:
                        del carried[column]
                    elif row.values:
                        row.values.setdefault(column, value)
                for column, value in row.values.items():
                    if bottom := self._merged.get((number, column), 0):
                        carried[column] = (bottom, value)
                if row.values:
                    yield row
            if number:
                return

    def _row(self, element: Any, number: int) -> _Row:
        row = _Row(number)
        column = -1
        for cell in element:
            place = _CELL.fullmatch(cell.get("r", ""))
            column = _column(place[1]) if place else column + 1
            if column >= COLUMNS:
                break
            value = self._value(cell)
            if value.strip():
                row.values[column] = value
                style = cell.get("s", "")
                if style.isdigit() and int(style) in self._marked:
                    row.marked.add(column)
        return row

    def _value(self, cell: Any) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join(text.text or "" for text in cell.iter("{*}t"))
        raw = next((part.text or "" for part in cell if local(part) == "v"), "")
        if kind == "s":
            return self._strings[int(raw)] if raw.isdigit() and int(raw) < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if raw == "1" else "FALSE"
        if kind == "e":
            return ""
        if kind != "n" or not raw:
            return raw
        style = cell.get("s", "")
        return self._number(
            raw, self._formats[int(style)] if style.isdigit() and int(style) < len(self._formats) else ""
        )

    def _number(self, raw: str, format: str) -> str:
        """A number as people read it: dates as dates, no noise of binary fractions."""
        try:
            value = float(raw)
            if format in ("date", "time", "both") and 0 <= value < 3_000_000:
                moment = self._epoch + timedelta(seconds=round(value * 86_400))
                if format == "time" and value < 1:
                    return moment.strftime("%H:%M:%S").removesuffix(":00")
                with_time = format != "date" and value % 1 > 0
                return moment.strftime("%Y-%m-%d %H:%M" if with_time else "%Y-%m-%d")
            if format == "percent":
                return f"{value * 100:.10g}%"
        except (ValueError, OverflowError):
            return raw
        if abs(value) < 1e15 and value == int(value):
            return str(int(value))
        return f"{value:.12g}"


def _column(letters: str) -> int:
    value = 0
    for letter in letters:
        value = value * 26 + ord(letter) - 64
    return value - 1


def _merges(data: bytes) -> dict[tuple[int, int], int]:
    """(row, column) of the cells that are merged downwards, and their last row: what is written once for many rows."""
    found: dict[tuple[int, int], int] = {}
    cells = re.finditer(rb'<mergeCell ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"', data)
    for left, top, right, bottom in (cell.groups() for cell in cells):
        if left == right and int(bottom) > int(top):
            found[int(top), _column(left.decode())] = int(bottom)
    return found


def _strings(package: Package, name: str) -> list[str]:
    """The texts that cells refer to; furigana is left out."""
    found: list[str] = []
    data = package.read(name)
    if not data.strip():
        return found
    for tag in (MAIN, STRICT):
        for item in elements(data, tag + "si"):
            parts = (text.text or "" for text in item.iter("{*}t") if local(text.getparent()) != "rPh")
            found.append("".join(parts))
        if found:
            break
    return found


def _styles(root: Any) -> tuple[list[str], frozenset[int]]:
    """What each style makes of a number (`date`, `time`, `both`, `percent` or nothing), and which styles stand out."""
    if root is None:
        return [], frozenset()
    codes = {attribute(item, "numFmtId"): attribute(item, "formatCode") for item in root.iter("{*}numFmt")}
    fonts = [
        any(local(part) == "b" and part.get("val", "1") != "0" for part in font)
        for group in root.iter("{*}fonts")
        for font in group
    ]
    fills = [
        any(part.get("patternType") == "solid" for part in fill) for group in root.iter("{*}fills") for fill in group
    ]
    formats: list[str] = []
    marked = set()
    for group in root.iter("{*}cellXfs"):
        for index, style in enumerate(group):
            id = style.get("numFmtId", "0")
            formats.append(_format(int(id) if id.isdigit() else 0, codes.get(id, "")))
            font, fill = style.get("fontId", ""), style.get("fillId", "")
            if (font.isdigit() and int(font) < len(fonts) and fonts[int(font)]) or (
                fill.isdigit() and int(fill) < len(fills) and fills[int(fill)]
            ):
                marked.add(index)
    return formats, frozenset(marked)


def _format(id: int, code: str) -> str:
    if id in _DATES:
        return "both" if id == 22 else "date"
    if id in _TIMES:
        return "time"
    if id in _PERCENT:
        return "percent"
    bare = _QUOTED.sub("", code).lower().split(";")[0]
    if "%" in bare:
        return "percent"
    date = bool(re.search(r"[yde]|m.*d|g+e", bare)) and not re.search(r"general|[#0]e[+-]", bare)
    time = "h" in bare or "ss" in bare
    return "both" if date and time else "date" if date else "time" if time else ""
