"""A specialist's answer wherever it is shown: named as its own, data as data, and as harmless as any other text."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from allowlist import inspect
from fake_agent import PATH, FakeAgent, Play, answer, chat_of, passage, settings
from payloads import PAYLOADS
from rich.console import Console

from agent.events import Status
from agent.state import Answer, Source, Step
from ui import strings
from ui.live import Progress
from ui.render import answer_html, supported_text
from ui.render_feedback import form_html, thanks
from ui.render_path import path_html, path_title
from ui.render_specialist import authorship, data
from ui.terminal import Terminal, Watch

EN, JA = strings.load("en"), strings.load("ja")
STEPS = (
    Step("route", 0.01, {"route": "specialist:banking", "confidence": 0.97, "why": "specialist", "cue": ""}),
    Step("gather", 0.8, {"tool": "specialist", "specialist": "banking", "query": "q", "found": 1, "error": ""}),
)


def said(text: str, **given: Any) -> Answer:
    """An opinion."""
    values: dict[str, Any] = {
        "route": "specialist",
        "specialist": "banking",
        "sentences": (),
        "notices": ("specialist_said",),
        "steps": STEPS,
    }
    return answer(text, **{**values, **given})


def over(text: str = "The museum opens at nine.") -> Answer:
    """Written by the specialist from a document."""
    source = Source(1, passage(1, "The museum opens at nine."), "opens at nine")
    return answer(text, source, route="specialist", specialist="banking")


def html(one: Answer, words: strings.Strings = EN) -> str:
    return answer_html(one, words, thread="t", index=0)


@pytest.mark.parametrize(
    ("words", "opinion", "checked"),
    [
        (EN, "specialist “banking”; not checked against your documents", "from your documents; each sentence was"),
        (JA, "専門モデル「banking」の回答です。文書との照合は行っていません。", "一文ずつ出典と照合しました"),
    ],
)
def test_whose_words_these_are_is_said_above_them(words: strings.Strings, opinion: str, checked: str) -> None:
    alone = inspect(html(said("Perhaps."), words))
    [badge] = alone.css(".kotae-badge")
    assert opinion in badge.text()
    assert alone.css(".kotae-sources") == []
    assert alone.css(".kotae-is-specialist")
    shown = inspect(html(over(), words))
    assert checked in shown.css_first(".kotae-badge").text()
    assert len(shown.css(".kotae-sources li")) == 1
    assert inspect(html(answer("Nine."), words)).css(".kotae-badge") == []


def test_a_refusal_is_nobodys_word() -> None:
    assert authorship(said("I do not know.", refused=True), EN) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"people": 4, "time": "19:00"}', '{\n  "people": 4,\n  "time": "19:00"\n}'),
        ('{"名前": "青葉"}', '{\n  "名前": "青葉"\n}'),
        ("[1, 2]", "[\n  1,\n  2\n]"),
        ("card_payment_not_recognised", "card_payment_not_recognised"),
        ("Refund not shown", ""),
        ("lost", ""),
        ('{"broken": ', ""),
        ("[1] is the source.", ""),
        ("[" * 100_000, ""),
        ("ご覧になりました。", ""),
    ],
)
def test_data_is_told_from_words(text: str, shown: str) -> None:
    assert data(text) == shown


def test_data_is_shown_as_code_and_as_it_is() -> None:
    tree = inspect(html(said('{"a": "<b>*x*</b> [1] https://evil.example"}')))
    [code] = tree.css("pre code")
    assert json.loads(code.text()) == {"a": "<b>*x*</b> [1] https://evil.example"}
    assert tree.css("a[href]") == []
    assert inspect(html(over('{"a": 1}'))).css("pre") == [], "what rests on a source is shown with its marks"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_it_says_can_do_nothing(payload: str) -> None:
    for text in (payload, json.dumps({"a": payload}), json.dumps([payload])):
        inspect(html(said(text)))
    inspect(html(said("Fine.", specialist=payload)))


def test_no_sentence_that_nothing_supports_gets_through() -> None:
    from dataclasses import replace

    from agent.state import Sentence

    sentences = (Sentence("It opens at nine.", (1,), True), Sentence("It is free.", (), False))
    assert supported_text(replace(over("It opens at nine. It is free."), sentences=sentences)) == (
        "It opens at nine. ",
        1,
    )


def test_the_path_says_who_was_asked() -> None:
    shown = inspect(path_html(STEPS, EN)).text()
    assert "Ask the specialist “banking”" in shown
    assert "Asked" in shown
    assert "The specialist “banking”" in shown
    assert "passage" not in shown
    assert path_title(said("Perhaps."), EN).startswith("By the specialist “banking”")
    failed = Step("gather", 0.1, {**STEPS[1].facts, "found": 0, "error": "specialist_unusable"})
    assert "cannot be used at the moment" in path_html([failed], EN)
    reads = Step("route", 0.1, {**STEPS[0].facts, "reads": True})
    assert "with the documents as its source" in path_html([reads], EN)
    assert "文書をもとに回答" in path_html([reads], JA)


def test_the_terminal_keeps_its_words_apart_from_what_is_said_about_them() -> None:
    terminal = Terminal()
    out, err = io.StringIO(), io.StringIO()
    terminal.out, terminal.err = Console(file=out, width=200), Console(file=err, width=200)
    terminal.answer(said('{"people": 4}'))
    terminal.path(said("x"))
    assert out.getvalue() == '{"people": 4}\n', "so that it can be piped"
    assert "Written by the specialist “banking”; not checked" in err.getvalue()
    assert "By the specialist “banking”" in err.getvalue()


def test_the_terminal_says_who_is_being_asked() -> None:
    watch = Watch(Terminal())
    watch.event(Status("gather", facts={"tool": "specialist", "specialist": "banking", "query": "q"}))
    assert watch._doing == "Asking a specialist"


def test_a_draft_of_a_specialist_is_named_while_it_is_written() -> None:
    live = Progress()
    live.take(Status("gather", facts={"tool": "specialist", "specialist": "banking", "query": "q"}))
    assert (live.node, live.specialist) == ("specialist", "banking")
    live.take(Status("gather", 0.1, {}))
    live.take(Status("judge"))
    assert (live.node, live.specialist) == ("judge", "")


async def test_the_page_shows_the_badge(tmp_path: Any) -> None:
    agent = FakeAgent(settings(tmp_path), {"q": Play(said("Perhaps.", steps=PATH), draft="Perhaps.")})  # type: ignore[arg-type]
    chat = chat_of(agent, EN)
    shown = [screen async for screen in chat.ask("s", "q", "", web="off")]
    assert "not checked against your documents" in str(shown[-1].messages)


def test_feedback_offers_the_other_specialists() -> None:
    form = form_html("/api/x", said("x"), None, EN, longest=10, specialists=["banking", "rail"])
    assert 'value="specialist:rail"' in form
    assert "The specialist “rail”" in form
    assert 'value="specialist:banking"' not in form, "it came from there"
    assert 'value="library"' in form
    assert "specialist" not in form_html("/api/x", answer("x"), None, EN, longest=10)


def test_thanks_name_the_specialist() -> None:
    from dataclasses import replace

    from agent.feedback import Opinion

    given = Opinion("down", ["wrong_route"], "specialist:rail").on(
        answer("x"), question="q", thread="t", turn="1", model="m", time=0.0, history=[]
    )
    assert "asks the specialist “rail”" in thanks(given, EN, web=True)
    assert "「rail」に聞きます" in thanks(replace(given), JA, web=True)
