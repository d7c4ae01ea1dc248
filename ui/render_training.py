"""What is being made: how far it is, and the curve of its losses, drawn as plain shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.markup import clean
from ui.specialist_reasons import told

if TYPE_CHECKING:
    from agent.specialists.workplace import Step
    from ui.specialist_work import Made, Point, Work
    from ui.strings import Strings

_WIDE, _HIGH = 640, 220
"""Of the picture, in its own units."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 28
_ROWS = 12
"""Of the table that says what the curve shows."""
_SMOOTH = 0.9
"""Of each step the line keeps so much of what it was: steps differ more than they teach."""


def work_html(work: Work, words: Strings) -> str:
    """The work as it is at one moment."""
    title = {
        "train": words("spec.making", name=work.name),
        "examine": words("spec.examining", name=work.name),
        "raft": words("spec.rafting", name=work.name),
    }[work.kind]
    facts = [words.code("job", work.state)]
    bar = ""
    if work.open:
        facts = [words("jobs.stopping")] if work.stopping else _facts(work.step, words)
        value = f' value="{work.share:.4f}" max="1"' if work.share is not None else ""
        bar = f'<progress class="kotae-lib-bar"{value} aria-label="{escape(title)}"></progress>'
        act = _act("stop", work.id, words("lib.stop"), " disabled" if work.stopping else "")
    else:
        act = _act("clear", work.id, words("lib.clear"))
    said = _ending(work, words)
    return clean(
        f'<article class="kotae-job kotae-is-{work.state}" id="kotae-spec-{escape(work.id)}">'
        f'<div class="kotae-job-head"><h3 class="kotae-job-title">{escape(title)}</h3>'
        f'<p class="kotae-job-facts">{escape(" · ".join(facts))}</p>{act}</div>{bar}'
        + curve_html(work.curve, words, steps=_planned(work))
        + (f'<p class="kotae-notice">{escape(said)}</p>' if said else "")
        + _next(work, words)
        + "</article>",
        controls=True,
        charts=True,
    )


def percent(share: float, words: Strings) -> str:
    """A share in per cent, as the language writes it."""
    return words("spec.percent", n=f"{100 * share:.0f}")


def duration(seconds: float, words: Strings) -> str:
    """How long something takes, roughly."""
    if seconds < 90:
        return words("spec.seconds", n=max(1, round(seconds)))
    return words("spec.minutes", n=round(seconds / 60))


def curve_html(points: Sequence[Point], words: Strings, *, steps: int = 0) -> str:
    """The losses over the steps, as a picture and in words. Nothing for fewer than two steps. `steps`: how many there
    will be."""
    if len(points) < 2:
        return ""
    looks = [(point.step, point.validation) for point in points if point.validation is not None]
    last = points[-1]
    said = words("curve.said", n=last.step, loss=f"{last.loss:.3f}", first=f"{points[0].loss:.3f}")
    if looks:
        best = min(value for _, value in looks)
        said += words("curve.said_looks", loss=f"{looks[-1][1]:.3f}", best=f"{best:.3f}")
    losses = [(point.step, point.loss) for point in points]
    scale = _Scale([*losses, *looks], steps)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3"></circle>' for x, y in map(scale.at, looks))
    picture = (
        f'<svg class="kotae-curve" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(said)}">'
        f"{scale.grid(words)}"
        f'<polyline class="kotae-curve-raw" points="{scale.line(losses)}"></polyline>'
        f'<polyline class="kotae-curve-training" points="{scale.line(_smoothed(losses))}"></polyline>'
        f'<g class="kotae-curve-validation"><polyline points="{scale.line(looks)}"></polyline>{dots}</g></svg>'
    )
    legend = f'<span class="kotae-key kotae-key-training">{escape(words("curve.training"))}</span>'
    if looks:
        legend += f'<span class="kotae-key kotae-key-validation">{escape(words("curve.validation"))}</span>'
    return (
        f'<figure class="kotae-curve-box">{picture}<figcaption class="kotae-curve-legend">{legend}</figcaption>'
        f'<details class="kotae-curve-numbers"><summary>{escape(words("curve.numbers"))}</summary>'
        f"{_table(points, words)}</details></figure>"
    )


def _planned(work: Work) -> int:
    """Steps that the training takes at most, while it goes on."""
    told = work.step.training if work.open and work.step is not None else None
    return told.steps if told is not None else 0


