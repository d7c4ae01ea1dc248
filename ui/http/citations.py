"""An answer as one text with citations, for clients that know nothing of Kotae."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.sentences import spans
from ui import strings
from ui.render import places, supported_text, web_address
from ui.render_specialist import authorship

if TYPE_CHECKING:
    from agent import Answer, Source

_MARK = re.compile(r"\[(\d{1,2})\]")
_LOADS = re.compile(
    r"<(?=/?(?:img|image|picture|source|video|audio|iframe|object|embed|link|style|script|svg|form|input|base|meta)\b)",
    re.IGNORECASE,
)
"""HTML that would have a client ask for something on the network."""


@dataclass(frozen=True)
class Cited:
    """A text, and OpenAI's annotations of the marks in it."""

    text: str
    annotations: list[dict[str, Any]]


def cited(answer: Answer, base: str, *, listed: bool) -> Cited:
    """The answer with an annotation for each mark `[1]`, and, if they are to be `listed`, its sources at the end.

    `base` is where Kotae is served. What a client could take for a picture or a link is written so that it is none:
    a document must not have the reader's client ask another host for anything (EchoLeak, CVE-2025-32711).
    """
    words = strings.load(answer.language)
    text, _ = supported_text(answer)
    text = inert(text)
    addresses = {source.n: address(source, base) for source in answer.sources}
    titles = {source.n: " ".join(source.passage.title.split()) for source in answer.sources}
    annotations = [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": mark.start(),
                "end_index": mark.end(),
                "title": titles[n],
                "url": addresses[n],
            },
        }
        for mark in _MARK.finditer(text)
        if addresses.get(n := int(mark[1]))
    ]
    parts = [text, *(inert(f"{n}. {choice}") for n, choice in enumerate(answer.choices, 1))]
    if said := authorship(answer, words):
        parts.append(f"\n{said}")
    if listed and answer.sources:
        parts.append(f"\n{words('answer.nearest' if answer.refused else 'answer.sources')}:")
        for source in answer.sources:
            where = " › ".join([titles[source.n], *places(source.passage, words)])
            parts.append(f"- [{source.n}] {inert(' '.join(where.split()))} {addresses[source.n]}".rstrip())
    return Cited("\n".join(parts), annotations)


def address(source: Source, base: str) -> str:
    """Where a source can be opened: a web page itself, a document in Kotae; "" for what is neither."""
    passage = source.passage
    if passage.kind == "library" and passage.document:
        page = f"#page={passage.page}" if passage.page is not None else ""
        return f"{base}api/library/documents/{passage.document}/document{page}"
    return web_address(passage)


def inert(text: str) -> str:
    """`text` without anything that Markdown or HTML would load or link."""
    return _LOADS.sub("< ", text).replace("![", "! [").replace("](", "] (")


def pieces(text: str) -> Iterator[str]:
    """`text` sentence by sentence; nothing is added or left out."""
    starts = [start for start, _ in spans(text)][1:]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        if start < end:
            yield text[start:end]


def without_list(text: str) -> str:
    """An earlier answer without the list of sources that `cited` put at its end."""
    return _list().sub("", text)


def _list() -> re.Pattern[str]:
    words = [strings.load(language) for language in strings.LANGUAGES]
    heads = "|".join(re.escape(one(key)) for one in words for key in ("answer.sources", "answer.nearest"))
    return re.compile(rf"\n\n(?:{heads}):\n(?:- \[\d+\] [^\n]*(?:\n|\Z))+\Z")
