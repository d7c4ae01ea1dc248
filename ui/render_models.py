"""The models that Kotae knows by name, the download of one, and what the checks of the installation found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from agent.models.files import is_downloaded
from ui.markup import clean
from ui.model_work import held
from ui.reasons import translated
from ui.render_library import size
from ui.render_training import percent

if TYPE_CHECKING:
    from agent.doctor import Check
    from agent.models.catalogue import Catalogue, CatalogueModel
    from ui.model_work import Download
    from ui.strings import Strings


def models_html(
    catalogue: Catalogue, folder: Path, words: Strings, *, chosen: str, running: str, busy: bool, locked: bool
) -> str:
    """The catalogue. `chosen`: the setting `model`; `running`: as this run has it; `locked`: it cannot be changed here;
    `busy`: a model is being downloaded."""
    set_, runs = catalogue.find(chosen), catalogue.find(running)
    rows = "".join(
        _row(one, folder, words, chosen=one is set_, runs=one is runs, busy=busy, locked=locked)
        for one in catalogue.models
    )
    other = "" if runs is not None else f'<p class="kotae-where">{escape(words("model.other", name=running))}</p>'
    return clean(
        f'<h3 class="kotae-spec-sub">{escape(words("model.title"))}</h3>{other}<ul class="kotae-spec-rows">{rows}</ul>',
        controls=True,
    )


def download_html(now: Download, words: Strings) -> str:
    """The download as it is at one moment."""
    title = words("download.title", name=now.model.title)
    told = now.progress
    bar, said = "", ""
    facts = [words.code("job", now.state)]
    if now.open:
        facts = [
            words("jobs.stopping") if now.stopping else words.code("fetching", told.stage if told else "connecting")
        ]
        value = ""
        if told is not None and told.total and told.stage in ("checking", "resuming", "downloading"):
            value = f' value="{told.done / told.total:.4f}" max="1"'
            facts.append(words("download.bytes", done=size(told.done), total=size(told.total)))
        bar = f'<progress class="kotae-lib-bar"{value} aria-label="{escape(title)}"></progress>'
        act = _act("stop-download", "kotae-plain", now.id, words("lib.stop"), off=now.stopping)
    else:
        act = _act("clear-download", "kotae-plain", now.id, words("lib.clear"))
        said = {
            "stopped": words("download.stopped"),
            "done": words("download.done", name=now.model.title),
        }.get(now.state) or words.code("download", now.reason or "inside")
    return clean(
        f'<article class="kotae-job kotae-is-{now.state}"><div class="kotae-job-head">'
        f'<h3 class="kotae-job-title">{escape(title)}</h3>'
        f'<p class="kotae-job-facts">{escape(" · ".join(facts))}</p>{act}</div>{bar}'
        + (f'<p class="kotae-notice">{escape(said)}</p>' if said else "")
        + "</article>",
        controls=True,
    )


def checks_html(checks: Sequence[Check], words: Strings) -> str:
    """What was looked at, what was found, and what to do about it."""
    failed = sum(check.ok is False for check in checks)
    if not failed:
        said = words("health.well")
    else:
        said = words("health.failed_one") if failed == 1 else words("health.failed_many", n=failed)
    rows = "".join(_check(check, words) for check in checks)
    return clean(
        f'<p class="kotae-set-verdict{" kotae-is-bad" if failed else ""}">{escape(said)}</p>'
        f'<ul class="kotae-set-checks">{rows}</ul>'
    )


def name_code(name: str) -> str:
    """The name of a check as a key of the words."""
    return re.sub(r"[^a-z]", "_", name.lower())


def _check(check: Check, words: Strings) -> str:
    kind, mark, state = {
        True: ("fine", "✓", words("health.fine")),
        False: ("wrong", "✗", words("health.wrong")),
        None: ("unsure", "–", words("health.unsure")),
    }[check.ok]
    name = words.code("checks", name_code(check.name)) or check.name
    remedy = f'<p class="kotae-set-remedy">→ {_told(check.remedy, words)}</p>' if check.remedy and not check.ok else ""
    return (
        f'<li class="kotae-set-check-row kotae-is-{kind}"><span class="kotae-set-mark">{mark}</span>'
        f'<div><p class="kotae-set-check-name">{escape(name)} <span class="kotae-sr">{escape(state)}</span></p>'
        f'<p class="kotae-set-finding">{_told(check.finding, words)}</p>{remedy}</div></li>'
    )


def _told(text: str, words: Strings) -> str:
    said, known = translated(text, words, "doctor")
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said))
    return shown if known else f'<span lang="en">{shown}</span>'


def _row(
    one: CatalogueModel, folder: Path, words: Strings, *, chosen: bool, runs: bool, busy: bool, locked: bool
) -> str:
    there = is_downloaded(one, folder)
    part = 0 if there else held(one, folder)
    marks = [_mark("in_use", words("model.in_use"))] if runs else []
    if chosen and not runs:
        marks.append(_mark("waiting", words("model.chosen")))
    if there:
        marks.append(_mark("there", words("model.there")))
    elif part:
        marks.append(_mark("partly", words("model.partly", share=percent(part / one.bytes, words))))
    else:
        marks.append(_mark("missing", words("model.missing")))
    languages = words("option.comma").join(words.code("tongue", name) or name for name in one.languages)
    about = [
        words("model.facts", size=size(one.bytes), memory=size(one.memory)),
        words("model.speaks", names=languages),
        words("model.licence", name=one.licence),
        words("model.speed", reads=words.code("speed", one.speed.prompt), writes=words.code("speed", one.speed.output)),
    ]
    acts = []
    if not there:
        name = words("model.resume_of", name=one.title) if part else words("model.download_of", name=one.title)
        text = words("model.resume") if part else words("model.download")
        acts.append(_act("download", "kotae-plain", one.name, text, label=name, off=busy))
    if not chosen and not locked:
        acts.append(
            _act("use", "kotae-plain", one.name, words("model.use"), label=words("model.use_of", name=one.title))
        )
    return (
        f'<li class="kotae-spec-row"><div class="kotae-spec-about"><h4 class="kotae-spec-name">{escape(one.title)}</h4>'
        f'<span class="kotae-spec-marks">{"".join(marks)}</span><p class="kotae-where">{escape(" · ".join(about))}</p>'
        f'<p class="kotae-where"><code>{escape(one.name)}</code></p></div>'
        f'<div class="kotae-spec-acts">{"".join(acts)}</div></li>'
    )


def _mark(kind: str, text: str) -> str:
    return f'<span class="kotae-spec-state kotae-is-{kind}">{escape(text)}</span>'


def _act(name: str, kind: str, value: str, text: str, *, label: str = "", off: bool = False) -> str:
    named = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<button type="button" class="{kind} kotae-set-{name}" value="{escape(value)}"{named}'
        f"{' disabled' if off else ''}>{escape(text)}</button>"
    )
