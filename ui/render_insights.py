"""The insights' page: its frame, the figures of a period, and the lists of questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from agent.asker import VISITORS
from agent.insights import LISTINGS
from ui.markup import clean, paragraphs
from ui.render import answer_html, notice_html
from ui.render_chart import bars_html, day_of
from ui.render_documents import pager
from ui.render_nav import thread_link
from ui.render_training import percent

if TYPE_CHECKING:
    from agent import Exchange
    from agent.insights import Asked, Figures, Listed, Listing
    from ui.strings import Strings

ON_A_PAGE = 25
_LONGEST = 280
"""Characters of a question that a list shows."""


def frame_html(periods: Sequence[int], chosen: int, words: Strings) -> str:
    """The empty page that the script fills. `periods`: numbers of days, 0 for all."""
    buttons = "".join(
        f'<button type="button" class="kotae-ins-period" value="{days}" '
        f'aria-pressed="{"true" if days == chosen else "false"}">{escape(words.code("period", str(days)))}</button>'
        for days in periods
    )
    tabs = "".join(
        f'<button type="button" role="tab" class="kotae-lib-tab kotae-ins-tab" id="kotae-ins-tab-{which}" '
        f'value="{which}" aria-controls="kotae-ins-list" aria-selected="{"true" if i == 0 else "false"}" '
        f'tabindex="{0 if i == 0 else -1}">{escape(words.code("listing", which))}</button>'
        for i, which in enumerate(LISTINGS)
    )
    search = escape(words("insight.search"))
    return clean(
        '<div class="kotae-lib kotae-ins"><div class="kotae-lib-head">'
        f'<h2 class="kotae-lib-title">{escape(words("insight.title"))}</h2>'
        f'<p class="kotae-lib-summary">{escape(words("insight.about"))}</p></div>'
        '<p class="kotae-lib-said" role="status"></p><div class="kotae-ins-bar">'
        f'<div class="kotae-ins-periods" role="group" aria-label="{escape(words("insight.period"))}">{buttons}</div>'
        f'<button type="button" class="kotae-plain kotae-ins-export">{escape(words("insight.export"))}</button></div>'
        '<section class="kotae-ins-figures"></section><section class="kotae-ins-lists" hidden>'
        f'<div class="kotae-lib-tabs" role="tablist" aria-label="{escape(words("insight.lists"))}">{tabs}</div>'
        f'<form class="kotae-lib-filter kotae-ins-search"><input type="search" name="text" maxlength="200" '
        f'aria-label="{search}" placeholder="{search}" autocomplete="off"></form>'
        '<div class="kotae-ins-list" id="kotae-ins-list" role="tabpanel" '
        f'aria-labelledby="kotae-ins-tab-{LISTINGS[0]}"></div></section></div>',
        controls=True,
    )


def figures_html(found: Figures, words: Strings, *, since: float, now: float, ever: bool) -> str:
    """The figures of a period from `since` to `now`. `ever`: something was asked at some time."""
    if not found.asked:
        said = words("insight.empty_period") if ever else words("insight.empty")
        return clean(f'<p class="kotae-none kotae-ins-nothing">{escape(said)}</p>')
    judged = found.liked + found.disliked
    tiles = [
        (words("insight.asked"), f"{found.asked:,}", ""),
        (words("insight.refused"), *_part(found.refused, found.asked, words)),
        (words("insight.disliked"), *_part(found.disliked, judged, words)),
        (words("insight.median"), _seconds(found.median, words), ""),
        (words("insight.nearly"), _seconds(found.p95, words), ""),
    ]
    if broken := found.failed + found.stopped:
        tiles.insert(3, (words("insight.broken"), *_part(broken, found.asked, words)))
    told = "".join(
        f'<div class="kotae-ins-tile"><dt>{escape(name)}</dt><dd>{escape(value)}'
        + (f' <span class="kotae-ins-share">{escape(share)}</span>' if share else "")
        + "</dd></div>"
        for name, value, share in tiles
    )
    routes = [(words.place("route", name) or name, n) for name, n in found.routes]
    languages = [(words.code("tongue", name) or name, n) for name, n in found.languages]
    return clean(
        f'<dl class="kotae-ins-tiles">{told}</dl>{bars_html(found, since, now, words)}<div class="kotae-ins-shares">'
        f"{_shares(words('insight.by_route'), words('insight.route'), routes, words)}"
        f"{_shares(words('insight.by_language'), words('insight.language'), languages, words)}</div>",
        controls=True,
        charts=True,
    )


def list_html(which: Listing, found: Listed, words: Strings, *, own: str, first: int, text: str, now: float) -> str:
    """A page of a list, from row `first` on. `own`: the name of whoever reads it; `text`: what was searched for."""
    if not found.rows:
        said = words("insight.none_found") if text.strip() else words("insight.none")
        return clean(f'<p class="kotae-none">{escape(said)}</p>')
    rows = "".join(_row(one, which, words, now, own) for one in found.rows)
    return clean(
        f'<ol class="kotae-ins-rows">{rows}</ol>{pager(first, len(found.rows), found.total, words, ON_A_PAGE)}',
        links={exchange_link(one) for one in found.rows},
        controls=True,
    )


def visit_html(exchange: Exchange, words: Strings) -> str:
    """What a visitor of a site asked and was told, to be read."""
    if exchange.answer is None:
        told = notice_html(words("message.stopped"))
    else:
        told = answer_html(exchange.answer, words, thread="", index=0)
    asked = f'<div class="kotae-question"><div class="kotae-text">{paragraphs(exchange.question)}</div></div>'
    return clean(asked + told)


def exchange_link(one: Asked) -> str:
    """The address of a turn in its conversation."""
    return f"{thread_link(one.thread)}&exchange={one.n}"


def _part(n: int, of: int, words: Strings) -> tuple[str, str]:
    return f"{n:,}", percent(n / of, words) if of else ""


def _seconds(seconds: float | None, words: Strings) -> str:
    return "–" if seconds is None else words("path.seconds", n=f"{seconds:.1f}")


def _shares(title: str, name: str, rows: Sequence[tuple[str, int]], words: Strings) -> str:
    whole = sum(n for _, n in rows)
    if not whole:
        return ""
    head = "".join(
        f'<th scope="col">{escape(text)}</th>' for text in (name, words("insight.count"), words("insight.share"))
    )
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{n:,}</td><td>'
        f'<meter min="0" max="1" value="{n / whole:.3f}" aria-label="{escape(label)}"></meter> '
        f"{escape(percent(n / whole, words))}</td></tr>"
        for label, n in rows
    )
    return (
        f'<section><h3 class="kotae-spec-sub">{escape(title)}</h3><table class="kotae-spec-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></section>"
    )


def _row(one: Asked, which: Listing, words: Strings, now: float, own: str) -> str:
    question = one.question if len(one.question) <= _LONGEST else f"{one.question[:_LONGEST]}…"
    about = [_moment(one.at, words, now)]
    if route := words.place("route", one.route):
        about.append(escape(route))
    if one.outcome in ("answered", "refused"):
        about.append(escape(_seconds(one.seconds, words)))
    marks = ""
    if which == "repeated":
        marks = f'<span class="kotae-spec-state">{escape(words("insight.times", n=f"{one.times:,}"))}</span>'
    elif one.outcome != "answered":
        outcome = escape(words.code("outcome", one.outcome))
        marks = f'<span class="kotae-spec-state kotae-is-{one.outcome}">{outcome}</span>'
    if one.verdict == "down" and which != "disliked":
        marks += f'<span class="kotae-spec-state kotae-is-disliked">{escape(words("listing.disliked"))}</span>'
    if one.asker == own:
        asked = (
            f'<a class="kotae-open kotae-ins-open" href="{escape(exchange_link(one))}" '
            f'title="{escape(words("insight.open"))}">{escape(question)}</a>'
        )
    elif one.asker.startswith(VISITORS):
        asked = (
            f'<button type="button" class="kotae-ins-open kotae-ins-visit" value="{escape(f"{one.thread}/{one.n}")}" '
            f'title="{escape(words("insight.read"))}">{escape(question)}</button>'
        )
        marks += f'<span class="kotae-spec-state">{escape(words("insight.visitor"))}</span>'
    else:  # the conversations of other people are theirs alone, which is said where this one would be read
        asked = (
            f'<button type="button" class="kotae-ins-open kotae-ins-private" '
            f'title="{escape(words("insight.private"))}">{escape(question)}</button>'
        )
        marks += f'<span class="kotae-spec-state">{escape(words("insight.person"))}</span>'
    return (
        f'<li class="kotae-ins-row">{asked}{marks}<p class="kotae-where">{" · ".join(about)}</p>'
        f"{_said(one, words) if one.verdict == 'down' else ''}</li>"
    )


def _said(one: Asked, words: Strings) -> str:
    """What the feedback on an answer tells."""
    reasons = [words.code("reason", reason) for reason in one.reasons if reason != "wrong_route"]
    if one.wanted:
        reasons.append(words("insight.wanted", place=words.place("route", one.wanted) or one.wanted))
    lines = [f'<p class="kotae-ins-reasons">{escape(" · ".join(reason for reason in reasons if reason))}</p>']
    for label, text in ((words("insight.corrected"), one.corrected), (words("insight.comment"), one.comment)):
        if text:
            lines.append(f'<p class="kotae-ins-comment"><span>{escape(label)}</span> {escape(text)}</p>')
    return "".join(lines[0 if any(reasons) else 1 :])


def _moment(at: float, words: Strings, now: float) -> str:
    then = datetime.fromtimestamp(at)
    day = day_of(then.date(), words, year=then.year != datetime.fromtimestamp(now).year)
    said = words("insight.at", day=day, time=then.strftime("%H:%M"))
    return f'<time datetime="{then.astimezone().isoformat(timespec="minutes")}">{escape(said)}</time>'
