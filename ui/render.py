"""An answer as safe HTML: the same function for the stream, for history, for the chat and for the widget.

Whatever a document, the web or a model wrote passes `ui.markup`; an unsupported sentence never gets that far.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from tools.sentences import spans
from ui.markup import CLOSE, OPEN, clean, markdown, marked, mend, paragraphs
from ui.render_feedback import feedback_path, thumbs
from ui.render_memory import remembered_html
from ui.render_specialist import badge_html, data_html

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from agent import Feedback
    from agent.state import Answer, Shown, Source
    from tools.base import Passage
    from ui.markup import Cite
    from ui.strings import Strings

API = "/api"
_EXCERPT = 220
"""Characters of a passage under a refusal."""
_PREFIX = re.compile(r"(?:#{1,6} |[-*+>] |\d{1,3}[.)] )+")
"""What makes a line a heading, a list item or a quotation: a mark before it would make it none."""
PATH = " › "
"""Between the title of a document and the headings in it."""
_INLINE_CODE = re.compile(r"`([^`]+)`")
_COMMAND = re.compile(r"kotae (?:index (?:--sample|FOLDER|フォルダー)|doctor|models pull)")


def source_path(thread: str, index: int, n: int) -> str:
    """Where source `n` of the answer to question `index` (from 0) of a thread is served."""
    return f"{API}/threads/{quote(thread, safe='')}/answers/{index}/sources/{n}"


def answer_html(
    answer: Answer,
    words: Strings,
    *,
    thread: str,
    index: int,
    last: bool = False,
    turn: str = "",
    given: Feedback | None = None,
) -> str:
    """A verified answer with its citations, notices, sources and actions. `last` offers to try again; with `turn`, the
    answer can be judged, and shows the feedback that was `given`. Without a `thread` it is to be read only."""
    text, removed = supported_text(answer)
    partly = [s.text for s in answer.sentences if s.state == "partly" and s.text in text]
    paths = {source.n: source_path(thread, index, source.n) for source in answer.sources} if thread else {}
    outward = {
        url for source in answer.sources if web_address(source.passage) for url in (source.passage.url, source.link)
    }
    by_number = {source.n: source for source in answer.sources}

    def cite(n: int) -> str | None:
        if n not in by_number:
            return None
        passage = by_number[n].passage
        if n not in paths:
            return f'<sup><span class="kotae-cite">{n}</span></sup>'
        hint = escape(" › ".join([passage.title, *places(passage, words)]))
        return (
            f'<sup><a class="kotae-cite" href="{escape(paths[n])}" title="{hint}">'
            f"{_hidden(words('message.cite', n=''))}{n}</a></sup>"
        )

    judging = thumbs(feedback_path(thread, turn), given, words) if turn else ""
    notices = [words("answer.partly")] if partly else []
    notices += [words.code("notice", code) for code in answer.notices]
    if removed and "some_removed" not in answer.notices:
        notices.append(words("answer.removed_one") if removed == 1 else words("notice.some_removed"))
    state = " kotae-is-refused" if answer.refused else f" kotae-is-{answer.route}"
    parts = [
        f'<div class="kotae-answer{state}" lang="{answer.language}">',
        f'<p class="kotae-label">{escape(words("answer.refused"))}</p>' if answer.refused else "",
        badge_html(answer, words),
        f'<div class="kotae-text">{_words_of(answer, text) or _body(text, partly, cite, outward)}</div>',
        _choices(answer, words, last=last),
        *(notice_html(notice) for notice in notices if notice),
        remembered_html(answer.notices, words),
        _sources(answer, words, paths),
        _sent(answer, words),
        _actions(words, index, last=last, thumbs=judging) if thread else "",
        "</div>",
    ]
    return clean("".join(parts), links={*paths.values(), *outward})


def draft_html(text: str, words: Strings, *, state: str = "", checked: Mapping[int, Shown] | None = None) -> str:
    """A draft while it streams, its citations not yet links. `state` says what goes on; `checked` are the sentences
    (from 1) that were looked at already: those that nothing supports are gone, the others stand out from the rest."""
    mended = mend(text)
    body = _body(*_so_far(mended, checked or {}), lambda n: f'<sup><span class="kotae-cite">{n}</span></sup>', ())
    return clean(
        f'<div class="kotae-answer kotae-is-draft"><p class="kotae-label kotae-is-busy">'
        f"{escape(state or words('message.checking'))}</p>"
        f'<div class="kotae-text">{body}</div></div>'
    )


def _words_of(answer: Answer, text: str) -> str:
    """What a specialist gave as data, otherwise nothing."""
    return data_html(text) if answer.specialist and not answer.sources else ""


def _body(text: str, marks: Sequence[str], cite: Cite, links: Collection[str]) -> str:
    """Markdown with the sentences `marks` marked, where that can be done."""
    with_marks = text
    for sentence in marks:
        begins = _PREFIX.match(sentence)
        bare = sentence[begins.end() :] if begins else sentence
        with_marks = with_marks.replace(bare, f"{OPEN}{bare}{CLOSE}", 1)
    return (marked(with_marks, cite=cite, links=links) if marks else None) or markdown(text, cite=cite, links=links)


def _so_far(draft: str, checked: Mapping[int, Shown]) -> tuple[str, list[str]]:
    """A draft without the sentences that were found wanting, and those not looked at yet."""
    parts, unchecked, last = [], [], 0
    for number, (start, end) in enumerate(spans(draft), 1):
        state = checked.get(number)
        if state != "removed":
            parts.append(draft[last:end])
        if checked and state is None:
            unchecked.append(draft[start:end])
        last = end
    return "".join(parts) + draft[last:], unchecked


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
    if answer.route in ("library", "web", "specialist") and not answer.refused:
        for sentence in answer.sentences:
            if not sentence.supported and sentence.text.strip() and sentence.text in text:
                text, removed = text.replace(sentence.text, "", 1), removed + 1
    return text, removed


def places(passage: Passage, words: Strings) -> list[str]:
    """Where in its document a passage stands: the headings (the title not said twice), or the page's host and date."""
    if address := web_address(passage):
        return [urlsplit(address).hostname or "", *([passage.published] if passage.published else [])]
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


