"""The source panel: one passage in its surroundings, the words that the answer rests on marked."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ui.markup import CLOSE, OPEN, clean, marked
from ui.render import places, web_address

if TYPE_CHECKING:
    from agent.state import Source
    from tools.base import Passage
    from ui.strings import Strings

_STRUCTURE = re.compile(r"(?:[ \t]*(?:#{1,6}[ \t]+|[-*+>][ \t]+|\d{1,3}[.)][ \t]+|\|[ \t]*))*")
_READING = frozenset({".md", ".markdown", ".mdown"})


def panel_html(
    source: Source,
    words: Strings,
    *,
    path: str = "",
    before: str = "",
    after: str = "",
    present: bool = True,
    page_image: bool = False,
) -> str:
    """The fragment that the panel shows for one source.

    `path` is where this source is served, "" where its document is not to be opened; `before` and `after` are the
    document around the passage; `present` is False when the document has left the library; `page_image` says that its
    page can be shown as a picture.
    """
    passage = source.passage
    links = {f"{path}/document", f"{path}/page.png"} if path else set()
    kind = [words.code("panel", passage.kind)]
    if passage.page is not None:
        kind.append(words("panel.page", page=passage.page))
    parts = [
        '<article class="kotae-panel-source">',
        f'<p class="kotae-kind"><span class="kotae-number">{source.n}</span>{escape(" · ".join(kind))}</p>',
        f'<h3 class="kotae-panel-title">{escape(passage.title)}</h3>',
    ]
    where = [place for place in places(passage, words) if place != words("answer.page", page=passage.page)]
    if where:
        parts.append(f'<p class="kotae-where">{escape(" › ".join(where))}</p>')
    if passage.kind == "library" and not present:
        parts.append(f'<p class="kotae-notice">{escape(words("panel.gone"))}</p>')
    parts.append(_surroundings(source, before, after))
    if page_image and passage.page is not None:
        alt = words("panel.page_image", page=passage.page, title=passage.title)
        parts.append(f'<figure class="kotae-page"><img src="{escape(path)}/page.png" alt="{escape(alt)}"></figure>')
    if web_address(passage):
        links.add(source.link)
        parts.append(_of_the_web(passage, words))
        parts.append(_go(source.link, words("panel.visit")))
    elif passage.kind == "library" and present and path:
        parts.append(_go(f"{path}/document", words("panel.open")))
    parts.append("</article>")
    return clean("".join(parts), links=links)


def _of_the_web(passage: Passage, words: Strings) -> str:
    """When a page was read, and which others say the same."""
    told = []
    if passage.read_at:
        when = datetime.fromtimestamp(passage.read_at).astimezone()
        told.append(words("panel.read_at", when=f"{when:%Y-%m-%d %H:%M}"))
    elif not passage.document:
        told.append(words("panel.snippet"))
    if others := [host for url in passage.copies if (host := urlsplit(url).hostname)]:
        told.append(words("panel.also", hosts=words("path.listed").join(dict.fromkeys(others))))
    return f'<p class="kotae-where">{escape(" · ".join(told))}</p>' if told else ""


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """Where `quote` stands in `text`, white space and letter case aside; None when it does not."""
    parts = quote.split()
    if not parts:
        return None
    start = text.find(quote.strip())
    if start >= 0:
        return start, start + len(quote.strip())
    match = re.search(r"\s*".join(re.escape(part) for part in parts), text, re.IGNORECASE)
    return match.span() if match else None


def _go(address: str, label: str) -> str:
    return (
        f'<p class="kotae-panel-acts"><a class="kotae-go" href="{escape(address)}" target="_blank">'
        f"{escape(label)}</a></p>"
    )


def _surroundings(source: Source, before: str, after: str) -> str:
    passage = source.passage
    # the marks are ours; a document that contains them says nothing by it
    before, text, after = (re.sub(f"[{OPEN}{CLOSE}]", "", part) for part in (before, passage.text, after))
    start, end = locate(source.quote, text) or (0, len(text))
    before, after = _whole_lines(before, after)
    if any(passage.url.lower().endswith(ending) for ending in _READING):
        start = min(end, start + len(_STRUCTURE.match(text[start:end]).group()))  # type: ignore[union-attr]
        html = marked(f"{before}{text[:start]}{OPEN}{text[start:end]}{CLOSE}{text[end:]}{after}")
        if html is not None:
            return f'<div class="kotae-context">{html}</div>'
    lead, words, rest = escape(text[:start]), escape(text[start:end]), escape(text[end:])
    return (
        '<div class="kotae-context kotae-is-plain">'
        f'<span class="kotae-around">{escape(before)}</span>{lead}<mark>{words}</mark>{rest}'
        f'<span class="kotae-around">{escape(after)}</span></div>'
    )


def _whole_lines(before: str, after: str) -> tuple[str, str]:
    """The surroundings without the half lines at their outer ends, when that leaves something."""
    _, cut, rest = before.partition("\n")
    rest_after, cut_after, _ = after.rpartition("\n")
    return (rest if cut and rest.strip() else before), (rest_after if cut_after and rest_after.strip() else after)