def _table(points: Sequence[Point], words: Strings) -> str:
    """The looks at the validation examples, or else some of the steps."""
    looks = [point for point in points if point.validation is not None] or list(points)
    every = max(1, math.ceil(len(looks) / _ROWS))
    rows = "".join(
        f"<tr><td>{p.step:,}</td><td>{p.loss:.3f}</td>"
        f"<td>{'–' if p.validation is None else f'{p.validation:.3f}'}</td></tr>"
        for p in looks[::-1][::every][::-1]
    )
    heads = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in (words("curve.step"), words("curve.training"), words("curve.validation"))
    )
    return f'<table class="kotae-spec-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """A moving average with its beginning corrected, as in Adam (Kingma and Ba 2014, arXiv 1412.6980)."""
    found, mean, weight = [], 0.0, 0.0
    for step, value in points:
        mean, weight = _SMOOTH * mean + (1 - _SMOOTH) * value, _SMOOTH * weight + (1 - _SMOOTH)
        found.append((step, mean / weight))
    return found


class _Scale:
    """From steps and losses to places in the picture."""

    def __init__(self, points: Sequence[tuple[int, float]], last: int) -> None:
        steps, losses = [step for step, _ in points], [min(loss, 1e6) for _, loss in points if math.isfinite(loss)]
        self._from, self._to = min(steps), max(last, max(steps), min(steps) + 1)
        self._unit = _unit(max(losses, default=1.0))
        self._most = self._unit * max(1, math.ceil(max(losses, default=1.0) / self._unit))

    def at(self, point: tuple[int, float]) -> tuple[str, str]:
        step, loss = point
        x = _LEFT + (_WIDE - _LEFT - _RIGHT) * (step - self._from) / (self._to - self._from)
        share = min(1.0, max(0.0, loss / self._most)) if math.isfinite(loss) else 1.0
        return f"{x:.1f}", f"{_HIGH - _BOTTOM - (_HIGH - _TOP - _BOTTOM) * share:.1f}"

    def line(self, points: Sequence[tuple[int, float]]) -> str:
        return " ".join(f"{x},{y}" for x, y in map(self.at, points))

    def grid(self, words: Strings) -> str:
        parts = []
        for n in range(round(self._most / self._unit) + 1):
            _, y = self.at((self._from, n * self._unit))
            parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_WIDE - _RIGHT}" y2="{y}"></line>')
            parts.append(f'<text x="{_LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{n * self._unit:.3g}</text>')
        for step, anchor in ((self._from, "start"), (self._to, "end")):
            x, _ = self.at((step, 0.0))
            said = words("curve.at_step", n=f"{step:,}")
            parts.append(f'<text x="{x}" y="{_HIGH - 8}" text-anchor="{anchor}">{escape(said)}</text>')
        return f'<g class="kotae-curve-grid">{"".join(parts)}</g>'


def _unit(most: float) -> float:
    """A round number that goes two to five times into `most`."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next((unit for unit in (power / 5, power / 2, power) if most <= 5 * unit), 2 * power)


def _facts(step: Step | None, words: Strings) -> list[str]:
    if step is None:
        return [words.code("job", "running")]
    facts = [words.code("making", step.what)]
    if step.total:
        facts.append(words("spec.of", done=f"{min(step.done, step.total):,}", total=f"{step.total:,}"))
    if (told := step.training) is not None:
        facts.append(words("spec.loss", loss=f"{told.loss:.3f}"))
        facts.append(words("spec.speed", n=f"{told.tokens_per_second:,.0f}"))
    if step.seconds_left is not None and step.seconds_left > 0:
        facts.append(words("spec.left", time=duration(step.seconds_left, words)))
    return facts


def _act(name: str, value: str, label: str, more: str = "") -> str:
    return (
        f'<button type="button" class="kotae-plain kotae-spec-{name}" value="{escape(value)}"{more}>'
        f"{escape(label)}</button>"
    )


def _ending(work: Work, words: Strings) -> str:
    """What came of it, in a sentence."""
    if work.state == "stopped":
        return {
            "train": words("spec.stopped"),
            "examine": words("spec.stopped_examining"),
            "raft": words("spec.stopped_rafting"),
        }[work.kind]
    if work.state == "failed":
        return told(work.reason, work.message, words)
    if work.state == "done" and work.made is not None:
        return _made(work.made, words)
    return ""


def _made(made: Made, words: Strings) -> str:
    if made.file:
        return words("spec.made_rows", n=f"{made.rows:,}")
    if made.promoted:
        return words("spec.made_promoted", n=made.version or 0)
    if made.passed:
        return words("spec.made_proven", n=made.version or 0)
    why = " ".join(words.code("against", code) or code for code in made.against)
    return words("spec.made_unproven", n=made.version or 0, why=why)


def _next(work: Work, words: Strings) -> str:
    """What to do with what was made."""
    made = work.made
    if made is None:
        return ""
    if made.file:
        data = f' data-name="{escape(f"{work.name}.jsonl")}"'
        button = _act("use", made.file, words("spec.use_rows"), data)
    else:
        button = _act("open", work.name, words("spec.report"), f' data-version="{made.version}"')
    return f'<p class="kotae-spec-next">{button}</p>'
