"""Counts over time as bars: plain shapes, a sentence for who cannot see them, and the numbers as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

from agent.insights import Span

if TYPE_CHECKING:
    from agent.insights import Figures, Step
    from ui.strings import Strings

_WIDE, _HIGH = 720, 200
"""Of the picture, in its own units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 12, 34
_WIDEST = 36
"""Of a bar."""
_LABELS = 5
"""Dates below the bars, about."""


def bars_html(found: Figures, since: float, now: float, words: Strings) -> str:
    """The questions of a period as bars, what was not answered apart. The result still has to pass `clean`."""
    spans = filled(found.spans, found.step, since, now)
    if not spans:
        return ""
    title = {
        "day": words("insight.chart_day"),
        "week": words("insight.chart_week"),
        "month": words("insight.chart_month"),
    }[found.step]
    peak = max(spans, key=lambda span: span.asked)
    said = words(
        "insight.chart_said",
        title=title,
        first=_label(spans[0], found.step, words),
        last=_label(spans[-1], found.step, words),
        n=f"{found.asked:,}",
        refused=f"{found.refused:,}",
        peak=_label(peak, found.step, words),
        most=f"{peak.asked:,}",
    )
    keys = "".join(
        f'<span class="kotae-key-bar kotae-key-{name}">{escape(text)}</span>'
        for name, text in (("answered", words("insight.answered_key")), ("refused", words("insight.refused_key")))
    )
    return (
        f'<figure class="kotae-bars-box"><h3 class="kotae-spec-sub">{escape(title)}</h3>'
        f'<svg class="kotae-bars" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(said)}">'
        f"{_picture(spans, found.step, words)}</svg>"
        f'<figcaption class="kotae-bars-legend">{keys}</figcaption>'
        f'<details class="kotae-bars-numbers"><summary>{escape(words("insight.numbers"))}</summary>'
        f"{_table(spans, found.step, words)}</details></figure>"
    )


def filled(spans: Sequence[Span], step: Step, since: float, now: float) -> list[Span]:
    """All days, weeks or months from `since` to now, also those in which nothing was asked; from the first one on when
    `since` is 0."""
    there = {span.start: span for span in spans}
    if not there:
        return []
    first = min(there)
    at = _begun(datetime.fromtimestamp(since).date(), step) if since else date.fromisoformat(first)
    at = min(at, date.fromisoformat(first))
    last = max(_begun(datetime.fromtimestamp(now).date(), step), date.fromisoformat(max(there)))
    found = []
    while at <= last:
        found.append(there.get(at.isoformat(), Span(at.isoformat(), 0, 0)))
        at = _next(at, step)
    return found


def day_of(day: date, words: Strings, *, year: bool = False) -> str:
    """A day as people write it."""
    month = words.code("month", str(day.month))
    if year:
        return words("insight.day_of_year", day=day.day, month=month, year=day.year)
    return words("insight.day_of", day=day.day, month=month)


def _begun(day: date, step: Step) -> date:
    """The first day of the span that `day` is in."""
    if step == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def _next(day: date, step: Step) -> date:
    if step == "month":
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return day + timedelta(days=7 if step == "week" else 1)


def _label(span: Span, step: Step, words: Strings) -> str:
    day = date.fromisoformat(span.start)
    if step == "month":
        return words("insight.month_of", month=words.code("month", str(day.month)), year=day.year)
    return day_of(day, words)


def _picture(spans: Sequence[Span], step: Step, words: Strings) -> str:
    unit = _unit(max(span.asked for span in spans))
    top = unit * max(1, math.ceil(max(span.asked for span in spans) / unit))
    slot = (_WIDE - _LEFT - _RIGHT) / len(spans)
    width = min(_WIDEST, slot * 0.72)

    def y(count: int) -> float:
        return _HIGH - _BOTTOM - (_HIGH - _TOP - _BOTTOM) * count / top

    grid = "".join(
        f'<line x1="{_LEFT}" y1="{y(n):.1f}" x2="{_WIDE - _RIGHT}" y2="{y(n):.1f}"></line>'
        f'<text x="{_LEFT - 6}" y="{y(n) + 4:.1f}" text-anchor="end">{n:,}</text>'
        for n in range(0, top + 1, unit)
    )
    every = max(1, round(len(spans) / _LABELS))
    answered, refused, labels = [], [], []
    for i, span in enumerate(spans):
        x = _LEFT + slot * (i + 0.5)
        good = span.asked - span.refused
        answered.append(_bar(x, width, y(good), y(0)))
        refused.append(_bar(x, width, y(span.asked), y(good)))
        if i % every == 0 and (len(spans) - i > every / 2 or i == 0):
            labels.append(
                f'<text x="{x:.1f}" y="{_HIGH - 8}" text-anchor="middle">{escape(_label(span, step, words))}</text>'
            )
    return (
        f'<g class="kotae-curve-grid">{grid}{"".join(labels)}</g><g class="kotae-bar-answered">{"".join(answered)}</g>'
        f'<g class="kotae-bar-refused">{"".join(refused)}</g>'
    )


def _bar(x: float, width: float, top: float, bottom: float) -> str:
    if bottom - top < 0.05:
        return ""
    return f'<rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}"></rect>'


def _unit(most: int) -> int:
    """A round number that goes at most five times into `most`."""
    power = int(10 ** (len(str(max(1, most))) - 1))
    return next(
        (unit for unit in (max(1, power // 5), max(1, power // 2), power, 2 * power) if most <= 5 * unit), power
    )


def _table(spans: Sequence[Span], step: Step, words: Strings) -> str:
    heads = (words("insight.when"), words("insight.count"), words("insight.refused_key"))
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    rows = "".join(
        f'<tr><th scope="row">{escape(_label(span, step, words))}</th>'
        f"<td>{span.asked:,}</td><td>{span.refused:,}</td></tr>"
        for span in reversed(spans)
        if span.asked
    )
    return f'<table class="kotae-spec-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
