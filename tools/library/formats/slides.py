"""PPTX: slide by slide, the title as heading; text in reading order, tables, charts, diagrams, and the notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.library.formats.blocks import Blocks, squeeze
from tools.library.formats.package import Package, attribute, local
from tools.library.formats.source import Source
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, title_of

_FURNITURE = frozenset(("dt", "ftr", "sldNum", "hdr", "sldImg"))
_ROW = 150_000
"""Shapes whose tops are this near (in EMU, 4 mm) stand in one row and are read from left to right."""


def read_pptx(source: Source) -> Loaded:
    """A presentation. Slides are its pages."""
    package = Package(source)
    main = package.main("ppt/presentation.xml")
    related = package.related(main)
    root = package.xml(main)
    blocks = Blocks(source)
    first = ""
    for entry in () if root is None else root.iter("{*}sldId"):
        id = next((value for key, value in entry.attrib.items() if key.endswith("}id")), "")
        blocks.page()
        slide = _Slide(package, related.get(id, ("", ""))[1], blocks)
        slide.write()
        first = first or slide.title
    return Loaded(blocks.text(), chosen(package.title(), first) or title_of(source.path), "slides", tuple(blocks.pages))


class _Slide:
    def __init__(self, package: Package, name: str, blocks: Blocks) -> None:
        self._package = package
        self._blocks = blocks
        self._related = package.related(name) if name in package.names else {}
        self._root = package.xml(name) if name in package.names else None
        self.title = ""

    def write(self) -> None:
        if self._root is None:
            return
        shapes = [shape for tree in self._root.iter("{*}spTree") for shape in _shapes(tree)]
        title = next((shape for shape in shapes if _placeholder(shape) in ("title", "ctrTitle")), None)
        if title is not None:
            self.title = squeeze(" ".join(text for text, _, _ in _paragraphs(title)))
            self._blocks.heading(1, self.title)
        for shape in sorted((shape for shape in shapes if shape is not title), key=_place):
            self._shape(shape)
        for kind, target in self._related.values():
            if kind == "notesSlide" and (notes := self._package.xml(target)) is not None:
                self._notes(notes)

    def _shape(self, shape: Any) -> None:
        kind = _placeholder(shape)
        if kind in _FURNITURE:
            return
        if local(shape) == "graphicFrame":
            self._frame(shape)
            return
        paragraphs = _paragraphs(shape)
        listed = kind in ("body", "obj", "") and len(paragraphs) > 1
        for text, depth, bullet in paragraphs:
            if bullet or (bullet is None and (depth or (listed and kind is not None))):
                self._blocks.item(text, depth)
            else:
                self._blocks.paragraph(text)

    def _frame(self, frame: Any) -> None:
        for table in frame.iter("{*}tbl"):
            rows: list[list[str]] = []
            for row in table.iter("{*}tr"):
                cells = [" ".join(text for text, _, _ in _paragraphs(cell)) for cell in row.iter("{*}tc")]
                for at, cell in enumerate(row.iter("{*}tc")):
                    if attribute(cell, "vMerge") == "1" and rows and at < len(rows[-1]):
                        cells[at] = rows[-1][at]
                rows.append(cells)
                self._blocks.weigh(sum(map(len, cells)))
            self._blocks.table(rows)
        for reference in frame.iter("{*}chart", "{*}relIds"):
            key = "dm" if local(reference) == "relIds" else "id"
            _, part = self._related.get(attribute(reference, key), ("", ""))
            root = self._package.xml(part) if part in self._package.names else None
            if root is not None and key == "dm":
                for point in root.iter("{*}pt"):
                    self._blocks.item(" ".join(text for text, _, _ in _paragraphs(point)))
            elif root is not None:
                self._blocks.table(_chart(root))

    def _notes(self, root: Any) -> None:
        texts = [
            text
            for tree in root.iter("{*}spTree")
            for shape in _shapes(tree)
            if _placeholder(shape) not in _FURNITURE
            for text, _, _ in _paragraphs(shape)
        ]
        if texts:
            self._blocks.paragraph("Notes: " + "\n".join(texts))


def _shapes(tree: Any, depth: int = 0) -> Iterator[Any]:
    for child in tree:
        tag = local(child)
        if tag in ("sp", "graphicFrame", "cxnSp"):
            yield child
        elif tag in ("grpSp", "AlternateContent", "Choice") and depth < 20:
            yield from _shapes(child, depth + 1)


def _placeholder(shape: Any) -> str | None:
    """The kind of a placeholder (`body` if it does not say), None for a shape that someone drew."""
    found = next(shape.iter("{*}ph"), None)
    return None if found is None else attribute(found, "type") or "body"


def _place(shape: Any) -> tuple[int, int]:
    """Reading order. What inherits its place from the layout comes first, in the order of the file."""
    offset = next(shape.iter("{*}off"), None)
    if offset is None:
        return (-1, 0)
    try:
        return int(offset.get("y", 0)) // _ROW, int(offset.get("x", 0))
    except ValueError:
        return (-1, 0)


def _paragraphs(shape: Any) -> list[tuple[str, int, bool | None]]:
    """(text, depth, whether it has a bullet: None if the layout decides) of each paragraph that is not empty."""
    found = []
    for paragraph in shape.iter("{*}p"):
        depth, bullet = 0, None
        parts: list[str] = []
        for run in paragraph:
            tag = local(run)
            if tag == "pPr":
                depth = int(run.get("lvl")) if run.get("lvl", "").isdigit() else 0
                marks = {local(item) for item in run}
                bullet = False if "buNone" in marks else True if marks & {"buChar", "buAutoNum", "buBlip"} else None
            elif tag in ("r", "fld"):
                parts.extend(text.text or "" for text in run.iter("{*}t"))
            elif tag == "br":
                parts.append("\n")
            elif tag == "m":
                parts.extend(text.text or "" for text in run.iter("{*}t"))
        if text := "".join(parts).replace("\v", "\n").strip():
            found.append((text, depth, bullet))
    return found


def _chart(root: Any) -> list[list[str]]:
    """The figures behind a chart: categories down, series across."""
    names: list[str] = []
    columns: list[list[str]] = []
    categories: list[str] = []
    for series in root.iter("{*}ser"):
        values: dict[str, list[str]] = {}
        for part in series:
            if local(part) in ("tx", "cat", "val", "xVal", "yVal"):
                values[local(part)] = [value.text or "" for value in part.iter("{*}v")][:1000]
        names.append(" ".join(values.get("tx", [])))
        categories = categories or values.get("cat", values.get("xVal", []))
        columns.append(values.get("val", values.get("yVal", [])))
    rows = [["", *names]]
    for at in range(max(map(len, columns), default=0)):
        rows.append([
            categories[at] if at < len(categories) else str(at + 1),
            *(column[at] if at < len(column) else "" for column in columns),
        ])  # fmt: skip
    return rows if len(rows) > 1 else []
