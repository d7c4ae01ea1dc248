"""What is read off a page, without a browser."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import pytest

from agent.errors import KotaeError
from ui import strings
from ui.conversing.expectations import compare
from ui.conversing.script import Expect
from ui.conversing.targets import target
from ui.conversing.targets.browser import seen

ANSWER = {
    "text": "Open until 18:00.",
    "kinds": ["library"],
    "language": "en",
    "badge": "",
    "sources": [
        {"place": "/api/1", "title": "Museum guide"},
        {"place": "/api/2", "title": "Other"},
    ],
    "cited": ["/api/1"],
    "choices": ["Opening hours"],
    "notices": [],
    "sent": ["Sent to DuckDuckGo: “hours”"],
}


def page(language: Any = "en", **changes: Any) -> Any:
    paths, links = {"Museum guide": "/data/guide/hours.md"}, {"/api/2": "https://example.org/other"}
    return seen({**ANSWER, **changes}, strings.load(language), paths, links)


def test_an_answer() -> None:
    played = page()
    assert (played.route, played.refused, played.language) == ("library", False, "en")
    assert played.cited == (("Museum guide", "/data/guide/hours.md"),)
    assert played.sources == (*played.cited, ("Other", "https://example.org/other"))
    expect = Expect(cites=("hours.md",), sent=("hours",), choices=("Opening",), max_tokens=5, notices=())
    assert compare(expect, played) == ((), ("max_tokens",))


def test_a_refusal_shows_no_route_and_cites_nothing() -> None:
    played = page(kinds=["refused"], cited=["/api/1"])
    assert (played.route, played.refused, played.cited) == (None, True, ())
    assert len(played.sources) == 2


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("key", ["specialist.said", "specialist.read"])
def test_a_specialist_is_named_by_its_badge(language: str, key: str) -> None:
    badge = strings.load(language)(key, name="banking")  # type: ignore[arg-type]
    assert page(language, kinds=["specialist"], badge=badge).route == "specialist:banking"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_notices_have_their_codes_again(language: str) -> None:
    words = strings.load(language)  # type: ignore[arg-type]
    lines = [words("notice.web_off"), words("answer.removed_one"), words("answer.partly")]
    assert page(language, notices=lines).notices == ("web_off", "some_removed")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_question_that_is_not_accepted(language: str) -> None:
    words = strings.load(language)  # type: ignore[arg-type]
    said = {
        "empty": words("error.empty"),
        "too_long": words("error.too_long", limit="4,000"),
        "": words("error.unknown"),
    }
    for reason, line in said.items():
        played = page(language, kinds=["error"], notices=[line])
        assert (played.reason, played.error) == (reason, line)


def test_without_playwright_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ui.conversing.targets.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "playwright", None)
    with pytest.raises(KotaeError, match=r"kotae\[browser\]"):
        import_module("ui.conversing.targets.browser")
    with pytest.raises(KotaeError, match=r"kotae\[browser\]"):
        target("chat")


def test_without_chromium_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KotaeError, match="apt-get install chromium"):
        target("chat")
