"""Files to text. The type is told by the content; what needs a parser is read in a child process (`worker`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools.library.decode import decode
from tools.library.records import DocumentType

SUFFIXES = frozenset((".md", ".markdown", ".mdown", ".txt", ".text", ".html", ".htm", ".xhtml", ".pdf"))
"""Endings that are picked up from a folder; elsewhere a look at the content finds PDF and HTML."""

NOT_YET = {
    **dict.fromkeys((".doc", ".docx", ".odt", ".rtf", ".pages"), "Word processor files"),
    **dict.fromkeys((".xls", ".xlsx", ".ods", ".numbers"), "Spreadsheets"),
    **dict.fromkeys((".ppt", ".pptx", ".odp", ".key"), "Slides"),
    **dict.fromkeys((".epub", ".mobi"), "E-books"),
    **dict.fromkeys((".eml", ".msg"), "E-mails"),
}
"""Documents that people have and this version cannot read: they are reported, never passed over silently."""

_MARKDOWN = frozenset((".md", ".markdown", ".mdown"))
_ATX = re.compile(r"^#{1,6} \S", re.MULTILINE)
_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t]*#*|(\S[^\n]*)\n(?:=+|-{3,})[ \t]*)$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_HTML = re.compile(rb"\A\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)


@dataclass(frozen=True)
class Limits:
    """What one file may cost. A file beyond a limit is reported, the rest goes on."""

    bytes: int = 64 * 2**20
    text_bytes: int = 16 * 2**20
    """For what is read without a child process: Markdown and text."""
    pages: int = 3000
    characters: int = 5_000_000
    seconds: float = 20.0
    """Wall time in the child process."""
    memory: int = 2**30
    """Address space of the child process beyond what it needs to start."""


@dataclass(frozen=True)
class Loaded:
    """A document's text as passages are cut from it: Markdown for everything that has headings."""

    text: str
    title: str
    type: DocumentType
    pages: tuple[int, ...] = ()
    """Where each page of a PDF begins in `text`."""


class LoadError(Exception):
    """The file cannot be read. `str(error)` is one sentence: what is wrong and what to do."""


def sniff(head: bytes) -> DocumentType | None:
    """`pdf` or `html` by the first kilobytes of a file; None when it is neither."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    return "html" if _HTML.match(head.lstrip(b"\xef\xbb\xbf")[:4096]) else None


def examine(path: Path, size: int, limits: Limits) -> DocumentType | None:
    """The type of a file that needs a parser, None for text. Raises `LoadError` for what is not worth opening."""
    if size == 0:
        raise LoadError("The file is empty (0 bytes): save it again from where it came.")
    if size > limits.bytes:
        raise LoadError(
            f"The file is too large ({size / 2**20:.0f} MB, the limit is {limits.bytes / 2**20:.0f} MB): "
            "split it into smaller files."
        )
    with path.open("rb") as file:
        head = file.read(8192)
    kind = sniff(head)
    suffix = path.suffix.lower()
    if kind is None and (suffix in NOT_YET or head.startswith(b"{\\rtf")):
        name = NOT_YET.get(suffix, "Word processor files")
        raise LoadError(f"{name} cannot be read yet: save it as PDF, HTML, Markdown or text and index that.")
    if kind is None and size > limits.text_bytes:
        raise LoadError(
            f"The text is too large ({size / 2**20:.0f} MB, the limit is {limits.text_bytes / 2**20:.0f} MB): "
            "split it into smaller files."
        )
    return kind


def read_text(path: Path) -> Loaded:
    """A Markdown or text file. Raises `LoadError` when it is not text."""
    text = decode(path.read_bytes())
    if text is None:
        if path.suffix.lower() == ".pdf":
            raise LoadError("This is not a PDF although it is named so: export it as PDF again.")
        raise LoadError("This is a binary file, not a document: export it as PDF, HTML, Markdown or text.")
    if not text.strip():
        raise LoadError("No text was found: the file holds nothing but white space.")
    if path.suffix.lower() in _MARKDOWN or len(_ATX.findall(text)) > 1:
        return read_markdown(text, path)
    return Loaded(text, title_of(path), "text")


def read_markdown(text: str, path: Path) -> Loaded:
    """Markdown without its front matter; the title from there, or the first heading, or the file's name."""
    title = ""
    if front := _FRONT.match(text):
        if named := _FRONT_TITLE.search(front.group(1) or ""):
            title = named.group(1).strip("\"'")
        text = text[front.end() :]
    if not text.strip():
        raise LoadError("No text was found: the file holds nothing but its front matter.")
    if not title and (heading := _HEADING.search(_FENCE.sub("", text))):
        title = plain(heading.group(1) or heading.group(2) or "")
    return Loaded(text, title or title_of(path), "markdown")


def plain(heading: str) -> str:
    """A heading without its Markdown marks."""
    heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[*`]|\s*\{#[^}]*\}\s*$|(?<!\w)_|_(?!\w)", "", heading).strip()


def title_of(path: Path) -> str:
    """A title from the file's name."""
    return re.sub(r"[_\s]+", " ", path.stem).strip() or path.name
