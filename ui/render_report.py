"""One specialist: what it is, what its examination found, and how it answers beside its base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ui.markup import clean
from ui.render_library import icon
from ui.render_specialists import (
    acts_html,
    against_said,
    badge,
    decimal,
    description_of,
    joined,
    score_said,
    signed,
    state_of,
)
from ui.render_training import duration, percent

if TYPE_CHECKING:
    from agent.specialists.study import Comparison
    from tools.specialist.evaluation import Evaluation
    from tools.specialist.versions import Specialist, Version
    from ui.strings import Strings

_CONTENDERS = ("specialist", "base", "few_shot", "retrieval")
_CASES = 8
"""Examples on which specialist and base differ that are shown of each kind."""
_LONGEST = 1200
"""Characters of a reply that are shown."""


def report_html(
    one: Specialist, version: Version, cases: Sequence[Mapping[str, Any]], words: Strings, *, stale: bool
) -> str:
    """A version with its report. `cases`: what was said in the examination, where it is known."""
    card = version.card
    current = stale and one.promoted == version.number
    state = state_of(one, version, stale=current)
    name = escape(one.name)
    number = f' data-version="{version.number}"'
    return clean(
        '<article class="kotae-spec-page"><p class="kotae-spec-back">'
        f'<button type="button" class="kotae-plain kotae-spec-home-link">← {escape(words("spec.all"))}</button></p>'
        f'<div class="kotae-spec-head"><h3 class="kotae-spec-name" tabindex="-1">{name}</h3>'
        f'<span class="kotae-spec-marks">{badge(state, words)}</span>{_versions(one, version, words)}</div>'
        f'<p class="kotae-spec-for">{escape(description_of(card.description, words))}</p>'
        f'<div class="kotae-spec-acts">{acts_html(one, version, words, stale=current, training=False)}'
        f'<button type="button" class="kotae-plain kotae-spec-export" value="{name}"{number}>'
        f"{escape(words('spec.export'))}</button>"
        f"{icon('spec-remove', words('spec.remove'), one.name, data=number)}</div>"
        f"{_evaluation(version, words)}{_differences(cases, words)}{_compare(one.name, version.number, words)}"
        f"{_facts(version, words)}</article>",
        controls=True,
    )


def comparison_html(name: str, found: Comparison, words: Strings) -> str:
    """The two answers, beside each other."""
    sides = (
        (words("spec.base_model"), found.base, found.seconds[0]),
        (words("spec.named_version", name=name, n=found.version), found.specialist, found.seconds[1]),
    )
    columns = "".join(
        f'<section class="kotae-spec-side" aria-label="{escape(title)}"><h5 class="kotae-spec-sub">{escape(title)}'
        f'<span class="kotae-where">{escape(duration_short(seconds, words))}</span></h5>{_reply(text, words)}</section>'
        for title, text, seconds in sides
    )
    same = f'<p class="kotae-where">{escape(words("spec.same"))}</p>' if found.base == found.specialist else ""
    return clean(f'<div class="kotae-spec-sides">{columns}</div>{same}', controls=True)


def duration_short(seconds: float, words: Strings) -> str:
    """Seconds with a decimal."""
    return words("spec.took", n=f"{seconds:.1f}")


def _versions(one: Specialist, version: Version, words: Strings) -> str:
    if len(one.versions) == 1:
        return f'<span class="kotae-where">{escape(words("spec.version", n=version.number))}</span>'
    options = "".join(
        f'<option value="{v.number}"{" selected" if v.number == version.number else ""}>'
        f"{escape(words('spec.version', n=v.number))}"
        f"{escape(words('spec.version_in_use') if v.number == one.promoted else '')}</option>"
        for v in reversed(one.versions)
    )
    label = escape(words("spec.versions"))
    return f'<select class="kotae-spec-versions" aria-label="{label}" name="{escape(one.name)}">{options}</select>'


def _evaluation(version: Version, words: Strings) -> str:
    found, here = version.evaluation, True
    if found is None:
        found, here = version.imported, False
    title = f'<h4 class="kotae-spec-sub">{escape(words("report.title"))}</h4>'
    if found is None:
        return f'{title}<p class="kotae-notice">{escape(against_said(version.against, words))}</p>'
    verdict = words("report.passed") if version.proven else against_said(version.against, words)
    kind = "" if version.proven else " kotae-is-against"
    elsewhere = "" if here else f'<p class="kotae-notice">{escape(words("report.elsewhere"))}</p>'
    return (
        f'{title}<p class="kotae-spec-verdict{kind}">{escape(verdict)}</p>{elsewhere}'
        f'<p class="kotae-spec-score">{escape(score_said(found, words))}</p>'
        f"{_table(found, words)}{_general(found, words)}"
    )


def _table(found: Evaluation, words: Strings) -> str:
    forms = any(score.valid is not None for score in found.scores.values())
    heads = [
        words("report.contender"),
        words("report.score"),
        words("report.interval"),
        words("report.better"),
        *([words("report.valid")] if forms else []),
        words("report.seconds"),
    ]
    rows = []
    for name in _CONTENDERS:
        score = found.scores.get(name)  # type: ignore[call-overload]
        if score is None:
            continue
        margin = found.margins.get(name)  # type: ignore[call-overload]
        over = (
            words("report.margin", n=signed(margin.difference), low=signed(margin.low), high=signed(margin.high))
            if margin is not None
            else "–"
        )
        interval = words("report.range", low=decimal(score.low), high=decimal(score.high))
        cells = [
            f'<meter min="0" max="1" value="{score.score:.3f}"></meter> {decimal(score.score)}',
            escape(interval),
            escape(over),
            *([escape(percent(score.valid, words)) if score.valid is not None else "–"] if forms else []),
            f"{score.seconds:.2f}",
        ]
        body = "".join(
            f'<td data-label="{escape(head)}">{cell}</td>' for head, cell in zip(heads[1:], cells, strict=True)
        )
        mark = ' class="kotae-is-own"' if name == "specialist" else ""
        rows.append(f'<tr{mark}><th scope="row">{escape(words.code("contender", name))}</th>{body}</tr>')
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    said = words("report.measured", metric=words.code("metric", found.metric), n=found.examples)
    if found.fewest < found.examples:
        said += words("report.fewer", n=found.fewest)
    return (
        f'<table class="kotae-spec-table kotae-spec-scores"><thead><tr>{head}</tr></thead>'
        f'<tbody>{"".join(rows)}</tbody></table><p class="kotae-where">{escape(said)}</p>'
    )


def _general(found: Evaluation, words: Strings) -> str:
    said = words(
        "report.general",
        n=found.general_examples,
        base=percent(found.general.get("base", 0.0), words),
        specialist=percent(found.general.get("specialist", 0.0), words),
    )
    off = words("report.unchanged") if found.unchanged else words("report.changed")
    return f'<p class="kotae-spec-general">{escape(joined([said, off], words))}</p>'


def _differences(cases: Sequence[Mapping[str, Any]], words: Strings) -> str:
    """Where the specialist is better than its base, and where it is worse."""
    better = [case for case in cases if _gain(case) > 0]
    worse = [case for case in cases if _gain(case) < 0]
    parts = []
    for title, rows in ((words("report.gained"), better), (words("report.lost"), worse)):
        if rows:
            rows = sorted(rows, key=_gain, reverse=rows is better)
            shown = "".join(_case(case, words) for case in rows[:_CASES])
            parts.append(
                f'<details class="kotae-spec-more"><summary>{escape(title)} ({len(rows):,})</summary>'
                f'<ul class="kotae-spec-cases">{shown}</ul></details>'
            )
    if not parts:
        return ""
    return f'<h4 class="kotae-spec-sub">{escape(words("report.differences"))}</h4>{"".join(parts)}'


def _gain(case: Mapping[str, Any]) -> float:
    scores = case.get("scores", {})
    return float(scores.get("specialist", 0.0)) - float(scores.get("base", 0.0))


def _case(case: Mapping[str, Any], words: Strings) -> str:
    replies = case.get("replies", {})
    rows = (
        (words("report.asked"), case.get("question", "")),
        (words("report.wanted"), case.get("wanted", "")),
        (words("contender.specialist"), replies.get("specialist", "")),
        (words("contender.base"), replies.get("base", "")),
    )
    told = "".join(f"<dt>{escape(title)}</dt><dd>{_lines(str(text))}</dd>" for title, text in rows)
    return f'<li><dl class="kotae-spec-facts">{told}</dl></li>'


def _compare(name: str, number: int, words: Strings) -> str:
    return (
        f'<h4 class="kotae-spec-sub">{escape(words("spec.compare"))}</h4>'
        f'<form class="kotae-spec-ask" data-name="{escape(name)}" data-version="{number}">'
        f'<textarea name="question" rows="2" maxlength="20000" aria-label="{escape(words("spec.question"))}">'
        "</textarea>"
        f'<button type="submit" class="kotae-primary">{escape(words("spec.compare_go"))}</button></form>'
        '<div class="kotae-spec-answers" aria-live="polite"></div>'
    )


def _facts(version: Version, words: Strings) -> str:
    card = version.card
    data, figures = card.data, card.figures
    base = card.base.name or card.base.sha256[:12] if card.base is not None else ""
    learned = [card.date[:10]]
    if "seconds" in figures:
        learned.append(duration(figures["seconds"], words))
    if "tokens_per_second" in figures:
        learned.append(words("spec.speed", n=f"{figures['tokens_per_second']:,.0f}"))
    rows = {
        words("card.base"): base,
        words("card.server"): card.remote.model if card.remote is not None else "",
        words("card.method"): words.code("method", card.training.method),
        words("card.continued_from"): words("card.version", n=card.continued_from) if card.continued_from else "",
        words("card.use"): words.code("use", card.use),
        words("card.trained"): " · ".join(part for part in learned if part),
        words("card.data"): words(
            "card.counts", training=f"{data.training:,}", validation=f"{data.validation:,}", test=f"{data.test:,}"
        ),
        words("card.sources"): words("check.comma").join(data.sources),
        words("card.licence"): data.licence,
        words("card.prompt"): card.prompt,
        words("card.examples"): words("check.comma").join(card.examples[:5]),
    }
    told = "".join(f"<dt>{escape(title)}</dt><dd>{_lines(text)}</dd>" for title, text in rows.items() if text)
    return (
        f'<details class="kotae-spec-more"><summary>{escape(words("card.title"))}</summary>'
        f'<dl class="kotae-spec-facts">{told}</dl></details>'
    )


def _reply(text: str, words: Strings) -> str:
    if not text.strip():
        return f'<p class="kotae-none">{escape(words("spec.silent"))}</p>'
    return f'<p class="kotae-spec-text">{_lines(text)}</p>'


def _lines(text: str) -> str:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return escape(shown).replace("\n", "<br>")
