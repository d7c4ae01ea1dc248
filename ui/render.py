"""An answer as safe HTML: the same function for the stream, for history, for the chat and for the widget.

Whatever a document, the web or a model wrote passes `ui.markup`; an unsupported sentence never gets that far.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ui.markup import clean, markdown, mend, paragraphs
from ui.render_memory import remembered_html

if TYPE_CHECKING:
    from agent.state import Answer, Source
    from tools.base import Passage
    from ui.strings import Strings

API = "/api"
_COMMAND = re.compile(r"kotae (?:index (?:--sample|FOLDER|フォルダー)|doctor|models pull)")


def source_path(thread: str, index: int, n: int) -> str:
    """Where source `n` of the answer to question `index` (from 0) of a thread is served."""
    return f"{API}/threads/{quote(thread, safe='')}/answers/{index}/sources/{n}"


def answer_html(answer: Answer, words: Strings, *, thread: str, index: int, last: bool = False) -> str:
    """A verified answer with its citations, notices, sources and actions. `last` offers to try again."""
    text, removed = supported_text(answer)
    paths = {source.n: source_path(thread, index, source.n) for source in answer.sources}
    outward = {url for source in answer.sources if (url := web_address(source.passage))}
    by_number = {source.n: source for source in answer.sources}

    def cite(n: int) -> str | None:
        if n not in by_number:
            return None
        passage = by_number[n].passage
        hint = escape(" › ".join([passage.title, *places(passage, words)]))
        return (
            f'<sup><a class="kotae-cite" href="{escape(paths[n])}" title="{hint}">'
            f"{_hidden(words('message.cite', n=''))}{n}</a></sup>"
        )

    notices = [words.code("notice", code) for code in answer.notices]
    if removed and "some_removed" not in answer.notices:
        notices.append(words("answer.removed_one") if removed == 1 else words("notice.some_removed"))
    state = " kotae-is-refused" if answer.refused else f" kotae-is-{answer.route}"
    parts = [
        f'<div class="kotae-answer{state}" lang="{answer.language}">',
        f'<p class="kotae-label">{escape(words("answer.refused"))}</p>' if answer.refused else "",
        f'<div class="kotae-text">{markdown(text, cite=cite, links=outward)}</div>',
        *(notice_html(notice) for notice in notices if notice),
        remembered_html(answer.notices, words),
        _sources(answer, words, paths),
        _actions(words, index, last=last),
        "</div>",
    ]
    return clean("".join(parts), links={*paths.values(), *outward})


def draft_html(text: str, words: Strings, *, state: str = "") -> str:
    """A draft while it streams: marked as unchecked, its citations not yet links. `state` says what goes on."""
    body = markdown(mend(text), cite=lambda n: f'<sup><span class="kotae-cite">{n}</span></sup>') if text else ""
    return clean(
        f'<div class="kotae-answer kotae-is-draft"><p class="kotae-label kotae-is-busy">'
        f"{escape(state or words('message.checking'))}</p>"
        f'<div class="kotae-text">{body}</div></div>'
    )


def question_html(text: str, words: Strings, *, index: int) -> str:
    """A question, exactly as it was typed, with its actions."""
    return clean(
        f'<div class="kotae-question"><div class="kotae-text">{paragraphs(text)}</div>'
        f'<div class="kotae-acts">{_action("edit", words("message.edit"), index)}'
        f"{_action('copy', words('message.copy'), index)}</div></div>"
    )


def stopped_html(words: Strings, *, index: int, last: bool) -> str:
    """What stands in place of an answer that was stopped, or that a restart interrupted."""
    return clean(
        f'<div class="kotae-answer kotae-is-stopped">{notice_html(words("message.stopped"))}'
        f"{_actions(words, index, last=last, copy=False)}</div>"
    )


def error_html(message: str, words: Strings, *, index: int | None = None) -> str:
    """An error as a calm line; with `index`, the question can be tried again."""
    again = "" if index is None else _actions(words, index, last=True, copy=False)
    return clean(f'<div class="kotae-answer kotae-is-error">{notice_html(message)}{again}</div>')


def notice_html(text: str) -> str:
    """One calm line. Kotae's own commands in it are set as code."""
    line = _COMMAND.sub(r"<code>\g<0></code>", escape(text))
    return f'<p class="kotae-notice">{line}</p>'


def supported_text(answer: Answer) -> tuple[str, int]:
    """The answer without the sentences that nothing supports, and how many they were.

    The graph drops them already; this holds for whatever reaches the page, old conversations included.
    Answers that rest on no source (small talk, asking back, giving up) claim nothing that could be supported.
    """
    text, removed = answer.text, 0
    if answer.route in ("library", "web") and not answer.refused:
        for sentence in answer.sentences:
            if not sentence.supported and sentence.text.strip() and sentence.text in text:
                text, removed = text.replace(sentence.text, "", 1), removed + 1
    return text, removed


def places(passage: Passage, words: Strings) -> list[str]:
    """Where in its document a passage stands: the headings (the title not said twice), or the web page's host."""
    if address := web_address(passage):
        return [urlsplit(address).hostname or ""]
    found = [h for h in passage.heading if h.strip() and h.strip() != passage.title.strip()]
    if passage.page is not None:
        found.append(words("answer.page", page=passage.page))
    return found


def web_address(passage: Passage) -> str:
    """The address of a web passage if a browser may follow it, otherwise ""."""
    if passage.kind != "web":
        return ""
    try:
        parts = urlsplit(passage.url)
    except ValueError:
        return ""
    plain = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return passage.url if plain else ""


def _sources(answer: Answer, words: Strings, paths: dict[int, str]) -> str:
    if not answer.sources:
        return ""
    head = words("answer.nearest") if answer.refused else words("answer.sources")
    rows = "".join(_source_row(source, words, paths[source.n], answer.refused) for source in answer.sources)
    return f'<div class="kotae-sources"><p class="kotae-head">{escape(head)}</p><ol>{rows}</ol></div>'


def _source_row(source: Source, words: Strings, path: str, excerpt: bool) -> str:
    passage = source.passage
    where = " › ".join(places(passage, words))
    inner = f'<span class="kotae-title">{escape(passage.title)}</span>'
    if where:
        inner += f'<span class="kotae-where">{escape(where)}</span>'
    if excerpt:
        inner += f'<span class="kotae-excerpt">{escape(shortened(source.quote or passage.text, 160))}</span>'
    return (
        f'<li value="{source.n}"><a class="kotae-source" href="{escape(path)}">'
        f'<span class="kotae-number">{source.n}</span><span class="kotae-about">{inner}</span></a></li>'
    )


def shortened(text: str, length: int) -> str:
    """`text` on one line, cut at `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _actions(words: Strings, index: int, *, last: bool, copy: bool = True) -> str:
    buttons = _action("copy", words("message.copy"), index) if copy else ""
    if last:
        buttons += _action("retry", words("message.retry"), index)
    return f'<div class="kotae-acts">{buttons}</div>' if buttons else ""


def _action(name: str, label: str, index: int) -> str:
    return (
        f'<button type="button" class="kotae-act kotae-{name}" value="{index}" title="{escape(label)}">'
        f"{_hidden(label)}</button>"
    )


def _hidden(text: str) -> str:
    """Words for those who listen to the page."""
    return f'<span class="kotae-sr">{escape(text)}</span>'
