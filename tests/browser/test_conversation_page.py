"""A conversation on the chat page as a person leads it: asked, stopped, asked again, opened, renamed, deleted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from played_chat import ANSWER, BOX, CHOICES, answers, ask, ask_and_wait, go, played

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from visits import Site, Visit


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with played(tmp_path_factory.mktemp("library")) as one:
        yield one


def test_stop(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.click("#kotae-stop")
    page.wait_for_selector(".kotae-is-stopped")
    page.wait_for_selector("#kotae-send", state="visible")
    assert site.agent.stopped[-1] == "Endless?"
    assert page.locator(".kotae-is-draft").count() == 0


def test_closing_the_page_stops_the_turn(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    before = len(site.agent.stopped)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.goto("about:blank")
    for _ in range(200):
        if len(site.agent.stopped) > before:
            break
        page.wait_for_timeout(50)
    assert len(site.agent.stopped) == before + 1
    seen.faults[:] = [f for f in seen.faults if "Abort" not in f and "errored out" not in f]  # Gradio's, on leaving


def test_retry(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "When does it open?")
    page.click(".kotae-retry")
    page.wait_for_selector("#kotae-stop", state="visible")
    page.wait_for_selector(".kotae-retry")
    assert answers(page).count() == 1
    assert page.locator(".kotae-question").count() == 1


def test_edit(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "Quick?")
    ask_and_wait(page, "Thanks", 2)
    page.locator(".kotae-question").first.hover()
    page.locator("button.kotae-edit").first.click()
    assert page.input_value(".kotae-editor textarea") == "Quick?"
    page.fill(".kotae-editor textarea", "When does it open?")
    page.keyboard.press("Enter")
    page.wait_for_function("s => document.querySelectorAll(s).length === 1", arg=ANSWER)
    assert page.locator(".kotae-question .kotae-text").all_inner_texts() == ["When does it open?"]


def test_an_example_is_asked_with_one_click(page: Page, site: Site) -> None:
    go(page, site)
    page.locator(".kotae-example").first.click()
    answers(page).wait_for()
    assert page.locator(".kotae-question .kotae-text").inner_text() == "What is Kotae?"


def test_a_choice_is_made_with_one_click_and_after_a_reload(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "What is the deposit?")
    choices = page.locator("button.kotae-choice")
    assert [text.split("\n")[0] for text in choices.all_inner_texts()] == ["Rowing boats", "Fennick station lockers"]
    page.reload()
    choices.nth(1).click()
    page.wait_for_function("([s, n]) => document.querySelectorAll(s).length === n", arg=[ANSWER, 2])
    assert page.locator(".kotae-question .kotae-text").last.inner_text() == CHOICES[1]
    assert choices.count() == 0
    assert page.locator("div.kotae-choice").count() == 2


def test_a_reload_keeps_the_thread(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "Quick?")
    page.wait_for_url(re.compile(r"\?thread=t\d+"))
    page.reload()
    answers(page).wait_for()
    assert page.locator(".kotae-question .kotae-text").all_inner_texts() == ["Quick?"]
    ask_and_wait(page, "Thanks", 2)
    assert page.locator(".kotae-question").count() == 2


def test_an_old_thread_opens_goes_on_and_back_leads_back(page: Page, site: Site) -> None:
    go(page, site)
    page.locator("a.kotae-open", has_text="An old conversation").click()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    assert page.url.endswith("?thread=old")
    page.wait_for_function("() => document.title === 'An old conversation – Kotae'")
    page.go_back()
    page.wait_for_selector(".kotae-welcome")
    assert "thread=" not in page.url
    page.go_forward()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    page.click(".kotae-new")
    page.wait_for_selector(".kotae-welcome")
    assert "thread=" not in page.url


def test_opening_a_thread_ends_the_turn_that_runs(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.locator("a.kotae-open", has_text="An old conversation").click()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    page.wait_for_timeout(400)
    assert page.locator(".kotae-is-draft").count() == 0
    page.wait_for_selector("#kotae-send", state="visible")
    assert site.agent.stopped[-1] == "Endless?"


def test_rename_and_delete(page: Page, site: Site) -> None:
    site.agent.put("doomed", "To be renamed", [])
    go(page, site, "/chat/en/?thread=doomed")
    row = page.locator(".kotae-thread.kotae-is-open")
    row.locator("button.kotae-rename").click()
    page.fill(".kotae-rename-field", "A new <name>")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.title.startsWith('A new <name>')")
    row.locator("button.kotae-delete").click()
    page.locator("dialog .kotae-plain").click()
    assert page.locator(".kotae-thread", has_text="A new <name>").count() == 1
    row.locator("button.kotae-delete").click()
    page.locator("dialog .kotae-danger").click()
    page.wait_for_function("() => !document.body.innerText.includes('A new <name>')")
    assert "thread=" not in page.url
    threads = asyncio.run_coroutine_threadsafe(site.agent.threads(), site.loop).result(5)
    assert "doomed" not in {t.id for t in threads}


def test_shift_enter_breaks_the_line_and_composition_does_not_send(page: Page, site: Site) -> None:
    go(page, site)
    page.click(BOX)
    page.keyboard.type("Quick")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("?")
    assert page.input_value(BOX) == "Quick\n?"
    page.fill(BOX, "にほん")
    for options in ("isComposing: true", "keyCode: 229"):
        page.eval_on_selector(
            BOX,
            f"""box => {{ for (const kind of ["keydown", "keypress"]) box.dispatchEvent(
                new KeyboardEvent(kind, {{ key: "Enter", bubbles: true, cancelable: true, {options} }})) }}""",
        )
    page.wait_for_timeout(300)
    assert page.locator(".kotae-question").count() == 0
    assert page.input_value(BOX) == "にほん"


def test_the_web_switch_reaches_the_agent(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    stream = site.agent.stream

    def recording(question: str, thread: str, *, web: Any = None, **more: Any) -> Any:
        asked.append(web)
        return stream(question, thread, web=web, **more)

    monkeypatch.setattr(site.agent, "stream", recording)
    go(page, site)
    ask_and_wait(page, "Quick?")
    page.check("#kotae-web input[value=off]")
    ask_and_wait(page, "Thanks", 2)
    assert asked == ["on", "off"]
    page.reload()
    page.wait_for_selector("#kotae-web input[value=off]:checked", state="attached")
