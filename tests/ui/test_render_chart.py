"""Bars over days, weeks and months: none left out, none too many, and a sentence that says the same."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from agent.insights import Figures, Span, Step
from ui import strings
from ui.markup import clean
from ui.render_chart import _unit, bars_html, filled

NOW = datetime(2026, 3, 20, 12).timestamp()
EN, JA = strings.load("en"), strings.load("ja")


def figures(step: Step, *spans: Span) -> Figures:
    given: dict[str, Any] = dict.fromkeys(
        ("failed", "stopped", "liked", "disliked", "calls", "prompt", "completion"), 0
    )
    asked, refused = sum(one.asked for one in spans), sum(one.refused for one in spans)
    return Figures(
        asked=asked, refused=refused, median=None, p95=None, routes=(), languages=(), step=step, spans=spans, **given
    )


@pytest.mark.parametrize(
    ("step", "since", "spans", "starts"),
    [
        ("day", datetime(2026, 3, 17), ["2026-03-18"], ["2026-03-17", "2026-03-18", "2026-03-19", "2026-03-20"]),
        ("day", None, ["2026-03-19"], ["2026-03-19", "2026-03-20"]),
        ("week", None, ["2026-03-02"], ["2026-03-02", "2026-03-09", "2026-03-16"]),
        ("month", None, ["2025-12-01"], ["2025-12-01", "2026-01-01", "2026-02-01", "2026-03-01"]),
        ("day", None, [], []),
        ("day", None, ["2026-03-20", "2026-03-21"], ["2026-03-20", "2026-03-21"]),
    ],
)
def test_days_without_questions_are_there_too(
    step: Step, since: datetime | None, spans: list[str], starts: list[str]
) -> None:
    begun = since.timestamp() if since is not None else 0.0
    found = filled([Span(start, 2, 1) for start in spans], step, begun, NOW)
    assert [one.start for one in found] == starts
    assert sum(one.asked for one in found) == 2 * len(spans)


def test_what_was_not_answered_stands_on_what_was() -> None:
    found = figures("day", Span("2026-03-19", 4, 1), Span("2026-03-20", 2, 0))
    html = clean(bars_html(found, 0.0, NOW, EN), controls=True, charts=True)
    bars = [(float(y), float(h)) for y, h in re.findall(r'<rect[^>]* y="([\d.]+)"[^>]* height="([\d.]+)"', html)]
    assert len(bars) == 3, "nothing is drawn where nothing was refused"
    (good, high), (few, _), (refused, small) = bars
    assert refused + small == pytest.approx(good, abs=0.2)
    assert high == pytest.approx(3 * small, abs=0.3)
    assert few > good
    assert "Questions per day from 19 Mar to 20 Mar: 6 in all, 1 of them not answered. Most on 19 Mar: 4." in html
    assert html.count("<tr>") == 3


def test_in_japanese_and_by_months() -> None:
    html = bars_html(figures("month", Span("2025-12-01", 900, 90)), 0.0, NOW, JA)
    assert "1 か月ごとの質問数（2025年12月〜2026年3月）" in html
    assert "最多は 2025年12月 の 900 件" in html


@pytest.mark.parametrize(("most", "unit"), [(1, 1), (4, 1), (5, 1), (7, 2), (23, 5), (99, 20), (101, 50), (4321, 1000)])
def test_the_axis_has_round_numbers(most: int, unit: int) -> None:
    assert _unit(most) == unit
