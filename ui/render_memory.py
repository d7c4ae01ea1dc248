"""What Kotae keeps about its user, as safe HTML: the dialog with switch and list, and the line under an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean
from ui.render_nav import ago, thread_link

if TYPE_CHECKING:
    from agent.about_user import Fact
    from ui.strings import Strings

REMEMBERED = "remembered:"
"""How the notice of an answer begins that says which facts are new."""


def memory_html(on: bool, facts: Sequence[Fact], titles: Mapping[str, str], words: Strings, *, now: float) -> str:
    """The switch and everything that is kept, the latest first. `titles` are those of the conversations that exist."""
    checked = " checked" if on else ""
    switch = (
        f'<label class="kotae-memory-switch"><input type="checkbox"{checked}>'
        f"<span>{escape(words('memory.switch'))}</span></label>"
        f'<p class="kotae-memory-about">{escape(words("memory.about"))}</p>'
    )
    if not facts:
        empty = words("memory.none_yet" if on else "memory.none")
        return clean(f'{switch}<p class="kotae-none">{escape(empty)}</p>', controls=True)
    rows = "".join(_row(fact, titles.get(fact.thread), words, now) for fact in reversed(facts))
    paused = "" if on else f'<p class="kotae-notice">{escape(words("memory.paused"))}</p>'
    everything = escape(words("memory.forget_all"))
    return clean(
        f'{switch}{paused}<ol class="kotae-memory-list">{rows}</ol><div class="kotae-edit-row">'
        f'<button type="button" class="kotae-danger kotae-memory-all">{everything}</button></div>',
        links={thread_link(fact.thread) for fact in facts},
        controls=True,
    )


def remembered_html(notices: Sequence[str], words: Strings) -> str:
    """The line that says what an answer's question has added, and takes it back; "" if it has added nothing."""
    ids = ",".join(code.removeprefix(REMEMBERED) for code in notices if code.startswith(REMEMBERED))
    if not ids:
        return ""
    return (
        f'<p class="kotae-notice kotae-remembered">{escape(words("notice.remembered"))} '
        f'<button type="button" class="kotae-link kotae-memory-undo" value="{escape(ids)}">'
        f"{escape(words('memory.undo'))}</button> "
        f'<button type="button" class="kotae-link kotae-memory-open">{escape(words("memory.see"))}</button></p>'
    )


def _row(fact: Fact, title: str | None, words: Strings, now: float) -> str:
    stamp = datetime.fromtimestamp(fact.told_at).astimezone().isoformat(timespec="minutes")
    about = [f'<time datetime="{stamp}">{escape(ago(fact.told_at, now, words))}</time>']
    if title is not None:
        link = f'<a class="kotae-open" href="{escape(thread_link(fact.thread))}">{escape(title)}</a>'
        about.append(link)
    label = escape(words("memory.forget", fact=fact.text))
    return (
        f'<li class="kotae-memory-fact"><span class="kotae-memory-text">{escape(fact.text)}'
        f'<span class="kotae-where">{" · ".join(about)}</span></span>'
        f'<button type="button" class="kotae-act kotae-delete-fact" value="{escape(fact.id)}" title="{label}">'
        f'<span class="kotae-sr">{label}</span></button></li>'
    )
