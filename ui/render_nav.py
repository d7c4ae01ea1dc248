"""What stands around the conversation: the list of conversations, the welcome, the state of the library."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from ui.markup import clean

if TYPE_CHECKING:
    from agent.threads import Thread
    from ui.strings import Strings


def threads_html(threads: Sequence[Thread], current: str, words: Strings, *, now: float) -> str:
    """The conversations, latest first, under the days of their last change. `now` is in seconds since 1970."""
    if not threads:
        return clean(f'<p class="kotae-none">{escape(words("nav.none"))}</p>')
    links = {thread_link(thread.id) for thread in threads}
    parts: list[str] = []
    open_group = ""
    for thread in threads:
        group = _group(thread.updated, now)
        if group != open_group:
            parts.append("</ol>" if open_group else "")
            parts.append(f'<h2 class="kotae-day">{escape(words.code("nav", group))}</h2><ol class="kotae-list">')
            open_group = group
        parts.append(_row(thread, thread.id == current, words, now))
    return clean(f'<div class="kotae-threads">{"".join(parts)}</ol></div>', links=links)


def thread_link(thread: str) -> str:
    """The address of a conversation, beside the page that lists it."""
    return f"?thread={quote(thread, safe='')}"


def welcome_html(documents: int | None, words: Strings) -> str:
    """What an empty conversation shows: what Kotae does, and questions to begin with."""
    parts = [
        '<div class="kotae-welcome">',
        f'<h2 class="kotae-welcome-title">{escape(words("welcome.title"))}</h2>',
        f'<p class="kotae-welcome-text">{escape(words("welcome.text"))}</p>',
    ]
    if documents == 0:
        own = f"<code>kotae index {escape(words('welcome.folder'))}</code>"
        sample = "<code>kotae index --sample</code>"
        parts.append(f'<p class="kotae-notice">{words("welcome.empty", own=own, sample=sample)}</p>')
    buttons = "".join(
        f'<li><button type="button" class="kotae-example">{escape(text)}</button></li>'
        for text in words.items("example").values()
    )
    parts.append(f'<p class="kotae-head">{escape(words("welcome.examples"))}</p>')
    parts.append(f'<ol class="kotae-examples">{buttons}</ol></div>')
    return clean("".join(parts))


def library_line(documents: int | None, model: str, words: Strings) -> str:
    """How many documents there are (None: the library cannot be read), and which model answers."""
    if documents is None:
        state = words("library.broken")
    elif documents == 0:
        state = words("library.none")
    else:
        state = words("library.one") if documents == 1 else words("library.many", n=f"{documents:,}")
    name = model.rsplit("/", 1)[-1]
    return clean(f'<p class="kotae-library">{escape(state)}<br>{escape(words("library.model", model=name))}</p>')


def ago(then: float, now: float, words: Strings) -> str:
    """How long ago, roughly, as people say it."""
    minutes = int(max(0.0, now - then) // 60)
    days = (_date(now) - _date(then)).days
    if minutes < 1:
        return words("ago.now")
    if minutes < 60:
        return words("ago.minutes", n=minutes)
    if days < 1 or minutes < 6 * 60:
        return words("ago.hours", n=minutes // 60)
    return words("ago.yesterday") if days == 1 else words("ago.days", n=days)


def _row(thread: Thread, is_open: bool, words: Strings, now: float) -> str:
    title = thread.title.strip() or words("nav.untitled")
    stamp = datetime.datetime.fromtimestamp(thread.updated).astimezone().isoformat(timespec="minutes")
    value = escape(thread.id)
    return (
        f'<li class="kotae-thread{" kotae-is-open" if is_open else ""}">'
        f'<a class="kotae-open" href="{escape(thread_link(thread.id))}" title="{escape(title)}">'
        f'<span class="kotae-thread-title">{escape(title)}</span>'
        f'<time datetime="{stamp}">{escape(ago(thread.updated, now, words))}</time></a>'
        f'<span class="kotae-thread-acts">{_button("rename", value, words)}{_button("delete", value, words)}</span>'
        "</li>"
    )


def _button(name: str, value: str, words: Strings) -> str:
    label = escape(words.code("nav", name))
    return (
        f'<button type="button" class="kotae-act kotae-{name}" value="{value}" title="{label}">'
        f'<span class="kotae-sr">{label}</span></button>'
    )


def _group(then: float, now: float) -> str:
    days = (_date(now) - _date(then)).days
    if days < 1:
        return "today"
    if days == 1:
        return "yesterday"
    return "week" if days < 8 else "older"


def _date(moment: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(moment).date()
