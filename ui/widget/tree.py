"""Our own clean HTML as a tree of JSON, from which the widget makes elements one by one.

A page that shows the widget may forbid making HTML from text (`require-trusted-types-for 'script'`), and it is not
our page: so there is no text that becomes HTML there. `["p", {"class": "kotae-notice"}, ["words"]]` is an element.
"""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

Tree = list[Any]
_VOID = frozenset(("br", "hr", "img"))
_KEPT = frozenset(("class", "lang", "title", "value", "start", "datetime", "align"))


class _Reader(HTMLParser):
    def __init__(self, sources: Mapping[str, int]) -> None:
        super().__init__(convert_charrefs=True)
        self._sources = sources
        self.root: Tree = []
        self._open: list[Tree] = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kept: dict[str, Any] = {name: value for name, value in given.items() if name in _KEPT}
        href = given.get("href", "")
        if tag == "a" and href in self._sources:
            tag, kept["source"] = "button", self._sources[href]
        elif tag == "a" and href.startswith(("https://", "http://")):
            kept["href"] = href
        children: Tree = []
        self._open[-1].append([tag, kept, children])
        if tag not in _VOID:
            self._open.append(children)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and len(self._open) > 1:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].append(data)


def tree(html: str, sources: Mapping[str, int] | None = None) -> Tree:
    """HTML that has passed `ui.markup.clean`, which closes every element. A link to one of `sources` (its number by its
    path) becomes a button that opens it; a link to the web stays one, any other address is left out."""
    reader = _Reader(sources or {})
    reader.feed(html)
    reader.close()
    return reader.root
