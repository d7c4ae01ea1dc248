"""DOCX: headings, numbered and bulleted lists as Word counts them, tables, footnotes, text boxes."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from tools.library.formats.blocks import Blocks, squeeze
from tools.library.formats.numbering import Level, label
from tools.library.formats.package import Package, attribute, local
from tools.library.formats.source import Source
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, title_of

_SKIPPED = frozenset(
    "del moveFrom instrText delText fldData pPr rPr tblPr trPr tcPr sectPr Fallback rt object sdtPr footnoteRef "
    "endnoteRef annotationRef bookmarkStart bookmarkEnd proofErr".split()
)
_HEADING = re.compile(r"(?:heading|見出し|überschrift|titre)\s*([1-9])", re.IGNORECASE)
_PLAIN_NUMBER = re.compile(r"\d{1,3}[.)]")


def read_docx(source: Source) -> Loaded:
    """A Word document. Comments, deleted text, tables of contents, headers and footers are left out."""
    package = Package(source)
    main = package.main("word/document.xml")
    document = _Document(package, main, source)
    root = package.xml(main)
    for body in () if root is None else (child for child in root if local(child) == "body"):
        document.walk(body)
    title = chosen(document.title, package.title(), document.first) or title_of(source.path)
    return Loaded(document.blocks.text(), title, "word")


class _Document:
    def __init__(self, package: Package, main: str, source: Source) -> None:
        self.blocks = Blocks(source)
        self.title = self.first = ""
        parts = dict(package.related(main).values())
        self._levels, self._numbered, self._toc, self._titles = _styles(package.xml(parts.get("styles", "")))
        self._lists = _numbering(package.xml(parts.get("numbering", "")))
        self._counters: dict[str, list[int]] = defaultdict(lambda: [0] * 9)
        self._notes = {
            kind: {attribute(note, "id"): note for note in (() if root is None else root)}
            for kind in ("footnote", "endnote")
            for root in [package.xml(parts.get(kind + "s", ""))]
        }
        self._pending: list[tuple[str, str]] = []
        self._boxes: list[Any] = []
        self._noted = 0

    def walk(self, parent: Any, depth: int = 0) -> None:
        """The blocks of a body, a text box, or what wraps them."""
        for element in parent:
            tag = local(element)
            if tag == "p":
                self._paragraph(element)
                self._after(depth)
            elif tag == "tbl":
                self.blocks.table(self._rows(element))
                self._after(depth)
            elif tag == "sdt" and not _is_contents(element):
                for content in element:
                    if local(content) == "sdtContent":
                        self.walk(content, depth)
            elif tag in ("ins", "smartTag", "customXml", "AlternateContent", "Choice"):
                self.walk(element, depth)

    def _after(self, depth: int) -> None:
        """Text boxes stand after the paragraph that they are anchored to, notes after the one that they belong to."""
        notes, self._pending = self._pending, []
        boxes, self._boxes = self._boxes, []
        for number, text in notes:
            self.blocks.paragraph(f"[^{number}]: {text}")
        for box in boxes if depth < 4 else ():
            self.walk(box, depth + 1)

    def _paragraph(self, element: Any) -> None:
        properties = next((child for child in element if local(child) == "pPr"), None)
        style, outline, number = _properties(properties)
        if style in self._toc:
            return
        text = self._text(element).strip()
        if not text:
            return
        level = self._levels.get(style) if outline is None else outline
        mark, depth = self._mark(number or self._numbered.get(style))
        if style in self._titles and not self.title:
            self.title = squeeze(text)
            self.blocks.heading(1, text)
        elif level is not None and len(text) <= 300:
            self.first = self.first or squeeze(text)
            self.blocks.heading(level + 1, f"{mark} {text}" if mark and mark != "-" else text)
        elif not mark:
            self.blocks.paragraph(text)
        elif mark == "-" or _PLAIN_NUMBER.fullmatch(mark):
            self.blocks.item(text, depth, mark)
        else:
            # a clause's own number, such as 第3条 or (a), belongs to its words
            self.blocks.paragraph(f"{mark} {text}")

    def _mark(self, number: tuple[str, int] | None) -> tuple[str, int]:
        """What Word writes before a paragraph of a list, and how deep it stands."""
        if number is None or number[0] not in self._lists:
            return "", 0
        list_id, depth = number
        levels = self._lists[list_id]
        counters = self._counters[list_id]
        counters[depth] = counters[depth] + 1 if counters[depth] else levels.get(depth, Level()).start
        counters[depth + 1 :] = [0] * (8 - depth)
        return label(levels, counters, depth), depth

    def _text(self, element: Any) -> str:
        """The visible text below an element; notes and text boxes on the way are put aside."""
        found: list[str] = []
        stack = [iter(element)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                continue
            tag = local(child)
            if tag == "t":
                found.append(child.text or "")
            elif tag == "tab":
                found.append("\t")
            elif tag in ("br", "cr"):
                found.append("\n" if attribute(child, "type") not in ("page", "column") else "")
            elif tag == "noBreakHyphen":
                found.append("-")
            elif tag in ("footnoteReference", "endnoteReference"):
                found.append(self._note(tag.removesuffix("Reference"), attribute(child, "id")))
            elif tag == "txbxContent":
                self._boxes.append(child)
            elif tag not in _SKIPPED:
                stack.append(iter(child))
        return "".join(found)

    def _note(self, kind: str, id: str) -> str:
        note = self._notes[kind].pop(id, None)
        text = squeeze(self._text(note)) if note is not None else ""
        if not text:
            return ""
        self._noted += 1
        self._pending.append((str(self._noted), text))
        return f"[^{self._noted}]"

    def _rows(self, table: Any) -> list[list[str]]:
        rows: list[list[str]] = []
        for row in table.iter("{*}tr"):
            if next(row.iterancestors("{*}tbl"), None) is not table:
                continue  # a table within a cell is part of that cell's text
            cells: list[str] = []
            for cell in row.iter("{*}tc"):
                if next(cell.iterancestors("{*}tr"), None) is not row:
                    continue
                properties = next((child for child in cell if local(child) == "tcPr"), ())
                span = 1
                text = " ".join(self._text(part).strip() for part in cell.iter("{*}p"))
                for item in properties:
                    if local(item) == "gridSpan":
                        span = min(63, int(attribute(item, "val") or 1))
                    elif local(item) == "vMerge" and attribute(item, "val") != "restart" and rows:
                        text = rows[-1][len(cells)] if len(cells) < len(rows[-1]) else text
                cells.extend([text, *[""] * (span - 1)])
            rows.append(cells)
            self.blocks.weigh(sum(map(len, cells)))
        return rows


def _properties(properties: Any) -> tuple[str, int | None, tuple[str, int] | None]:
    """(style, outline level from 0, (list, depth)) of a paragraph."""
    style, outline, number = "", None, None
    for item in () if properties is None else properties:
        tag = local(item)
        if tag == "pStyle":
            style = attribute(item, "val")
        elif tag == "outlineLvl":
            value = attribute(item, "val")
            outline = int(value) if value.isdigit() and int(value) < 9 else None
        elif tag == "numPr":
            values = {local(part): attribute(part, "val") for part in item}
            depth = values.get("ilvl", "0")
            number = (values.get("numId", ""), min(8, int(depth)) if depth.isdigit() else 0)
    return style, outline, number


def _styles(root: Any) -> tuple[dict[str, int], dict[str, tuple[str, int]], set[str], set[str]]:
    """By style: outline level, list; and the styles of tables of contents and of titles."""
    levels: dict[str, int] = {}
    numbered: dict[str, tuple[str, int]] = {}
    contents, titles = set(), set()
    based: dict[str, str] = {}
    for style in () if root is None else root:
        id = attribute(style, "styleId")
        name = ""
        for item in style:
            if local(item) == "name":
                name = attribute(item, "val")
            elif local(item) == "basedOn":
                based[id] = attribute(item, "val")
            elif local(item) == "pPr":
                _, outline, number = _properties(item)
                if outline is not None:
                    levels[id] = outline
                if number is not None:
                    numbered[id] = number
        if heading := _HEADING.fullmatch(name.strip()):
            levels[id] = int(heading[1]) - 1
        if name.lower().startswith("toc "):
            contents.add(id)
        if name.lower() in ("title", "表題"):
            titles.add(id)
    for id in based:
        ancestor, steps = based[id], 0
        while ancestor and steps < 20:
            if id not in levels and ancestor in levels:
                levels[id] = levels[ancestor]
            if id not in numbered and ancestor in numbered:
                numbered[id] = numbered[ancestor]
            ancestor, steps = based.get(ancestor, ""), steps + 1
    return levels, numbered, contents, titles


def _numbering(root: Any) -> dict[str, dict[int, Level]]:
    """The levels of each list, by its id."""
    abstract: dict[str, dict[int, Level]] = {}
    lists: dict[str, dict[int, Level]] = {}
    for item in () if root is None else root:
        if local(item) == "abstractNum":
            abstract[attribute(item, "abstractNumId")] = {
                int(attribute(level, "ilvl")): _level(level)
                for level in item
                if local(level) == "lvl" and attribute(level, "ilvl").isdigit()
            }
        elif local(item) == "num":
            own = next((attribute(part, "val") for part in item if local(part) == "abstractNumId"), "")
            lists[attribute(item, "numId")] = abstract.get(own, {})
    return lists


def _level(element: Any) -> Level:
    values = {local(item): attribute(item, "val") for item in element}
    start = values.get("start", "1")
    return Level(values.get("numFmt", "decimal"), values.get("lvlText", ""), int(start) if start.isdigit() else 1)


def _is_contents(element: Any) -> bool:
    return any("Table of Contents" in attribute(item, "val") for item in element.iter("{*}docPartGallery"))
