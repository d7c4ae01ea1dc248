"""Markdown and plain text."""

from __future__ import annotations

import re
from pathlib import Path

from tools.decode import decode
from tools.library.formats.kinds import tell
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, plain, title_of

_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t]*#*|(\S[^\n]*)\n(?:=+|-{3,})[ \t]*)$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def read_text(source: Source) -> Loaded:
    """A Markdown or text file. Raises `LoadError` when it holds nothing."""
    text = decode(source.data) or ""
    source.check(len(text), text.count("\n"))
    if tell(source.data, source.path) == "markdown":
        return read_markdown(text, source.path)
    return Loaded(text, title_of(source.path), "text")


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
