"""Expectations against what was seen: where they differ, and what could not be checked."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ui.conversing.results import Difference

if TYPE_CHECKING:
    from ui.conversing.script import Expect, Words
    from ui.conversing.targets import Played

_SPARED = ("refused", "route", "contains", "cites", "sources", "supported")
"""What is not checked of a refusal that will do as well."""
_SEEN_AS = {
    "cites": "cited",
    "max_model_calls": "calls",
    "max_tokens": "tokens",
    "max_prompt_tokens": "prompt_tokens",
    "contains": "text",
    "not_contains": "text",
    "max_seconds": "seconds",
}
"""Under which name a target tells what an expectation is about, where that is another."""


def compare(expect: Expect, played: Played) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """The differences, and the expectations on what was not seen."""
    if played.error is not None:
        wanted = expect.error
        met = wanted is not None and wanted == played.reason
        return (() if met else (Difference("error", wanted or "none", played.error),)), ()
    if expect.error is not None:
        return (Difference("error", expect.error, f"it was answered: {played.text}"),), ()
    if expect.or_refused and played.refused:
        expect = expect.model_copy(update=dict.fromkeys(_SPARED))
    unseen = tuple(_unseen(expect, played))
    expect = expect.model_copy(update={name: None for name in unseen if name in type(expect).model_fields})
    found = (*_values(expect, played), *_texts(expect, played), *_documents(expect, played), *_bounds(expect, played))
    return found, unseen


def late(expect: Expect, played: Played) -> Difference | None:
    """A turn that took longer than it may. What it is worth depends on the machine."""
    if expect.max_seconds is None or played.seconds <= expect.max_seconds:
        return None
    return Difference("max_seconds", f"at most {expect.max_seconds:g} s", f"{played.seconds:.1f} s")


def _unseen(expect: Expect, played: Played) -> Iterator[str]:
    for name in type(expect).model_fields:
        if name in ("or_refused", "error") or getattr(expect, name) is None:
            continue
        if getattr(played, _SEEN_AS.get(name, name)) is None:
            yield name
    for notice in expect.notices or ():
        if not _worded(notice, played):
            yield f"the notice {notice}"


def _values(expect: Expect, played: Played) -> Iterator[Difference]:
    for name in ("route", "refused", "language"):
        wanted, got = getattr(expect, name), getattr(played, name)
        if wanted is not None and wanted != got:
            yield Difference(name, _word(wanted), _word(got))
    states = played.supported or ()
    if expect.supported == "all" and (not states or not all(states)):
        yield Difference("supported", "all", f"{sum(states)} of {len(states)} sentences")
    elif isinstance(expect.supported, int) and sum(states) < expect.supported:
        yield Difference("supported", f"at least {expect.supported}", str(sum(states)))
    if expect.events is not None:
        rest = iter(played.events or ())
        if (missing := next((kind for kind in expect.events if kind not in rest), None)) is not None:
            order, came = " → ".join(expect.events), " → ".join(played.events or ())
            yield Difference("events", f"{order} (missing or too early: {missing})", came or "none")


def _texts(expect: Expect, played: Played) -> Iterator[Difference]:
    whole = {"standalone": played.standalone, "contains": played.text}
    for name, text in whole.items():
        for wanted in getattr(expect, name) or ():
            if not holds(text or "", wanted):
                yield Difference(name, _either(wanted), text or "")
    for unwanted in expect.not_contains or ():
        if holds(played.text, unwanted):
            yield Difference("not_contains", unwanted, played.text)
    listed = {
        "choices": " | ".join(played.choices or ()),
        "would_send": played.would_send or "",
        "sent": " | ".join(played.sent or ()),
    }
    for name, text in listed.items():
        wishes = getattr(expect, name)
        if wishes == () and text:
            yield Difference(name, "none", text)
        for wanted in wishes or ():
            if not holds(text, wanted):
                yield Difference(name, _either(wanted), text or "none")


def _documents(expect: Expect, played: Played) -> Iterator[Difference]:
    for name, documents in (("cites", played.cited or ()), ("sources", played.sources or ())):
        wishes = getattr(expect, name)
        titles = ", ".join(title for title, _ in documents) or "nothing"
        if wishes == () and documents:
            yield Difference(name, "nothing", titles)
        for wanted in wishes or ():
            if not any(_names(wanted, title, url) for title, url in documents):
                yield Difference(name, wanted, titles)
    notices = played.notices or ()
    if expect.notices == () and notices:
        yield Difference("notices", "none", ", ".join(notices))
    for notice in expect.notices or ():
        if notice not in notices and _worded(notice, played):
            yield Difference("notices", notice, ", ".join(notices) or "none")


def _bounds(expect: Expect, played: Played) -> Iterator[Difference]:
    for name in ("max_model_calls", "max_tokens", "max_prompt_tokens"):
        most, got = getattr(expect, name), getattr(played, _SEEN_AS[name])
        if most is not None and got > most:
            yield Difference(name, f"at most {most}", str(got))


def _worded(notice: str, played: Played) -> bool:
    return played.worded is None or notice in played.worded


def holds(text: str, wanted: Words) -> bool:
    """Whether `text` has `wanted`, or one of it; width, case and white space do not count."""
    return any(_folded(w) in _folded(text) for w in ((wanted,) if isinstance(wanted, str) else wanted))


def _names(document: str, title: str, url: str) -> bool:
    return _folded(document) == _folded(title) or url == document or url.endswith(f"/{document}")


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _either(wanted: Words) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)
