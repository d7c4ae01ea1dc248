"""HTML to Markdown-like text: the main part of a page, its headings, lists, tables and code kept."""

from __future__ import annotations

import re
from typing import Any

from tools.decode import decode
from tools.library.formats.blocks import table
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

_DROPPED = frozenset(
    "script style noscript template svg math canvas iframe object embed nav aside footer form button select input "
    "textarea dialog head audio video rt rp".split()
)
_BLOCKS = frozenset(
    "address article blockquote body center dd details div dl dt fieldset figcaption figure header h1 h2 h3 h4 h5 h6 "
    "hr html li main ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_ROLES = frozenset(("navigation", "banner", "contentinfo", "search", "complementary", "menu"))
_LINK = re.compile(r"\s*(?:¶|\[(?:edit|編集)\])$")
"""What headings end with to be linked to or changed."""
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")


_CELL = "\0"
"""Begins a cell in the line that is being written."""


def read_html(source: Source) -> Loaded:
    """The main text of a page. Raises `LoadError` when there is none."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(decode(source.data, html=True) or "")
    named = tree.css_first("title") or tree.css_first("h1")
    title = _SPACE.sub(" ", named.text()).strip() if named else ""
    text = main_of(tree)
    if not text:
        raise LoadError("No text was found in the page: it may be filled by a script; save it as PDF and index that.")
    return Loaded(text, title or title_of(source.path), "html")


def markdown_of(page: str) -> str:
    """The main text of a page as Markdown; empty when there is none."""
    from selectolax.lexbor import LexborHTMLParser

    return main_of(LexborHTMLParser(page))


def main_of(tree: Any) -> str:
    """The same of a page that has been parsed."""
    for selector in ("main", "[role=main]", "article", "body"):
        found = tree.css(selector)
        # several articles are a list of teasers: then the page is its own main part
        if found and (len(found) == 1 or selector == "body") and (text := _Writer().write(found[0])):
            return text
    return ""


class _Writer:
    """Walks the tree without recursion, since a hostile page nests deeper than any stack."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.line: list[str] = []
        self.lists: list[int | None] = []
        self.prefix = ""
        self.heading = self.pre = self.cells = 0
        self.spans: list[tuple[int, int]] = []
        self.rows: list[list[str]] = []
        self.hanging: dict[int, tuple[int, str]] = {}
        self.layout: list[bool] = []

    def write(self, root: Any) -> str:
        node, depth = root.child, 1
        while node is not None:
            entered = self._enter(node)
            if entered and node.child is not None:
                node, depth = node.child, depth + 1
                continue
            if entered:
                self._leave(node.tag)
            while node.next is None:
                node, depth = node.parent, depth - 1
                if depth == 0:
                    self._flush()
                    return joined(self.blocks)
                self._leave(node.tag)
            node = node.next
        return ""

    def _enter(self, node: Any) -> bool:
        tag = node.tag
        if tag == "-text":
            text = (node.text(deep=False) or "").replace(_CELL, "")
            self.line.append(text if self.pre else _SPACE.sub(" ", text))
            return False
        if tag in _DROPPED or tag.startswith(("-", "!")) or _hidden(node.attributes):
            return False
        if tag == "br":
            self.line.append("\n")
            return False
        if tag == "table":
            self.layout.append(_is_layout(node))
        if tag in ("td", "th") and self.layout and not self.layout[-1]:
            self.line.append(_CELL)
            self.cells += 1
            self.spans.append((_span(node, "colspan"), _span(node, "rowspan")))
        elif tag in _BLOCKS and not self.cells and not self.pre:
            self._flush()
        elif tag in _BLOCKS and tag not in ("td", "th"):
            self.line.append("\n")
        if tag in ("ul", "ol"):
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li" and self.lists:
            number = self.lists[-1]
            if number is not None:
                self.lists[-1] = number + 1
            self.prefix = "  " * (len(self.lists) - 1) + ("- " if number is None else f"{number + 1}. ")
        elif tag == "tr":
            self.cells = 0
            self.spans.clear()
        elif tag == "table":
            self._table()
        elif tag == "pre":
            self.pre += 1
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.heading = int(tag[1])
        elif tag == "code" and not self.pre:
            self.line.append("`")
        return True

    def _leave(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self._flush()
            if self.lists:
                self.lists.pop()
            self.blocks.append("")
        elif tag == "tr":
            if self.cells:
                self._row("".join(self.line).split(_CELL)[1:])
                self.line.clear()
            self.cells = 0
        elif tag == "table":
            self._table()
            self.layout.pop()
        elif tag == "pre":
            code = "".join(self.line).strip("\n")
            self.line.clear()
            self.pre -= 1
            if code.strip():
                self.blocks.extend(["", "```", code, "```", ""])
        elif tag == "code" and not self.pre:
            self.line.append("`")
        elif tag in _BLOCKS and not self.cells and not self.pre:
            self._flush()
            self.heading = 0

    def _row(self, texts: list[str]) -> None:
        """A row of a table; a cell that hangs down from a row above is written in each."""
        cells: list[str] = []
        for text, (across, down) in zip(texts, self.spans, strict=False):
            self._hang(cells)
            if down > 1:
                self.hanging[len(cells)] = (down, text)
                self._hang(cells)
            else:
                cells.append(text)
            cells.extend([""] * (across - 1))
        self._hang(cells)
        self.rows.append(cells)

    def _hang(self, cells: list[str]) -> None:
        while len(cells) in self.hanging:
            left, text = self.hanging.pop(len(cells))
            if left > 1:
                self.hanging[len(cells)] = (left - 1, text)
            cells.append(text)

    def _table(self) -> None:
        rows, self.rows = self.rows, []
        self.hanging.clear()
        if rows:
            self.blocks.extend(["", *table(rows).split("\n")])

    def _flush(self) -> None:
        """End a block. List items stand on lines of their own, everything else between empty lines."""
        text = "".join(self.line)
        self.line.clear()
        text = "\n".join(_SPACE.sub(" ", part).strip() for part in text.split("\n")).strip()
        if not text or text == "``":
            return
        if self.heading:
            name = _LINK.sub("", text.replace("\n", " "))
            self.blocks.extend(["", f"{'#' * self.heading} {name}", ""] if name else [])
        elif self.lists:
            self.blocks.append(self.prefix + text if self.prefix else "  " * len(self.lists) + text)
            self.prefix = ""
        else:
            self.blocks.extend([text, ""])


def joined(blocks: list[str]) -> str:
    """Blocks as lines, one empty line between them at most."""
    kept = [block for block, before in zip(blocks, ["", *blocks], strict=False) if block or before]
    return "\n".join(kept).rstrip("\n") + "\n" if kept else ""


def _is_layout(table: Any) -> bool:
    """Whether a table only places other things: tables within it, or headings."""
    if table.attributes.get("role") in ("presentation", "none"):
        return True
    groups = (child for child in table.iter() if child.tag != "caption")
    return any(group.css_first("table, h1, h2, h3") is not None for group in groups)


def _span(node: Any, name: str) -> int:
    value = node.attributes.get(name) or ""
    return max(1, min(100, int(value))) if value.isdecimal() and len(value) < 5 else 1


def _hidden(attributes: dict[str, str | None]) -> bool:
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or attributes.get("role") in _ROLES
        or "display:none" in style
    )
