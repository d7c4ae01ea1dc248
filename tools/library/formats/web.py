"""Pages of the web: trafilatura tells what of a page is its text, the reader of HTML writes that as Markdown.

Trafilatura (Barbaresi 2021, "Trafilatura: a web scraping library and command-line tool for text discovery and
extraction") knows menus, banners, comments and teasers by sight, but loses headings, numbers of lists and cells that
span rows, which passages are cut by. docs/decisions/0022 has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from tools.decode import decode
from tools.library.formats import Kind, read, tell
from tools.library.formats.dates import published
from tools.library.formats.html import joined, main_of
from tools.library.formats.source import Source
from tools.library.load import Loaded, LoadError, title_of

_READ = frozenset[Kind](("pdf", "markdown", "text", "code", "csv", "json", "jsonl", "html"))
"""What a page may turn out to be, whatever its server calls it."""
_LITTLE = 200
"""Characters: where trafilatura finds fewer, it has not found the text."""
_GRAM = 6
"""Letters that are compared at a time: long enough to be rare, short enough for a Japanese line."""
_SAME = 0.8
"""Share of a line that stands in the main text; the rest may be a link or a note that was taken out."""
_TABLE = 0.5
"""The same of a table or a piece of code, which is kept or left out as a whole."""
_LIST = 0.3
"""Share of a list's items that stand there, with which the others, often short ones, have been lost on the way."""
_ITEM = re.compile(r" *(?:- |\d+\. )")
_LETTERS = re.compile(r"[\W_]+")
_ADDRESSED = frozenset(("robots", "kotae"))
"""Names of `<meta>` elements that hold rules for us."""
_UNSHOWN = frozenset(("div", "section", "span"))
"""Elements that `data-nosnippet` is defined for."""

_What = Literal["heading", "line", "list", "whole"]


def warm() -> None:
    """Load what reading a page takes and read one: the first costs half a second more than any other."""
    text = "<p>This page is read so that the next one is read sooner; nobody will see it.</p>" * 9
    page = f"<html><head><title>Page</title></head><body><main><h1>Page</h1>{text}</main></body></html>"
    read_web(Source(page.encode(), Path("page.html")), "https://www.example.com/", html=True)


def read_web(source: Source, url: str, *, html: bool) -> Loaded:
    """The main text of a page, its title and its date. Raises `LoadError`."""
    kind = "html" if html and source.data[:1024].lstrip()[:5] != b"%PDF-" else tell(source.data, source.path)
    if kind not in _READ:
        raise LoadError("This is no page and no PDF: save it and index the file.")
    return _article(source, url) if kind == "html" else read(source)


def _article(source: Source, url: str) -> Loaded:
    import trafilatura
    from selectolax.lexbor import LexborHTMLParser

    page = decode(source.data, html=True) or ""
    source.check(len(page) // 8)
    tree = LexborHTMLParser(page)
    if unshown := [node for node in tree.css("[data-nosnippet]") if node.tag in _UNSHOWN]:
        for node in reversed(unshown):  # what stands inside another one first: it would be gone with that
            node.decompose()
        page = tree.html or ""
    written = main_of(tree)
    found: Any = trafilatura.bare_extraction(
        page,
        url=url,
        include_comments=False,
        include_formatting=True,
        with_metadata=True,
        # an extensive search takes a copyright's year or any day in the text for the page's date
        date_extraction_params={"extensive_search": False, "original_date": True, "max_date": date.today().isoformat()},
    )
    main = str(found.text or "") if found is not None else ""
    text = written
    if len(main) >= _LITTLE:
        text = within(written, main)
        # the reader of HTML leaves out forms, and some pages stand in one
        if 2 * len(text) < len(main):
            text = main
    text = text or main
    if not text:
        raise LoadError("No text was found in the page: it may be filled by a script; save it as PDF and index that.")
    source.check(len(text), text.count("\n"))
    named = tree.css_first("title") or tree.css_first("h1")
    title = (found.title if found is not None else "") or (named.text() if named else "")
    link = tree.css_first("link[rel=canonical]")
    return Loaded(
        text,
        " ".join(title.removesuffix("¶").split()) or title_of(source.path),
        "html",
        published=published(tree, written, (found.date if found is not None else "") or ""),
        canonical=((link.attributes.get("href") or "") if link else "")[:4096],
        robots=_rules(tree),
    )


def _rules(tree: Any) -> str:
    """What the page says to programs."""
    said = [node.attributes for node in tree.css("meta[name]")]
    return ",".join(
        (one.get("content") or "")[:1000] for one in said if (one.get("name") or "").strip().lower() in _ADDRESSED
    )[:4096]


def within(markdown: str, main: str) -> str:
    """The blocks of `markdown` that stand in `main`, and the headings above these."""
    lines = [_letters(line) for line in main.split("\n")]
    exactly = frozenset(lines)
    text = "".join(lines)

    @cache
    def grams() -> frozenset[str]:
        return frozenset(text[i : i + _GRAM] for i in range(len(text) - _GRAM + 1))

    def held(block: str, least: float) -> bool:
        own = _letters(block)
        if own in exactly or len(own) < _GRAM:
            return own in exactly and bool(own)
        count = len(own) - _GRAM + 1
        return sum(own[i : i + _GRAM] in grams() for i in range(count)) >= least * count

    def kept_whole(what: _What, block: str) -> bool:
        if what != "list":
            return held(block, _TABLE if what == "whole" else _SAME)
        items = block.split("\n")
        return sum(held(item, _SAME) for item in items) >= _LIST * len(items)

    blocks = list(_blocks(markdown.split("\n")))
    stands = [what != "heading" and kept_whole(what, block) for what, block in blocks]
    among = range(stands.index(True), len(stands) - stands[::-1].index(True)) if any(stands) else range(0)
    kept: list[str] = []
    level = 0
    """Of the heading above which there is something now: one of a higher number is empty."""
    for i, (what, block) in reversed(list(enumerate(blocks))):
        if not block:
            kept.append("")
        elif what == "heading":
            own = len(block) - len(block.lstrip("#"))
            if own < level:
                kept += ["", block, ""]
                level = own
        # trafilatura loses lists of short items; what is numbered and stands in the middle is no menu
        elif stands[i] or (i in among and block.startswith("1. ")):
            kept.append(block)
            level = 7
    return joined(kept[::-1]).lstrip("\n")


def _blocks(lines: Sequence[str]) -> Iterator[tuple[_What, str]]:
    """Lines, and lists, tables and pieces of code as one."""
    fenced = False

    def kind(line: str) -> str:
        nonlocal fenced
        if line.startswith("```"):
            fenced = not fenced
            return "code"
        if fenced:
            return "code"
        return "table" if line.startswith("|") else "list" if _ITEM.match(line) else ""

    for what, group in groupby([(kind(line), line) for line in lines], key=lambda pair: pair[0]):
        block = [line for _, line in group]
        if what:
            yield "list" if what == "list" else "whole", "\n".join(block)
        else:
            yield from (("heading" if line.startswith("#") else "line", line) for line in block)


def _letters(text: str) -> str:
    return _LETTERS.sub("", text).casefold()
