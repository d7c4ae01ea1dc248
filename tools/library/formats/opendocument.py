"""OpenDocument: texts, spreadsheets and presentations, which share one vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.library.formats.blocks import Blocks
from tools.library.formats.package import Package, attribute, local
from tools.library.formats.source import Source
from tools.library.formats.table import COLUMNS, Row, write_rows
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, LoadError, title_of

_SKIPPED = frozenset("annotation tracked-changes table-of-content ruby-text forms sequence-decls title desc".split())
_REPEATED = 100
"""A cell or row that says it is repeated more often than this is formatting to the end of the sheet."""


def read_odt(source: Source) -> Loaded:
    """A text document."""
    package, body = _body(source, "text")
    blocks = Blocks(source)
    _Writer(blocks).walk(body)
    return Loaded(blocks.text(), _title(package, source, blocks.text()), "word")


def read_odp(source: Source) -> Loaded:
    """A presentation. Slides are its pages."""
    package, body = _body(source, "presentation")
    blocks = Blocks(source)
    for slide in body.iter("{*}page"):
        blocks.page()
        frames = [child for child in slide if attribute(child, "class") not in ("footer", "date-time", "page-number")]
        for frame in sorted(frames, key=lambda item: attribute(item, "class") != "title"):
            writer = _Writer(blocks)
            if local(frame) == "notes":
                if text := " ".join(" ".join(_text(part) for part in frame.iter("{*}p")).split()):
                    blocks.paragraph(f"Notes: {text}")
            elif attribute(frame, "class") == "title":
                blocks.heading(1, " ".join(_text(part) for part in frame.iter("{*}p")))
            else:
                writer.walk(frame)
    return Loaded(blocks.text(), _title(package, source, blocks.text()), "slides", tuple(blocks.pages))


def read_ods(source: Source) -> Loaded:
    """A spreadsheet."""
    package, body = _body(source, "spreadsheet")
    blocks = Blocks(source)
    for table in body.iter("{*}table"):
        blocks.heading(1, attribute(table, "name"))
        region: list[Row] = []
        for row in _rows(table):
            if any(row):
                region.append(Row(row))
            else:
                write_rows(blocks, region, level=2, forms=True)
                region = []
        write_rows(blocks, region, level=2, forms=True)
    return Loaded(blocks.text(), _title(package, source), "sheet")


class _Writer:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def walk(self, parent: Any, depth: int = -1) -> None:
        """The blocks below an element. lxml's own limit on nesting bounds the recursion."""
        for element in parent:
            tag = local(element)
            if tag == "h":
                level = attribute(element, "outline-level")
                self._blocks.heading(int(level) if level.isdigit() else 1, _text(element))
            elif tag == "p":
                self._paragraph(element, depth)
            elif tag == "list":
                self.walk(element, depth + 1)
            elif tag == "table":
                self._blocks.table(list(_rows(element)))
            elif tag not in _SKIPPED:
                self.walk(element, depth)

    def _paragraph(self, element: Any, depth: int) -> None:
        text = _text(element)
        if depth >= 0:
            self._blocks.item(text, depth)
        else:
            self._blocks.paragraph(text)
        for note in element.iter("{*}note-body"):
            self._blocks.paragraph(f"[^{_citation(note.getparent())}]: {_text(note)}")
        for box in element.iter("{*}text-box"):
            self.walk(box)


def _body(source: Source, kind: str) -> tuple[Package, Any]:
    package = Package(source)
    if b"manifest:encryption-data" in package.read("META-INF/manifest.xml"):
        raise LoadError("The file is encrypted: save a copy without a password and index that.")
    root = package.xml("content.xml")
    found = None if root is None else root.find(f"{{*}}body/{{*}}{kind}")
    if found is None:
        raise LoadError("The file is damaged and cannot be opened: export or download it again.")
    return package, found


def _title(package: Package, source: Source, text: str = "") -> str:
    root = package.xml("meta.xml")
    named = "" if root is None else "".join(item.text or "" for item in root.iter("{*}title"))
    first = next((line.lstrip("# ") for line in text[:2000].split("\n") if line.startswith("#")), "")
    return chosen(named, first) or title_of(source.path)


def _text(element: Any) -> str:
    """The visible text below a paragraph; notes are marked, text boxes stand elsewhere."""
    found: list[str] = [element.text or ""]
    for child in element:
        tag = local(child)
        if tag == "s":
            count = attribute(child, "c")
            found.append(" " * min(20, int(count) if count.isdigit() else 1))
        elif tag in ("tab", "line-break"):
            found.append("\t" if tag == "tab" else "\n")
        elif tag == "note":
            found.append(f"[^{_citation(child)}]")
        elif tag not in _SKIPPED and tag not in ("frame", "text-box"):
            found.append(_text(child))
        found.append(child.tail or "")
    return "".join(found)


def _citation(note: Any) -> str:
    return "".join(item.text or "" for item in note.iter("{*}note-citation")).strip() or "1"


def _rows(table: Any) -> Iterator[list[str]]:
    for row in table.iter("{*}table-row"):
        if next(row.iterancestors("{*}table"), None) is not table:
            continue
        cells: list[str] = []
        for cell in row:
            if local(cell) not in ("table-cell", "covered-table-cell"):
                continue
            text = " ".join(_text(part) for part in cell.iter("{*}p")).strip()
            cells.extend([text] * min(_repeated(cell, "columns"), COLUMNS - len(cells)))
        while cells and not cells[-1]:
            cells.pop()
        for _ in range(_repeated(row, "rows") if cells else 1):
            yield cells


def _repeated(element: Any, what: str) -> int:
    count = attribute(element, f"number-{what}-repeated")
    return int(count) if count.isdigit() and int(count) <= _REPEATED else 1
