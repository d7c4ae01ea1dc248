"""The library's page: its frame, what is being done, where documents come from, and the collections."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, get_args

from tools.base import Consent
from ui.library_jobs import rate
from ui.markup import clean, options
from ui.reasons import told
from ui.render_nav import ago

if TYPE_CHECKING:
    from tools.library import Collection, Failure, Source, WatchStatus
    from ui.library_jobs import Item, Job
    from ui.strings import Strings

PARTS = ("documents", "failures", "search", "sources", "collections")
_SHOWN = 60
"""Files of one job that are listed; the rest is counted."""
_RANK = {
    state: rank
    for rank, state in enumerate(
        ("reading", "embedding", "failed", "partial", "waiting", "stopped", "done", "unchanged")
    )
}


def frame_html(words: Strings, *, limit: int) -> str:
    """The empty page that the script fills. `limit` is the most bytes of an uploaded file."""
    tabs = "".join(
        f'<button type="button" role="tab" class="kotae-lib-tab" id="kotae-lib-tab-{part}" value="{part}" '
        f'aria-controls="kotae-lib-{part}" aria-selected="{"true" if part == "documents" else "false"}" '
        f'tabindex="{0 if part == "documents" else -1}">{escape(label)}'
        f'<span class="kotae-lib-count"></span></button>'
        for part, label in zip(PARTS, _part_names(words), strict=True)
    )
    panels = "".join(
        f'<section role="tabpanel" class="kotae-lib-part" id="kotae-lib-{part}" '
        f'aria-labelledby="kotae-lib-tab-{part}"{"" if part == "documents" else " hidden"}>{controls}'
        f'<div class="kotae-lib-list"></div></section>'
        for part, controls in zip(
            PARTS, (_filters(words), "", _search_form(words), "", _collection_form(words)), strict=True
        )
    )
    return clean(
        '<div class="kotae-lib">'
        f'<div class="kotae-lib-head"><h2 class="kotae-lib-title">{escape(words("lib.title"))}</h2>'
        '<p class="kotae-lib-summary"></p></div>'
        f"{_adding(words, limit)}"
        f'<section class="kotae-lib-work" aria-label="{escape(words("lib.work"))}" hidden></section>'
        '<p class="kotae-lib-said" role="status"></p>'
        f'<div class="kotae-lib-tabs" role="tablist" aria-label="{escape(words("lib.tabs"))}">{tabs}</div>'
        f"{panels}</div>",
        controls=True,
    )


def work_html(jobs: Sequence[Job], words: Strings) -> str:
    """The jobs, the latest first, each with its files."""
    return clean("".join(_job(job, words) for job in jobs), controls=True)


def failures_html(failures: Sequence[Failure], words: Strings, *, now: float, uploads: str) -> str:
    """What could not be read, or not as a whole, with its reason. `uploads` is the folder of uploaded files."""
    if not failures:
        return clean(f'<p class="kotae-none">{escape(words("lib.no_failures"))}</p>')
    rows = "".join(_failure(failure, words, now, uploads) for failure in failures)
    return clean(
        f'<div class="kotae-lib-hint"><p>{escape(words("lib.failures_hint"))}</p>'
        f'<button type="button" class="kotae-plain kotae-lib-retry-all">{escape(words("lib.retry_all"))}</button></div>'
        f'<ul class="kotae-lib-rows">{rows}</ul>',
        controls=True,
    )


def sources_html(
    sources: Sequence[Source], status: WatchStatus | None, words: Strings, *, now: float, uploads: str
) -> str:
    """Where documents come from, and what the watcher does. None: there is no watcher."""
    state = words.code("watch", status.state if status else "off")
    if status is not None and status.error:
        state += f" {told(status.error, words)}"
    parts = [f'<p class="kotae-lib-watch kotae-is-{status.state if status else "off"}">{escape(state)}</p>']
    own = [source for source in sources if not source.path.startswith(uploads)]
    rows = "".join(_source(source, words, now) for source in own)
    if dropped := len(sources) - len(own):
        said = words("lib.uploads_one") if dropped == 1 else words("lib.uploads_many", n=f"{dropped:,}")
        rows += f'<li class="kotae-lib-row"><span class="kotae-lib-about"><span>{escape(said)}</span></span></li>'
    if rows:
        parts.append(f'<ul class="kotae-lib-rows">{rows}</ul>')
    else:
        parts.append(f'<p class="kotae-none">{escape(words("lib.no_sources"))}</p>')
    return clean("".join(parts), controls=True)


def collections_html(collections: Sequence[Collection], words: Strings, *, now: float, default: str) -> str:
    """The collections; `default` names the one that cannot be deleted."""
    rows = "".join(_collection(one, words, now, one.name == default) for one in collections)
    return clean(f'<ul class="kotae-lib-rows">{rows}</ul>' if rows else "", controls=True)


def summary(documents: int, passages: int, words: Strings) -> str:
    """How much there is, as text."""
    return words(
        "lib.summary", documents=counted("documents", documents, words), passages=counted("passages", passages, words)
    )


def counted(what: str, n: int, words: Strings) -> str:
    """So many `documents`, `passages` or `pages`."""
    if what == "documents":
        return words("lib.documents_one") if n == 1 else words("lib.documents_many", n=f"{n:,}")
    if what == "pages":
        return words("lib.pages_one") if n == 1 else words("lib.pages_many", n=f"{n:,}")
    return words("lib.passages_one") if n == 1 else words("lib.passages_many", n=f"{n:,}")


def size(n: int) -> str:
    """Bytes as people read them, 1 KB being 1,024 bytes."""
    amount, unit = float(n), "B"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return f"{n} B" if unit == "B" else f"{amount:,.0f} {unit}" if amount >= 9.95 else f"{amount:.1f} {unit}"


def icon(name: str, label: str, value: str = "", *, data: str = "") -> str:
    """A button that shows an icon; `label` says it."""
    return (
        f'<button type="button" class="kotae-act kotae-{name}" value="{escape(value)}" title="{escape(label)}"{data}>'
        f'<span class="kotae-sr">{escape(label)}</span></button>'
    )


def _part_names(words: Strings) -> tuple[str, ...]:
    return (
        words("lib.documents"),
        words("lib.failures"),
        words("lib.search"),
        words("lib.sources"),
        words("lib.collections"),
    )


def _adding(words: Strings, limit: int) -> str:
    return (
        f'<section class="kotae-drop" aria-label="{escape(words("lib.add"))}">'
        f'<div class="kotae-drop-row"><p class="kotae-drop-text">{escape(words("lib.drop"))}</p>'
        f'<button type="button" class="kotae-primary kotae-lib-choose">{escape(words("lib.choose"))}</button>'
        f'<button type="button" class="kotae-plain kotae-lib-source" aria-expanded="false">'
        f"{escape(words('lib.other_source'))}</button>"
        f'<label class="kotae-lib-into">{escape(words("lib.into"))}'
        '<select class="kotae-lib-target" name="collection"></select></label>'
        '<input type="file" class="kotae-lib-files" multiple hidden></div>'
        f'<p class="kotae-lib-limit">{escape(words("lib.limit", size=size(limit)))}</p>'
        f'<form class="kotae-lib-source-form" aria-label="{escape(words("lib.source_title"))}" hidden>'
        f'<label class="kotae-lib-wide">{escape(words("lib.source_label"))}'
        '<input type="text" name="path" maxlength="4000" required autocomplete="off" spellcheck="false" '
        f'placeholder="{escape(words("lib.source_example"))}"></label>'
        f'<div class="kotae-drop-row"><label class="kotae-lib-check" title="{escape(words("lib.watch_hint"))}">'
        f'<input type="checkbox" name="watch" checked>{escape(words("lib.watch"))}</label>'
        f'<label class="kotae-lib-hours" hidden>{escape(words("lib.every"))}'
        f'<input type="number" name="hours" value="24" min="1" max="720">{escape(words("lib.hours"))}</label>'
        f'<button type="submit" class="kotae-primary">{escape(words("lib.submit"))}</button></div></form></section>'
    )


def _filters(words: Strings) -> str:
    return (
        '<form class="kotae-lib-filter">'
        '<input type="search" name="text" maxlength="200" autocomplete="off" '
        f'aria-label="{escape(words("lib.filter"))}" placeholder="{escape(words("lib.filter"))}">'
        f"{_selects(words)}</form>"
    )


def _search_form(words: Strings) -> str:
    return (
        f'<p class="kotae-lib-explained">{escape(words("lib.query_hint"))}</p>'
        '<form class="kotae-lib-filter kotae-lib-query">'
        f'<input type="search" name="query" maxlength="1000" autocomplete="off" required '
        f'aria-label="{escape(words("lib.query"))}" placeholder="{escape(words("lib.query"))}">'
        f'{_selects(words)}<label class="kotae-lib-k">{escape(words("lib.k"))}'
        '<input type="number" name="k" value="8" min="1" max="50"></label>'
        f'<button type="submit" class="kotae-primary">{escape(words("lib.go"))}</button></form>'
    )


def _selects(words: Strings) -> str:
    return (
        f'<select name="collection" class="kotae-lib-of" aria-label="{escape(words("lib.collection"))}">'
        f'<option value="">{escape(words("lib.every_collection"))}</option></select>'
        f'<select name="type" class="kotae-lib-types" aria-label="{escape(words("lib.type"))}">'
        f'<option value="">{escape(words("lib.every_type"))}</option></select>'
    )


def _collection_form(words: Strings) -> str:
    return (
        f'<p class="kotae-lib-explained">{escape(words("lib.collections_hint"))}</p>'
        '<form class="kotae-lib-filter kotae-lib-new">'
        f'<input type="text" name="name" maxlength="64" required autocomplete="off" '
        f'aria-label="{escape(words("lib.create"))}" placeholder="{escape(words("lib.create"))}">'
        f'<button type="submit" class="kotae-primary">{escape(words("lib.create_button"))}</button></form>'
    )


def _job(job: Job, words: Strings) -> str:
    title = {
        "upload": words("jobs.upload"),
        "source": words("jobs.source", name=job.name),
        "reread": words("jobs.reread", name=job.name),
        "retry": words("jobs.retry"),
    }[job.kind]
    stopping = job.open and job.stopping
    facts = [words("jobs.stopping") if stopping else words.code("job", job.state)]
    if job.open and job.total:
        facts.append(words("jobs.files", done=f"{min(job.done, job.total):,}", total=f"{job.total:,}"))
    if job.passages:
        facts.append(counted("passages", job.passages, words))
    if job.open and (speed := rate(job)):
        facts.append(words("jobs.rate", n=f"{speed:.1f}"))
    if job.failed:
        said = words("jobs.failed_one") if job.failed == 1 else words("jobs.failed_many", n=f"{job.failed:,}")
        facts.append(said)
    if job.partial:
        said = words("jobs.partial_one") if job.partial == 1 else words("jobs.partial_many", n=f"{job.partial:,}")
        facts.append(said)
    bar = ""
    if job.open:
        value = f' value="{min(job.done, job.total)}" max="{job.total}"' if job.done and job.total else ""
        bar = f'<progress class="kotae-lib-bar"{value} aria-label="{escape(title)}"></progress>'
    act = "stop" if job.open else "clear"
    label = words("lib.stop") if job.open else words("lib.clear")
    error = words.code("cannot", job.error) if job.error else ""
    shown = sorted(job.items, key=lambda item: _RANK[item.state])[:_SHOWN]
    rows = "".join(_item(item, words) for item in shown)
    if more := len(job.items) - len(shown):
        said = words("jobs.more_one") if more == 1 else words("jobs.more_many", n=f"{more:,}")
        rows += f'<li class="kotae-lib-item">{escape(said)}</li>'
    return (
        f'<article class="kotae-job kotae-is-{job.state}" id="kotae-job-{escape(job.id)}"><div class="kotae-job-head">'
        f'<h3 class="kotae-job-title">{escape(title)} <span class="kotae-job-into">'
        f"{escape(words('jobs.into', collection=job.collection))}</span></h3>"
        f'<p class="kotae-job-facts">{escape(" · ".join(facts))}</p>'
        f'<button type="button" class="kotae-plain kotae-job-{act}" value="{escape(job.id)}"'
        f"{' disabled' if stopping else ''}>{escape(label)}</button></div>{bar}"
        + (f'<p class="kotae-notice">{escape(error)}</p>' if error else "")
        + (f'<ul class="kotae-lib-items">{rows}</ul>' if rows else "")
        + "</article>"
    )


def _item(item: Item, words: Strings) -> str:
    state = words.code("item", item.state)
    if item.passages and item.state in ("embedding", "done", "unchanged", "partial"):
        state += f" · {counted('passages', item.passages, words)}"
    reason = f'<span class="kotae-lib-reason">{escape(told(item.reason, words))}</span>' if item.reason else ""
    return (
        f'<li class="kotae-lib-item kotae-is-{item.state}"><span class="kotae-lib-name" title="{escape(item.path)}">'
        f'{escape(item.name)}</span><span class="kotae-lib-state">{escape(state)}</span>{reason}</li>'
    )


def _failure(failure: Failure, words: Strings, now: float, uploads: str) -> str:
    tries = words("lib.tries_one") if failure.tries == 1 else words("lib.tries_many", n=failure.tries)
    where = words("lib.uploaded") if failure.path.startswith(uploads) else failure.path
    about = [where, failure.collection, ago(failure.failed_at, now, words), tries]
    if failure.partial:
        about.insert(0, words("state.partial"))
    data = f' data-collection="{escape(failure.collection)}"'
    return (
        f'<li class="kotae-lib-row{" kotae-is-partial" if failure.partial else ""}"><span class="kotae-lib-about">'
        f'<span class="kotae-title">{escape(failure.name)}</span>'
        f'<span class="kotae-lib-reason">{escape(told(failure.reason, words))}</span>'
        f'<span class="kotae-where">{escape(" · ".join(about))}</span></span>'
        f'<span class="kotae-lib-acts">{icon("lib-retry", words("lib.retry"), failure.path, data=data)}'
        f"{icon('lib-dismiss', words('lib.dismiss'), failure.path, data=data)}</span></li>"
    )


def _source(source: Source, words: Strings, now: float) -> str:
    about = [words.code("kind", source.kind), source.collection]
    if source.watched and source.every:
        about.append(words("lib.interval", n=f"{source.every / 3600:.3g}"))
    about.append(
        words("lib.checked", ago=ago(source.checked_at, now, words)) if source.checked_at else words("lib.unchecked")
    )
    data = f' data-collection="{escape(source.collection)}"'
    hours = f' data-hours="{source.every / 3600:.3g}"' if source.every else ""
    return (
        '<li class="kotae-lib-row"><span class="kotae-lib-about">'
        f'<span class="kotae-lib-path">{escape(source.path)}</span>'
        f'<span class="kotae-where">{escape(" · ".join(about))}</span></span><span class="kotae-lib-acts">'
        f'<button type="button" role="switch" class="kotae-lib-switch" value="{escape(source.path)}"{data}{hours} '
        f'aria-checked="{"true" if source.watched else "false"}" '
        f'aria-label="{escape(words("lib.watch_of", name=source.path))}">{escape(words("lib.watched"))}</button>'
        f"{icon('lib-check-now', words('lib.check'), source.path, data=data)}"
        f"{icon('lib-drop-source', words('lib.remove_source'), source.path, data=data)}</span></li>"
    )


def _collection(one: Collection, words: Strings, now: float, fixed: bool) -> str:
    about = [
        counted("documents", one.documents, words),
        counted("passages", one.passages, words),
        words("lib.made", ago=ago(one.created_at, now, words)),
    ]
    data = f' data-documents="{one.documents}"'
    acts = "" if fixed else icon("lib-rename", words("lib.rename"), one.name)
    if not fixed or one.documents:
        label = words("lib.empty_collection") if fixed else words("lib.delete")
        acts += icon("lib-delete", label, one.name, data=data + (' data-fixed="yes"' if fixed else ""))
    return (
        f'<li class="kotae-lib-row"><span class="kotae-lib-about"><span class="kotae-title">{escape(one.name)}</span>'
        f'<span class="kotae-where">{escape(" · ".join(about))}</span></span>'
        f'<span class="kotae-lib-acts">{_web(one, words)}{acts}</span></li>'
    )


def _web(one: Collection, words: Strings) -> str:
    """Whether questions over a collection may go to a web search, to be changed."""
    choices = options([(said, words.code("web", said)) for said in get_args(Consent)], one.web)
    label = escape(words("lib.web_of", name=one.name))
    return (
        f'<label class="kotae-lib-web">{escape(words("ask.web"))} '
        f'<select name="web" data-collection="{escape(one.name)}" aria-label="{label}">{choices}</select></label>'
    )
