"""The widget on somebody else's strict pages, as a visitor meets it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.browser.hosts import JAPANESE, LEAVE, LOOSELY, SAID, Host, hosting, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("KOTAE_PICTURES")
ANSWER = ".k-answer .kotae-answer:not(.kotae-is-draft)"
WORDS = " ".join(f"Sentence {n} says that every employee has 20 days of paid leave a year. [1]" for n in range(12))
"""An answer that takes a while."""
TRACES = "[document.head.childElementCount, document.adoptedStyleSheets.length, Object.keys(window).length]"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with hosting(tmp_path, *[SAID] * 4) as one:
        yield one


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Host]:
    """One whose answer takes some seconds."""
    with hosting(tmp_path, WORDS, pause=0.03) as one:
        yield one


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(400)
        page.screenshot(path=f"{PICTURES}/widget-{name}.png")


def focused(page: Page) -> str:
    return str(page.evaluate("document.querySelector('kotae-chat')?.shadowRoot.activeElement?.className ?? ''"))


def ask(page: Page, question: str) -> None:
    page.fill(".k-box", question)
    page.press(".k-box", "Enter")


def test_an_answer_with_its_source_on_a_page_that_forbids_all_it_can(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.open()
        page.get_by_role("button", name=LEAVE).click()
        page.wait_for_selector(ANSWER)
        assert "20 days of paid leave" in page.inner_text(f"{ANSWER} .kotae-text")
        page.locator("button.kotae-cite").first.click()
        page.wait_for_selector(".k-sheet mark")
        assert page.inner_text(".k-sheet mark") == "Every employee has 20 days of paid leave a year."
        page.keyboard.press("Escape")
        assert page.locator(".k-sheet").count() == 0
        assert "kotae-cite" in focused(page), "the keyboard is back where it was"
    policy = httpx.get(f"{host.origin}/en/").headers["content-security-policy"]
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy


def test_it_speaks_the_language_of_the_page(browser: Browser, host: Host) -> None:
    with visiting(browser, host, "/ja/") as visitor:
        page = visitor.open()
        assert page.get_by_role("dialog", name="お問い合わせ").is_visible()
        page.get_by_role("button", name=JAPANESE).click()
        page.wait_for_selector(ANSWER)
        assert "11時" in page.inner_text(f"{ANSWER} .kotae-text")
        assert page.inner_text(f"{ANSWER} .kotae-head") == "出典"
        assert page.locator(".k-frame").get_attribute("lang") == "ja"


def test_without_a_mouse(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.page
        page.wait_for_selector(".k-launcher")
        page.locator("nav a").last.focus()
        page.keyboard.press("Tab")
        assert focused(page) == "k-launcher"
        page.keyboard.press("Enter")
        assert focused(page) == "k-box"
        page.keyboard.type("How often is the uniform")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("cleaned?")
        assert page.input_value(".k-box") == "How often is the uniform\ncleaned?"
        page.keyboard.press("Enter")
        page.wait_for_selector(ANSWER)
        page.keyboard.press("Escape")
        assert focused(page) == "k-launcher"
        assert not page.locator(".k-panel").is_visible()
        assert page.get_attribute(".k-launcher", "aria-expanded") == "false"


def test_enter_that_ends_a_conversion_sends_nothing(browser: Browser, host: Host) -> None:
    with visiting(browser, host, "/ja/") as visitor:
        page = visitor.open()
        page.fill(".k-box", "ちぇっくあうと")
        page.locator(".k-box").dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
        assert page.locator(".k-exchange").count() == 0
        assert page.input_value(".k-box") == "ちぇっくあうと"


def test_questions_that_cannot_be_asked_stay_in_the_box(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.open()
        ask(page, "")
        assert "question first" in page.inner_text(".k-hint")
        ask(page, "x" * 1001)
        assert "1,000" in page.inner_text(".k-hint")
        assert page.input_value(".k-box") == "x" * 1001
        page.fill(".k-box", "x")
        assert page.inner_text(".k-hint") == ""


def test_an_answer_goes_on_on_the_next_page(browser: Browser, slow: Host) -> None:
    with visiting(browser, slow) as visitor:
        page = visitor.open()
        ask(page, LOOSELY)
        page.wait_for_selector(".kotae-is-draft")
        page.get_by_role("link", name="Orders").click()
        page.wait_for_url("**/order")
        page.wait_for_selector(ANSWER)
        assert page.locator(".k-panel").is_visible(), "it was open, and is"
        assert page.locator(".k-exchange").count() == 1
        assert page.inner_text(".k-question").endswith(LOOSELY)
        assert len(slow.kotae.agent.model_of_test.prompts) == 1, "the question was asked once"


def test_a_connection_that_breaks_is_taken_up(browser: Browser, slow: Host) -> None:
    with visiting(browser, slow) as visitor:
        page = visitor.open()
        ask(page, LOOSELY)
        for _ in range(3):
            page.wait_for_selector(".kotae-is-draft")
            slow.cut()
            page.wait_for_selector("text=The connection broke")
        page.wait_for_selector(ANSWER)
        assert page.locator(".k-exchange").count() == 1
        assert len(slow.kotae.agent.model_of_test.prompts) == 1, "the question was asked once"
        visitor.faults[:] = [fault for fault in visitor.faults if "net::ERR" not in fault]


def test_no_connection_at_all_is_said_and_nothing_is_lost(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.open()
        visitor.context.set_offline(True)
        ask(page, LEAVE)
        page.wait_for_selector(".k-fault")
        assert page.input_value(".k-box") == LEAVE
        visitor.context.set_offline(False)
        page.get_by_role("button", name="Try again").click()
        page.wait_for_selector(ANSWER)
        assert page.locator(".k-exchange").count() == 1
        visitor.faults[:] = [fault for fault in visitor.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_a_reader_who_stops_has_stopped_the_model(browser: Browser, slow: Host) -> None:
    with visiting(browser, slow) as visitor:
        page = visitor.open()
        ask(page, LOOSELY)
        page.wait_for_selector(".kotae-is-draft")
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector(".k-send:not(.k-stop):visible")
        page.wait_for_selector(ANSWER)
        assert slow.kotae.agent.model_of_test.busy == 0


def test_two_widgets_on_one_page_have_nothing_in_common(browser: Browser, host: Host) -> None:
    other = host.site.model_copy(update={"id": "othersite123", "name": "Other"})
    host.sites.put(other.model_validate({**other.model_dump(), "look": {"corner": "left", "accent": "#ffd400"}}))
    with visiting(browser, host) as visitor:
        page = visitor.page
        page.evaluate(
            """([server]) => {
              const made = document.createElement("kotae-chat");
              made.setAttribute("site", "othersite123");
              made.setAttribute("server", server);
              document.body.append(made);
            }""",
            [host.kotae.url],
        )
        mine, second = page.locator("kotae-chat").first, page.locator("kotae-chat").nth(1)
        mine.locator(".k-launcher").click()
        mine.locator(".k-suggestion").click()
        mine.locator(ANSWER).wait_for()
        second.locator(".k-launcher").click()
        assert second.locator(".k-exchange").count() == 0
        assert second.locator(".k-welcome").is_visible()
        boxes = [one.locator(".k-panel").bounding_box() for one in (mine, second)]
        assert all(boxes)
        assert boxes[1]["x"] < boxes[0]["x"]  # type: ignore[index]
        picture(page, "two")


def test_a_widget_that_is_taken_out_leaves_no_trace(browser: Browser, slow: Host) -> None:
    with visiting(browser, slow) as visitor:
        page = visitor.page
        page.wait_for_selector(".k-launcher")
        before = page.evaluate(TRACES)
        visitor.open()
        ask(page, LOOSELY)
        page.wait_for_selector(".kotae-is-draft")
        asked = len(visitor.requests)
        page.evaluate("document.querySelector('kotae-chat').remove()")
        after = page.evaluate(TRACES)
        assert after == before
        assert page.locator("body > *").count() == page.locator("body > header, body > main").count()
        assert page.evaluate("getComputedStyle(document.body).overflow") == "visible"
        page.wait_for_timeout(2500)
        assert len(visitor.requests) == asked, "it asks nothing any more"
        assert page.evaluate("document.activeElement === document.body")


def test_forgetting_deletes_here_and_there(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.open()
        assert page.evaluate("localStorage.length") == 0, "nothing is kept of somebody who asked nothing"
        page.get_by_role("button", name=LEAVE).click()
        page.wait_for_selector(ANSWER)
        assert page.evaluate("localStorage.length") == 1
        page.get_by_role("button", name="New conversation").click()
        assert page.locator(".k-exchange").count() == 0
        page.get_by_role("button", name="Earlier conversations").click()
        page.locator(".k-thread").click()
        page.wait_for_selector(ANSWER)
        page.get_by_role("button", name="Earlier conversations").click()
        page.get_by_role("button", name="Delete all my conversations").click()
        page.get_by_role("button", name="Really delete them?").click()
        page.wait_for_selector(".k-welcome")
        assert page.evaluate("localStorage.length") == 0
        page.reload()
        visitor.page.wait_for_selector(".k-welcome")
        assert page.locator(".k-exchange").count() == 0


def test_a_thumb_is_given_and_taken_back(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.open()
        page.get_by_role("button", name=LEAVE).click()
        page.wait_for_selector(ANSWER)
        thumb = page.get_by_role("button", name="Good answer", exact=True)
        thumb.click()
        page.wait_for_selector(".kotae-thumb-up[aria-pressed=true]")
        page.reload()
        page.wait_for_selector(".kotae-thumb-up[aria-pressed=true]")
        page.locator(".kotae-thumb-up").click()
        page.wait_for_selector(".kotae-thumb-up[aria-pressed=false]")


def test_a_page_that_the_site_does_not_name_shows_nothing(browser: Browser, host: Host) -> None:
    host.put(origins=["https://elsewhere.example"])
    with visiting(browser, host) as visitor:
        with visitor.page.expect_event("requestfailed", lambda request: "/session" in request.url):
            visitor.page.reload()
        visitor.page.wait_for_timeout(300)
        assert visitor.page.locator(".k-launcher").count() == 0
        visitor.faults.clear()  # the browser itself says that it was refused


def test_the_page_and_the_widget_leave_each_other_alone(browser: Browser, host: Host) -> None:
    with visiting(browser, host) as visitor:
        page = visitor.page
        before = page.locator("main").bounding_box()
        page.wait_for_selector(".k-launcher")
        style = page.locator(".k-launcher").evaluate(
            "(e) => { const s = getComputedStyle(e); return [s.borderStyle, s.fontSize, s.letterSpacing]; }"
        )
        assert style == ["none", "15px", "normal"], "the page gives every button a dotted border and 30 px"
        visitor.open()
        assert page.locator("main").bounding_box() == before
        assert page.locator(".k-welcome p").first.evaluate("(e) => getComputedStyle(e).textIndent") == "0px"
        page.get_by_role("link", name="日本語").click(timeout=3000)
        page.wait_for_url("**/ja/")


def test_in_the_page_at_the_place_it_names(browser: Browser, host: Host) -> None:
    with visiting(browser, host, "/en/inline") as visitor:
        page = visitor.page
        ask(page, LEAVE)
        page.wait_for_selector(ANSWER)
        assert page.locator("#chat kotae-chat").count() == 1
        assert page.locator(".k-launcher").count() == 0
        page.keyboard.press("Escape")
        assert page.locator(".k-panel").is_visible(), "what is part of the page cannot be closed"
        picture(page, "inline")


PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}


def test_a_phone_is_covered_and_the_keyboard_stays_inside(browser: Browser, host: Host) -> None:
    with visiting(browser, host, **PHONE) as visitor:
        page = visitor.open()
        assert page.locator(".k-panel").bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 780}
        assert page.get_attribute(".k-panel", "aria-modal") == "true"
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.localName") == "kotae-chat"
        assert float(page.locator(".k-box").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)")) >= 16, (
            "a phone would zoom in"
        )


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE,
    "phone-dark": {**PHONE, "color_scheme": "dark"},
}


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("look", LOOKS)
def test_it_can_be_used_by_everybody(browser: Browser, host: Host, look: str, language: str) -> None:
    """axe finds nothing to mend: closed, open, with an answer, and with a source."""
    from axe_playwright_python.sync_playwright import Axe

    accent = {"light": "#c2410c", "dark": "#ffd400"}.get(look, "#2f6f5e")
    host.put(look={**host.site.look.model_dump(), "accent": accent})
    found = []

    def examine(name: str) -> None:
        page.wait_for_timeout(250)
        result = Axe().run(page, context={"include": [["kotae-chat"]]}, options={"resultTypes": ["violations"]})
        found.extend((name, one["id"], [n["html"] for n in one["nodes"]]) for one in result.response["violations"])
        picture(page, f"{name}-{look}-{language}")

    with visiting(browser, host, f"/{language}/", bypass_csp=True, **LOOKS[look]) as visitor:
        page = visitor.page
        page.wait_for_selector(".k-launcher")
        examine("closed")
        visitor.open()
        examine("open")
        page.locator(".k-suggestion").click()
        page.wait_for_selector(ANSWER)
        examine("answer")
        page.locator(".kotae-source").first.click()
        page.wait_for_selector(".k-sheet mark")
        examine("source")
        page.locator(".k-back").click()
        page.locator(".k-more").click()
        page.wait_for_selector(".k-thread")
        examine("earlier")
    assert found == []
