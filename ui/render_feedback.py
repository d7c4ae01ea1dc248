"""The thumbs under an answer, and the small panel behind the thumb down."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from ui.markup import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent import Answer, Feedback
    from ui.strings import Strings

_OF_SOURCES = ("not_in_source", "wrong_source")
"""Reasons that make no sense of an answer without sources."""


def feedback_path(thread: str, turn: str) -> str:
    """Where feedback on the answer `turn` of a thread is given."""
    return f"/api/threads/{quote(thread, safe='')}/turns/{quote(turn, safe='')}/feedback"


def thumbs(path: str, given: Feedback | None, words: Strings) -> str:
    """The two thumbs, the given one pressed. The result still has to pass `clean`."""
    verdict = given.verdict if given is not None else ""
    return (
        f'<span class="kotae-thumbs">{_thumb("up", path, words("feedback.up"), verdict)}'
        f"{_thumb('down', path, words('feedback.down'), verdict)}</span>"
    )


def thumbs_html(path: str, given: Feedback | None, words: Strings) -> str:
    """The two thumbs by themselves, for a page whose answer stays as it is."""
    return clean(thumbs(path, given, words))


def form_html(
    path: str, answer: Answer, given: Feedback | None, words: Strings, *, longest: int, specialists: Sequence[str] = ()
) -> str:
    """The panel behind the thumb down, filled with what was given before. `longest`: characters of a text;
    `specialists`: those that a question can be sent to."""
    given = given if given is not None and given.verdict == "down" else None
    reasons = given.reasons if given is not None else ()
    chips = [
        _chip("reason", code, label, code in reasons)
        for code, label in words.items("reason").items()
        if answer.sources or code not in _OF_SOURCES
    ]
    known = words.items("place")
    known |= {f"specialist:{name}": words("feedback.specialist", name=name) for name in specialists}
    places = [
        _chip("place", code, label, given is not None and given.wanted == code)
        for code, label in known.items()
        if code != answer.place
    ]
    corrected = escape(given.corrected) if given is not None else ""
    title, right = escape(words("feedback.title")), escape(words("feedback.corrected"))
    place = escape(words("feedback.place"))
    back = f'<button type="button" class="kotae-plain kotae-unsay">{escape(words("feedback.take_back"))}</button>'
    return clean(
        f'<div class="kotae-judging" role="group" aria-label="{title}" data-path="{escape(path)}">'
        f'<p class="kotae-judging-title">{title}</p>'
        f'<div class="kotae-chips" role="group" aria-label="{escape(words("feedback.reasons"))}">{"".join(chips)}</div>'
        f'<p class="kotae-judging-label">{right}</p>'
        f'<textarea name="corrected" rows="2" maxlength="{longest}" aria-label="{right}">'
        f"{corrected}</textarea>"
        f'<p class="kotae-judging-label">{place}</p>'
        f'<div class="kotae-chips" role="group" aria-label="{place}">{"".join(places)}</div>'
        f'<p class="kotae-judging-note">{escape(words("feedback.note"))}</p>'
        '<p class="kotae-judging-fault" role="alert"></p>'
        f'<div class="kotae-judging-row">{back if given is not None else ""}'
        f'<button type="button" class="kotae-plain kotae-cancel">{escape(words("feedback.cancel"))}</button>'
        f'<button type="button" class="kotae-primary kotae-say">{escape(words("feedback.send"))}</button></div></div>',
        controls=True,
    )


def thanks(given: Feedback | None, words: Strings, *, web: bool) -> str:
    """What Kotae does with what was said. `web`: web search may be used at all."""
    if given is None:
        return words("feedback.taken_back")
    if given.wanted == "web" and not web:
        return words("feedback.follows_later")
    return words.place("follows", given.wanted or "") or words("feedback.thanks")


def _thumb(which: str, path: str, label: str, verdict: str) -> str:
    on = " kotae-is-on" if verdict == which else ""  # Gradio drops `aria-pressed`; assets/feedback.js sets it by this
    return (
        f'<button type="button" class="kotae-act kotae-thumb kotae-thumb-{which}{on}" value="{escape(path)}" '
        f'title="{escape(label)}"><span class="kotae-sr">{escape(label)}</span></button>'
    )


def _chip(kind: str, code: str, label: str, on: bool) -> str:
    return (
        f'<button type="button" class="kotae-chip kotae-chip-{kind}" value="{escape(code)}" '
        f'aria-pressed="{"true" if on else "false"}">{escape(label)}</button>'
    )
