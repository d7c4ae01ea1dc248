"""The documents of the library: the table, and one document with its passages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ui.markup import clean
from ui.reasons import told
from ui.render_library import counted, icon, size
from ui.render_nav import ago
from ui.render_search import language_name, passage_text, type_name

if TYPE_CHECKING:
    from tools.base import Passage
    from tools.library import Document
    from ui.strings import Strings

COLUMNS = ("title", "type", "pages", "passages", "collection", "bytes", "indexed", "state")
ON_A_PAGE = 50
_RANK: dict[str, Callable[[Any], Any]] = {
    "title": lambda d: unicodedata.normalize("NFKC", d.title).casefold(),
    "type": lambda d: d.type,
    "pages": lambda d: d.pages,
    "passages": lambda d: d.passages,
    "collection": lambda d: d.collection.casefold(),
    "bytes": lambda d: d.bytes,
    "indexed": lambda d: d.indexed_at,
    "state": lambda d: d.state,
}


@dataclass(frozen=True)
class Choice:
    """Which documents are shown, and how. Unknown columns are the title; `page` counts from 0."""

    text: str = ""
    collection: str = ""
    type: str = ""
    sort: str = "title"
    descending: bool = False
    page: int = 0


def chosen(documents: Sequence[Document], choice: Choice) -> list[Document]:
    """The documents that `choice` names, all its pages, in its order."""
    wanted = unicodedata.normalize("NFKC", choice.text).casefold().split()

    def fits(document: Document) -> bool:
        if choice.collection and document.collection != choice.collection:
            return False
        if choice.type and document.type != choice.type:
            return False
        if not wanted:
            return True
        name = unicodedata.normalize("NFKC", f"{document.title}\n{document.path}").casefold()
        return all(word in name for word in wanted)

    found = [document for document in documents if fits(document)]
    found.sort(key=_RANK.get(choice.sort, _RANK["title"]), reverse=choice.descending)
    return found


def table_html(
    found: Sequence[Document], choice: Choice, words: Strings, *, now: float, uploads: str, empty: bool
) -> str:
    """One page of the documents that were `chosen`. `empty`: there are none in the whole library."""
    if not found:
        said = words("lib.empty") if empty else words("lib.nothing_found")
        return clean(f'<p class="kotae-none">{escape(said)}</p>')
    first = min(choice.page, (len(found) - 1) // ON_A_PAGE) * ON_A_PAGE
    shown = found[first : first + ON_A_PAGE]
    head = "".join(_header(column, choice, words) for column in COLUMNS)
    rows = "".join(_row(document, words, now, uploads) for document in shown)
    return clean(
        f'<table class="kotae-lib-table"><thead><tr>{head}'
        f'<th scope="col"><span class="kotae-sr">{escape(words("lib.actions"))}</span></th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{pager(first, len(shown), len(found), words)}",
        controls=True,
    )


def document_path(id: str) -> str:
    """Where a document of the library is served."""
    return f"/api/library/documents/{quote(id, safe='')}"


def document_html(
    document: Document,
    passages: Sequence[Passage],
    words: Strings,
    *,
    first: int,
    now: float,
    uploaded: bool,
    present: bool,
    query: str = "",
    head: bool = True,
) -> str:
    """A document as the panel shows it: what is known of it, and its passages from number `first` on.

    `present`: its file can be opened. `query`: the words to mark. Without `head` it is the passages alone.
    """
    own = document_path(document.id)
    links = {f"{own}/document", document.path} | {f"{own}/pages/{p.page}.png" for p in passages if p.page}
    last = first + len(passages)
    body = _passages(document, passages, words, first, query)
    more = (
        f'<p class="kotae-panel-acts"><button type="button" class="kotae-plain kotae-doc-more" value="{last}" '
        f'data-document="{escape(document.id)}">{escape(words("lib.more"))}</button></p>'
        if last < document.passages
        else ""
    )
    if not head:
        return clean(body + more, links=links, controls=True)
    kind = [type_name(document.type, words)]
    if document.pages:
        kind.append(counted("pages", document.pages, words))
    kind += [
        counted("passages", document.passages, words),
        size(document.bytes),
        language_name(document.language, words),
    ]
    kind += [document.collection, words("lib.read_when", ago=ago(document.indexed_at, now, words))]
    where = words("lib.uploaded") if uploaded else document.path
    notice = ""
    if document.state != "indexed" or document.error:
        said = words.code("state", document.state)
        said += f" – {told(document.error, words)}" if document.error else ""
        notice = f'<p class="kotae-notice">{escape(said)}</p>'
    go = ""
    if document.source == "url":
        go = _go(document.path, words("lib.visit"))
    elif present:
        go = _go(f"{own}/document", words("lib.open_file"))
    none = "" if passages else f'<p class="kotae-none">{escape(words("lib.no_passages"))}</p>'
    return clean(
        '<article class="kotae-panel-source kotae-doc">'
        f'<p class="kotae-kind">{escape(" · ".join(kind))}</p>'
        f'<h3 class="kotae-panel-title">{escape(document.title)}</h3>'
        f'<p class="kotae-where">{escape(where)}</p>{notice}{go}{none}{body}{more}</article>',
        links=links,
        controls=True,
    )


def _header(column: str, choice: Choice, words: Strings) -> str:
    here = column == choice.sort
    order = f' aria-sort="{"descending" if choice.descending else "ascending"}"' if here else ""
    return (
        f'<th scope="col" class="kotae-c-{column}"{order}><button type="button" class="kotae-sort" value="{column}">'
        f"{escape(words.code('column', column))}</button></th>"
    )


def _row(document: Document, words: Strings, now: float, uploads: str) -> str:
    uploaded = document.path.startswith(uploads)
    where = words("lib.uploaded") if uploaded else document.path
    state = words.code("state", document.state)
    reason = f' title="{escape(told(document.error, words))}"' if document.error else ""
    name = document.path.rstrip("/").rpartition("/")[2]
    data = (
        f' data-title="{escape(document.title)}" data-collection="{escape(document.collection)}"'
        f' data-uploaded="{"yes" if uploaded else ""}"'
    )
    acts = icon("lib-reread", words("lib.reread"), document.id, data=data) if document.source != "import" else ""
    acts += icon("lib-move", words("lib.move"), document.id, data=data)
    acts += icon("lib-remove", words("lib.remove"), document.id, data=data)
    cells = {
        "type": type_name(document.type, words),
        "pages": f"{document.pages:,}" if document.pages else "",
        "passages": f"{document.passages:,}",
        "collection": document.collection,
        "bytes": size(document.bytes),
        "indexed": ago(document.indexed_at, now, words),
    }
    short = [cells["type"]]
    short += [counted("pages", document.pages, words)] if document.pages else []
    short += [counted("passages", document.passages, words), cells["bytes"], document.collection, cells["indexed"]]
    label = words("lib.open", title=document.title)
    return (
        f'<tr class="kotae-is-{document.state}"><td class="kotae-c-title"><button type="button" class="kotae-doc-open" '
        f'value="{escape(document.id)}" aria-label="{escape(label)}" title="{escape(document.path)}">'
        f'<span class="kotae-title">{escape(document.title)}</span>'
        f'<span class="kotae-where">{escape(f"{name} – {where}" if uploaded else where)}</span>'
        + (f'<span class="kotae-lib-mark kotae-lib-flag">{escape(state)}</span>' if document.state != "indexed" else "")
        + f'<span class="kotae-lib-short">{escape(" · ".join(short))}</span></button></td>'
        + "".join(f'<td class="kotae-c-{column}">{escape(text)}</td>' for column, text in cells.items())
        + f'<td class="kotae-c-state"><span class="kotae-lib-mark"{reason}>{escape(state)}</span></td>'
        f'<td class="kotae-c-acts"><span class="kotae-lib-acts">{acts}</span></td></tr>'
    )


def pager(first: int, shown: int, total: int, words: Strings, size: int = ON_A_PAGE) -> str:
    """Which rows are shown, and the buttons to those before and behind. The result still has to pass `clean`."""
    said = words("lib.range", **{"from": f"{first + 1:,}"}, to=f"{first + shown:,}", n=f"{total:,}")
    page = first // size

    def button(name: str, label: str, to: int, possible: bool) -> str:
        off = "" if possible else " disabled"
        return (
            f'<button type="button" class="kotae-act kotae-page-{name}" value="{to}" title="{escape(label)}"{off}>'
            f'<span class="kotae-sr">{escape(label)}</span></button>'
        )

    turn = ""
    if total > size:
        turn = button("previous", words("lib.previous"), page - 1, first > 0)
        turn += button("next", words("lib.next"), page + 1, first + shown < total)
    return f'<div class="kotae-pager"><span>{escape(said)}</span>{turn}</div>'


def _passages(document: Document, passages: Sequence[Passage], words: Strings, first: int, query: str) -> str:
    parts: list[str] = []
    page: int | None = None
    heading: tuple[str, ...] = ()
    plain = document.type == "text"
    for n, passage in enumerate(passages, first + 1):
        if passage.page is not None and passage.page != page:
            label = words("panel.page", page=passage.page)
            alt = words("panel.page_image", page=passage.page, title=document.title)
            parts.append(f'<h4 class="kotae-doc-page">{escape(label)}</h4>')
            if document.source == "file":
                parts.append(
                    f'<details class="kotae-doc-picture"><summary>{escape(words("lib.picture"))}</summary>'
                    f'<figure class="kotae-page"><img loading="lazy" alt="{escape(alt)}" '
                    f'src="{document_path(document.id)}/pages/{passage.page}.png"></figure></details>'
                )
            page = passage.page
        inner = [h for h in passage.heading if h.strip() != document.title.strip()]
        where = " › ".join(inner) if passage.heading != heading else ""
        heading = passage.heading
        parts.append(
            f'<section class="kotae-passage" id="kotae-passage-{escape(passage.id)}" '
            f'aria-label="{escape(words("lib.passage_n", n=n))}">'
            f'<p class="kotae-passage-head"><span class="kotae-number">{n}</span>'
            f'<span class="kotae-where">{escape(where)}</span></p>'
            f'<div class="kotae-context">{passage_text(passage.text, query, plain=plain)}</div></section>'
        )
    return "".join(parts)


def _go(address: str, label: str) -> str:
    return (
        f'<p class="kotae-panel-acts"><a class="kotae-go" href="{escape(address)}" target="_blank">'
        f"{escape(label)}</a></p>"
    )