def _choices(answer: Answer, words: Strings, *, last: bool) -> str:
    """What a question that was asked back may mean; to be clicked as long as nothing has been said to it."""
    if not answer.choices:
        return ""
    rows = []
    for choice in answer.choices:
        above, _, own = choice.rpartition(PATH)
        inner = f'<span class="kotae-title">{escape(own)}</span>'
        if above:
            inner += f'<span class="kotae-where">{escape(above)}</span>'
        if last:
            rows.append(
                f'<li><button type="button" class="kotae-choice" value="{escape(choice)}">{inner}</button></li>'
            )
        else:
            rows.append(f'<li><div class="kotae-choice">{inner}</div></li>')
    hint = f'<p class="kotae-hint">{escape(words("answer.own_words"))}</p>' if last else ""
    return f'<ol class="kotae-choices">{"".join(rows)}</ol>{hint}'


def _sources(answer: Answer, words: Strings, paths: dict[int, str]) -> str:
    if not answer.sources:
        return ""
    head = words("answer.nearest") if answer.refused else words("answer.sources")
    rows = "".join(_source_row(source, words, paths.get(source.n, ""), answer.refused) for source in answer.sources)
    return f'<div class="kotae-sources"><p class="kotae-head">{escape(head)}</p><ol>{rows}</ol></div>'


def _sent(answer: Answer, words: Strings) -> str:
    """Each query that left the machine."""
    said = [
        words("answer.sent", provider=provider(one.provider), query=shortened(one.query, _EXCERPT))
        for one in answer.sent
    ]
    rows = "".join(f"<li>{escape(line)}</li>" for line in said)
    return f'<ul class="kotae-sent">{rows}</ul>' if rows else ""


_PROVIDERS = {"duckduckgo": "DuckDuckGo", "searxng": "SearXNG", "brave": "Brave"}


def provider(name: str) -> str:
    """How a search service writes its name."""
    return _PROVIDERS.get(name, name)


def _source_row(source: Source, words: Strings, path: str, excerpt: bool) -> str:
    passage = source.passage
    where = " › ".join(places(passage, words))
    inner = f'<span class="kotae-title">{escape(passage.title)}</span>'
    if where:
        inner += f'<span class="kotae-where">{escape(where)}</span>'
    if excerpt:
        said = _INLINE_CODE.sub(r"<code>\1</code>", escape(shortened(source.quote or passage.text, _EXCERPT)))
        inner += f'<span class="kotae-excerpt">{said}</span>'
    opened, closed = (
        (f'a class="kotae-source" href="{escape(path)}"', "a") if path else ('div class="kotae-source"', "div")
    )
    return (
        f'<li value="{source.n}"><{opened}>'
        f'<span class="kotae-number">{source.n}</span><span class="kotae-about">{inner}</span></{closed}></li>'
    )


def shortened(text: str, length: int) -> str:
    """`text` on one line, cut at `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _actions(words: Strings, index: int, *, last: bool, copy: bool = True, thumbs: str = "") -> str:
    buttons = _action("copy", words("message.copy"), index) if copy else ""
    if last:
        buttons += _action("retry", words("message.retry"), index)
    buttons += thumbs
    return f'<div class="kotae-acts">{buttons}</div>' if buttons else ""


def _action(name: str, label: str, index: int) -> str:
    return (
        f'<button type="button" class="kotae-act kotae-{name}" value="{index}" title="{escape(label)}">'
        f"{_hidden(label)}</button>"
    )


def _hidden(text: str) -> str:
    """Words for those who listen to the page."""
    return f'<span class="kotae-sr">{escape(text)}</span>'
