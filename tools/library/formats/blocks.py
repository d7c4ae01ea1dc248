"""The text of a document while it is written: headings, paragraphs, lists, tables and records as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tools.library.formats.source import Source

TABLE = 300
"""Tokens (estimated) after which a table begins anew under its header, so that every passage of it has one."""
RECORD = 150
"""Tokens (estimated) of a record that is too long for a list item and becomes a section."""

_SPACE = re.compile(r"[ \t\r\f\v\u00a0\u3000]+")
_MARKUP = re.compile(r"^(?= {0,3}(?:#{1,6}[ \t]|```|~~~|=+[ \t]*$|(?:[-*_][ \t]*){3,}$))", re.MULTILINE)
_NAMES = (
    "title name subject heading question label headline summary id "
    "タイトル 題名 件名 名前 氏名 名称 見出し 質問 品名 商品名 項目"
).split()
_PROSE = "text content body page_content description answer abstract passage 本文 内容 説明 回答 概要".split()


class Blocks:
    """Collects blocks in order. Every method raises `LoadError` when the text grows beyond the limits."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parts: list[str] = []
        self._length = self._lines = 0
        self._in_list = False
        self.pages: list[int] = []

    def heading(self, level: int, text: str) -> None:
        """A heading, on one line. Nothing for an empty one."""
        if text := squeeze(text):
            self._add(f"{'#' * max(1, min(6, level))} {text[:300]}\n\n")

    def paragraph(self, text: str) -> None:
        """Text as it is; lines that would look like markup of their own are indented, which takes that away."""
        if text := verbatim(text):
            self._add(text + "\n\n")

    def plain(self, text: str) -> None:
        """Text with its empty lines, such as the body of an e-mail."""
        for part in re.split(r"\n[ \t\u3000]*\n", text):
            self.paragraph(part)

    def markdown(self, text: str, shift: int = 0) -> None:
        """Markdown that another reader made, its headings `shift` levels deeper."""
        if shift:
            text = re.sub(r"^(#{1,6})(?= )", lambda m: "#" * min(6, len(m[1]) + shift), text, flags=re.MULTILINE)
        if text.strip():
            self._add(text.strip("\n") + "\n\n")

    def item(self, text: str, depth: int = 0, mark: str = "-") -> None:
        """A list item."""
        if text := squeeze(text):
            self._add(f"{'  ' * min(depth, 8)}{mark} {text}\n", listed=True)

    def code(self, text: str, language: str = "") -> None:
        """A block of code, fenced by more backticks than it holds."""
        text = text.strip("\n").rstrip()
        if text.strip():
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text))) if "`" in text else "```"
            self._add(f"{fence}{language}\n{text}\n{fence}\n\n")

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table whose first row is its header."""
        if text := table(rows):
            self._add(text + "\n")

    def record(self, values: Mapping[str, str], level: int, *, long: bool | None = None) -> None:
        """A row of a sheet or an object of a file, each value beside its name.

        A passage may begin at any row, and small language models read `name: value` with fewer mistakes than columns.
        A `long` record (told by its size if not given) becomes a section under what names it.
        """
        filled = {key: value for key, value in values.items() if value.strip()}
        line = "; ".join(f"{key}: {squeeze(value)}" if key else squeeze(value) for key, value in filled.items())
        lower = {key.lower(): key for key in reversed(filled)}
        naming = next((lower[name] for name in _NAMES if name in lower), None) or next(iter(filled), "")
        if long is None:
            named = any(tokens(filled[lower[name]]) > 30 for name in _PROSE if name in lower)
            long = tokens(line) > RECORD or (named and naming.lower() in _NAMES)
        if not long:
            self.item(line)
            return
        name = squeeze(filled.get(naming, ""))
        if name:
            self.heading(level, name[:120])
        for key, value in filled.items():
            if key == naming and len(name) <= 120:
                continue
            prose = key.lower() in _PROSE and tokens(value) > 20
            self.plain(value if prose or not key else f"{key}: {value.strip()}")

    def weigh(self, characters: int) -> None:
        """Raises `LoadError` when so many more characters that are held elsewhere would be beyond the limits."""
        self._source.check(self._length + characters)

    def page(self) -> None:
        """A page or slide begins here."""
        self._end_list()
        self.pages.append(self._length)

    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)

    def _add(self, part: str, *, listed: bool = False) -> None:
        if not listed:
            self._end_list()
        self._in_list = listed
        self._parts.append(part)
        self._length += len(part)
        self._lines += part.count("\n")
        self._source.check(self._length, self._lines)

    def _end_list(self) -> None:
        if self._in_list:
            self._parts.append("\n")
            self._length += 1
            self._in_list = False


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown, the first one as header, which is written again every `TABLE` tokens.

    What only looks like a table (one row, one column, or whole texts in cells) becomes paragraphs.
    """
    cells = [[squeeze(cell) for cell in row] for row in rows]
    width = max((len(row) for row in cells), default=0)
    used = [i for i in range(width) if any(i < len(row) and row[i] for row in cells)]
    kept = [[row[i] if i < len(row) else "" for i in used] for row in cells if any(row)]
    if len(used) < 2 or len(kept) < 2 or any(len(cell) > 600 for row in kept for cell in row):
        return "".join(f"{part}\n\n" for row in rows for part in _laid_out(row) if part)
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in kept]
    head = f"{lines[0]}\n|{' --- |' * len(used)}\n"
    parts = [head]
    size = first = tokens(lines[0])
    for line in lines[1:]:
        if size > first and size + tokens(line) > max(TABLE, first * 2):
            parts.append(f"\n{head}")
            size = first
        parts.append(line + "\n")
        size += tokens(line)
    return "".join(parts)


def _laid_out(row: Sequence[str]) -> list[str]:
    """The cells of a row that is no table's: on one line if they are short, otherwise each by itself."""
    cells = [cell.strip() for cell in row if cell.strip()]
    if len(cells) > 1 and all(len(cell) <= 80 and "\n" not in cell for cell in cells):
        return [verbatim(" | ".join(map(squeeze, cells)))]
    return [verbatim(squeeze(part)) for cell in cells for part in cell.split("\n")]


def verbatim(text: str) -> str:
    """Lines of text without the empty ones; those that look like markup are indented, so that they are none."""
    lines = (part.rstrip() for part in text.split("\n"))
    return _MARKUP.sub("    ", "\n".join(line for line in lines if line))


def squeeze(text: str) -> str:
    """Text on one line."""
    return _SPACE.sub(" ", text.replace("\n", " ")).strip()


def tokens(text: str) -> int:
    """About how many tokens the embedder sees: four letters, or one and a half Japanese characters, make one."""
    wide = sum(char > "\u2e7f" for char in text)
    return (len(text) - wide) // 4 + wide * 2 // 3 + 1
