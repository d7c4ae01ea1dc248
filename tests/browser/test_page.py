"""An answer on the chat page as a person meets it: its draft, its sources, its looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from played_chat import ANSWER, BOX, answers, ask, ask_and_wait, go, played

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route
    from visits import Site, Visit


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with played(tmp_path_factory.mktemp("library")) as one:
        yield one


def test_the_draft_is_seen_before_the_checked_answer(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "When does it open?")
    page.wait_for_selector(".kotae-is-draft")
    assert page.locator(".kotae-is-draft .kotae-label").inner_text() == "Draft, still being checked"
    assert page.locator(".kotae-is-draft a").count() == 0
    assert answers(page).count() == 0
    assert page.input_value(BOX) == ""
    answers(page).wait_for()
    assert page.locator(".kotae-is-draft").count() == 0
    assert page.locator(".kotae-text strong").inner_text() == "opens at nine"
    assert page.locator("#kotae-chat .thought-group .title").inner_text() == "From your documents · 2.4 s"


@pytest.mark.parametrize("by", ["Enter", "button"])
def test_a_question_asked_before_the_page_is_ready_waits_for_it(page: Page, site: Site, by: str) -> None:
    held: list[Route] = []
    page.route("**/gradio_api/queue/join**", lambda route: held.append(route))
    page.goto(f"{site.url}/chat/en/")
    page.fill(BOX, "Quick?")
    if by == "Enter":
        page.press(BOX, "Enter")
    else:
        page.click("#kotae-send")
    page.wait_for_timeout(300)
    assert page.input_value(BOX) == "Quick?"
    assert len(held) == 1, "only what draws the page: Gradio may lose what is asked while that ends"
    page.unroute("**/gradio_api/queue/join**")  # which lets go of those that it held
    answers(page).wait_for()
    assert page.input_value(BOX) == ""
    assert page.locator(".kotae-question").count() == 1


def test_the_path_taken_unfolds(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    title = page.locator("#kotae-chat .thought-group .title").first
    title.wait_for()
    page.wait_for_selector("#kotae-chat .title[aria-expanded='false']")
    title.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-path >> visible=true")
    assert [s.inner_text() for s in page.locator(".kotae-step-name >> visible=true").all()] == [
        "Understood", "Decided", "Searched", "Judged", "Wrote", "Verified",
    ]  # fmt: skip
    assert title.get_attribute("aria-expanded") == "true"


def test_the_marked_words_are_in_view_where_they_stand_in_a_long_list(
    page: Page, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fake_agent import FakeContext

    items = f"- {'An item that goes over several lines. ' * 4}\n" * 40
    context = FakeContext(f"Before.\n\n{items}- It ", f"\n{items}")
    monkeypatch.setitem(site.agent.library.context_of, "p1", context)
    go(page, site, "/chat/en/?thread=old")
    width = "document.querySelector('.kotae-panel-body').clientWidth"
    assert page.evaluate(width) > 300, "its lines would break anew while it slides in, and the marked words move"
    page.locator("a.kotae-cite").first.click()
    mark = page.locator("#kotae-panel li mark").first
    mark.wait_for()
    page.wait_for_timeout(500)  # the panel slides in
    box, size = mark.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert 0 < box["y"] < size["height"] * 0.6
    assert page.locator(".kotae-panel-head").bounding_box()["y"] == 0, "it stays where it is"  # type: ignore[index]


def test_a_citation_opens_its_passage_with_the_words_marked(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator("a.kotae-cite").first.click()
    mark = page.locator("#kotae-panel mark")
    mark.wait_for()
    assert mark.inner_text() == "opens at nine"
    panel = page.locator("#kotae-panel").inner_text()
    assert "Visiting › Hours" in panel
    assert "Before the passage." in panel
    assert "After the passage." in panel
    assert page.locator("#kotae-panel").get_attribute("inert") is None
    page.keyboard.press("Escape")
    page.wait_for_selector("#kotae-panel[inert]", state="attached")
    assert "kotae-cite" in str(page.evaluate("document.activeElement.className"))


def test_the_page_of_a_pdf_is_shown(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator("a.kotae-source", has_text="Floor plan").first.click()
    picture = page.locator("#kotae-panel .kotae-page img")
    picture.wait_for()
    page.wait_for_function("() => document.querySelector('#kotae-panel .kotae-page img').naturalWidth === 60")
    assert picture.get_attribute("alt") == "Page 2 of Floor plan"


def test_copy(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator(".kotae-answer .kotae-copy").first.click()
    page.wait_for_selector(".kotae-copy.kotae-is-done")
    assert page.evaluate("navigator.clipboard.readText()") == (
        "The museum opens at nine [1]. The café is on the second floor [2].\n\n"
        "[1] Handbook › Visiting › Hours\n[2] Floor plan › p. 2"
    )


def test_a_refused_answer_looks_different(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "What does it cost?")
    assert page.locator(".kotae-is-refused .kotae-label").inner_text() == "No answer that Kotae can stand by"
    assert page.locator(".kotae-is-refused .kotae-head").inner_text() == "The nearest passages"
    assert "Web search is off" in page.locator(".kotae-notice").inner_text()


def test_an_error_is_one_calm_line_and_can_be_retried(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "No model?")
    page.wait_for_selector(".kotae-is-error")
    assert "kotae models pull" in page.locator(".kotae-is-error").inner_text()
    assert page.locator(".kotae-is-error .kotae-retry").count() == 1


def test_the_language_follows_the_browser_and_can_be_switched(browser: Browser, site: Site) -> None:
    from visits import visit

    for one in visit(browser, site, locale="ja-JP"):
        go(one.page, site, "/?thread=old")
        assert "/chat/ja/?thread=old" in one.page.url
        assert one.page.get_attribute("html", "lang") == "ja"
        assert one.page.locator(BOX).get_attribute("placeholder") == "文書について質問してください"
        one.page.click("a.kotae-language")
        one.page.wait_for_url("**/chat/en/?thread=old")
        answers(one.page).first.wait_for()
        go(one.page, site, "/")
        assert "/chat/en/" in one.page.url, "the choice is remembered"


def test_dark_light_and_like_the_system(browser: Browser, site: Site) -> None:
    from visits import visit

    for one in visit(browser, site, color_scheme="dark"):
        page = one.page
        go(page, site)
        look = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(look) == "rgb(23, 25, 27)"
        page.click(".kotae-do-theme")  # light
        page.wait_for_function(f"() => {look} === 'rgb(250, 249, 245)'")
        page.reload()
        page.wait_for_selector(".kotae-welcome")
        assert page.evaluate(look) == "rgb(250, 249, 245)"
        page.click(".kotae-do-theme")  # dark
        page.wait_for_function(f"() => {look} === 'rgb(23, 25, 27)'")
        assert page.get_attribute(".kotae-do-theme", "title") == "Appearance: dark"


def test_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    size = {"width": 390, "height": 844}
    for one in visit(browser, site, viewport=size, has_touch=True, is_mobile=True):
        page = one.page
        go(page, site, "/chat/en/?thread=old")
        answers(page).first.wait_for()
        wide = "Math.max(...['html', 'body', '#kotae-main'].map(s => document.querySelector(s).scrollWidth))"
        assert page.evaluate(wide) <= 390
        box = page.locator(BOX).bounding_box()
        assert box is not None
        assert 0 <= box["y"] < box["y"] + box["height"] <= 844
        page.tap("#kotae-head .kotae-do-nav")
        page.locator("#kotae-nav .kotae-new").wait_for()
        page.keyboard.press("Escape")
        page.wait_for_selector("#kotae-nav[inert]", state="attached")
        page.locator("a.kotae-cite").first.tap()
        page.locator("#kotae-panel mark").wait_for()
        page.wait_for_timeout(300)
        frame = page.locator("#kotae-panel").bounding_box()
        assert frame is not None
        assert (frame["x"], frame["width"]) == (0, 390)
        page.tap("#kotae-panel .kotae-do-panel-close")
        page.wait_for_selector("#kotae-panel[inert]", state="attached")
        ask_and_wait(page, "Quick?", page.locator(ANSWER).count() + 1)
        assert page.evaluate(wide) <= 390


def test_a_table_scrolls_inside_the_answer_on_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    for width in (390, 1200):
        for one in visit(browser, site, viewport={"width": width, "height": 844}):
            page = one.page
            go(page, site)
            ask_and_wait(page, "Exhibitions?")
            table = page.locator(".kotae-text table")
            assert table.locator("td").nth(0).inner_text() == "Ships of the northern harbours"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            scrolls = table.evaluate("table => table.scrollWidth > table.clientWidth")
            assert scrolls is (width == 390)
            # no word is broken to make room
            assert table.locator("th").nth(0).evaluate("cell => cell.clientWidth") >= 80
            table.locator("td a.kotae-cite").click()
            page.locator("#kotae-panel mark").wait_for()


def test_a_hostile_answer_is_inert(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    ask_and_wait(page, "Hostile?")
    text = page.locator(".kotae-answer .kotae-text")
    assert "<script>" in text.inner_text()
    assert text.locator("img, script").count() == 0
    assert "pwned" not in page.title()
    assert not [url for url in seen.requests if "evil" in url]


def test_the_policy_holds_even_if_something_got_through(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    page.evaluate(
        """() => { const box = document.createElement("div");
        box.innerHTML = '<img src="https://evil.example/a.png" onerror="document.title=`pwned`">';
        document.body.append(box); }"""
    )
    page.wait_for_timeout(300)
    assert "pwned" not in page.title()
    assert any("Content Security Policy" in fault for fault in seen.faults)
    seen.faults.clear()
    seen.requests[:] = [url for url in seen.requests if "evil" not in url]  # asked for, and blocked before it left


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    answers(page).first.wait_for()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("#kotae-app :is(button, a[href], input, textarea)")]
        .filter(e => e.checkVisibility() && !e.closest("[aria-hidden=true], [inert]"))
        .filter(e => !(e.innerText.trim() || e.textContent.trim() || e.getAttribute("aria-label") || e.title
            || e.labels?.[0]?.innerText.trim()))
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    roles = page.evaluate("['nav', 'main', 'panel'].map(n => document.querySelector('#kotae-' + n).role)")
    assert roles == ["navigation", "main", "complementary"]
    labels = page.evaluate(
        "[...document.querySelectorAll('#kotae-chat :is([data-testid=user], [data-testid=bot])')].map(e => e.ariaLabel)"
    )
    assert set(labels) == {"You asked", "Kotae answered"}
