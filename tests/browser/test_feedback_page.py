"""Judging an answer in the browser, on the real agent with a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from agent import Agent, Settings
from agent.models.scripted import ScriptedChatModel

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit

LEAVE = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
ANSWER = ".kotae-answer:not(.kotae-is-draft)"
UP, DOWN, FORM = ".kotae-thumb-up", ".kotae-thumb-down", ".kotae-judging"
BOX = "#kotae-question textarea"
LEARNING = 120_000
"""Milliseconds that the router may take to learn a correction on a busy machine; alone it needs one or two seconds."""


@pytest.fixture(scope="module")
def model() -> ScriptedChatModel:
    return ScriptedChatModel(lines=[TOLD, "Hello!"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model: ScriptedChatModel) -> Iterator[Site]:
    from visits import Running

    documents = tmp_path_factory.mktemp("documents")
    (documents / "handbook.md").write_text(f"# Staff handbook\n\n## Paid leave\n\n{TOLD[:-4]}\n", "utf-8")
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), models_dir=documents, web="off")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Agent]:
        async with Agent.open(settings, model=model) as agent:
            await asyncio.to_thread(agent.library.index, [documents])
            await agent.ask(LEAVE, "t")
            await agent.ask("Hello!", "t")
            yield agent

    with Running(opened) as one:
        yield one


def go(page: Page, site: Site, path: str = "/chat/en/?thread=t") -> None:
    page.goto(site.url + path)
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)


def kept(site: Site) -> list[Any]:
    return list(asyncio.run_coroutine_threadsafe(site.agent.feedback(), site.loop).result(20))


def route(site: Site) -> str:
    return str(asyncio.run_coroutine_threadsafe(site.agent.route(LEAVE), site.loop).result(20).route)


def shown(page: Page, selector: str) -> float:
    """How much of the first thumbs can be seen, from 0 to 1, once nothing moves any more."""
    page.wait_for_timeout(300)
    return float(page.locator(selector).first.evaluate("e => getComputedStyle(e).opacity"))


def active(page: Page) -> str:
    return str(page.evaluate("document.activeElement.className"))


def test_a_thumb_up_is_thanked_for_kept_and_taken_back(page: Page, site: Site) -> None:
    go(page, site)
    page.locator(UP).first.click()
    page.wait_for_selector(f"{UP}[aria-pressed=true]")
    page.wait_for_function("() => document.querySelector('.kotae-thanks')?.textContent.includes('this computer only')")
    assert page.locator(".kotae-thanks").get_attribute("role") == "status"
    assert "kotae-thumb-up" in active(page)
    assert [(one.verdict, one.question) for one in kept(site)] == [("up", LEAVE)]
    page.reload()
    page.wait_for_selector(f"{UP}[aria-pressed=true]")
    assert page.locator(f"{UP}[aria-pressed=true]").count() == 1
    page.locator(UP).first.click()
    page.wait_for_selector(f"{UP}[aria-pressed=true]", state="detached")
    page.wait_for_function("() => document.querySelector('.kotae-thanks')?.textContent.startsWith('Taken back')")
    assert kept(site) == []


def test_a_thumb_down_with_reasons_by_keyboard_alone(page: Page, site: Site) -> None:
    go(page, site)
    usual = route(site)
    page.locator(DOWN).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(FORM)
    assert page.get_attribute(FORM, "role") == "group"
    assert page.locator(DOWN).first.get_attribute("aria-expanded") == "true"
    assert page.evaluate("document.activeElement.value") == "wrong"
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(f"{FORM} textarea").focus()
    page.keyboard.type("25 days <b>")
    page.keyboard.press("Enter")
    page.keyboard.type("since May")
    for place in ("direct", "web"):  # one place at most
        page.locator(f'.kotae-chip-place[value="{place}"]').focus()
        page.keyboard.press("Space")
    pressed = page.locator(f"{FORM} [aria-pressed=true]").evaluate_all("all => all.map(e => e.value)")
    assert pressed == ["wrong", "too_long", "web"]
    page.locator(f"{FORM} textarea").press("Control+Enter")
    page.wait_for_selector(FORM, state="detached", timeout=LEARNING)
    page.wait_for_selector(f"{DOWN}[aria-pressed=true]")
    assert "kotae-thumb-down" in active(page)
    page.wait_for_function(
        "() => document.querySelector('.kotae-thanks')?.textContent.includes('once web search is switched on')"
    )
    [one] = kept(site)
    assert one.reasons == ("wrong", "too_long", "wrong_route")
    assert (one.wanted, one.corrected) == ("web", "25 days <b>\nsince May")
    assert route(site) == "web"

    page.reload()
    page.wait_for_selector(f"{DOWN}[aria-pressed=true]")
    page.locator(DOWN).first.click()
    page.wait_for_selector(FORM)
    again = page.locator(f"{FORM} [aria-pressed=true]").evaluate_all("all => all.map(e => e.value)")
    assert again == pressed
    assert page.input_value(f"{FORM} textarea") == "25 days <b>\nsince May"
    page.click(".kotae-unsay")
    page.wait_for_selector(f"{DOWN}[aria-pressed=true]", state="detached", timeout=LEARNING)
    assert kept(site) == []
    assert route(site) == usual


@pytest.mark.parametrize("way", ["Escape", "cancel", "again"])
def test_the_panel_closes_without_a_trace_and_gives_the_focus_back(page: Page, site: Site, way: str) -> None:
    go(page, site)
    page.locator("a.kotae-cite").first.click()
    page.wait_for_selector("#kotae-panel article")
    page.locator(DOWN).first.click()
    page.locator(f"{FORM} .kotae-chip").first.click()
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.click(f"{FORM} .kotae-cancel" if way == "cancel" else DOWN)
    page.wait_for_selector(FORM, state="detached")
    assert "kotae-thumb-down" in active(page)
    assert page.locator(DOWN).first.get_attribute("aria-expanded") is None
    assert page.locator("#kotae-panel").get_attribute("inert") is None, "the sources stay open"
    assert kept(site) == []


def test_one_panel_at_a_time(page: Page, site: Site) -> None:
    go(page, site)
    page.locator(DOWN).first.click()
    page.wait_for_selector(FORM)
    page.locator(DOWN).last.click()
    page.wait_for_function(
        "s => [...document.querySelectorAll(s)].map(a => a.querySelectorAll('.kotae-judging').length).join() === '0,1'",
        arg=ANSWER,
    )
    assert page.locator('.kotae-chip[value="wrong_source"]').count() == 0, "small talk has no source"


def test_what_fails_is_said_and_what_was_written_stays(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    page.locator(DOWN).first.click()
    page.fill(f"{FORM} textarea", "25 days")
    page.route("**/feedback*", lambda one: one.fulfill(status=500, json={"error": "The disk is full."}))
    page.click(".kotae-say")
    page.wait_for_function("() => document.querySelector('.kotae-judging-fault').textContent === 'The disk is full.'")
    assert page.input_value(f"{FORM} textarea") == "25 days"
    seen.faults.clear()  # the browser's own word on the 500
    page.unroute("**/feedback*")
    page.click(".kotae-say")
    page.wait_for_selector(f"{DOWN}[aria-pressed=true]")
    assert [one.corrected for one in kept(site)] == ["25 days"]
    page.locator(UP).first.click()  # the other thumb takes its place
    page.wait_for_selector(f"{UP}[aria-pressed=true]")
    assert [(one.verdict, one.corrected) for one in kept(site)] == [("up", "")]
    page.locator(UP).first.click()
    page.wait_for_selector(f"{UP}[aria-pressed=true]", state="detached")


def test_it_stays_when_the_conversation_goes_on_and_goes_when_it_is_asked_again(
    page: Page, site: Site, model: ScriptedChatModel
) -> None:
    go(page, site)
    page.locator(UP).last.click()
    page.wait_for_selector(f"{UP}[aria-pressed=true]")
    count = page.locator(ANSWER).count()
    model.extend(["You are welcome."])
    page.fill(BOX, "Thank you!")
    page.press(BOX, "Enter")
    page.wait_for_function("([s, n]) => document.querySelectorAll(s).length === n", arg=[ANSWER, count + 1])
    page.wait_for_selector("#kotae-send", state="visible")
    assert page.locator(f"{UP}[aria-pressed=true]").count() == 1
    page.locator(UP).last.click()
    page.wait_for_function("s => document.querySelectorAll(s).length === 2", arg=f"{UP}[aria-pressed=true]")
    model.extend(["Gladly."])
    page.click(".kotae-retry")
    page.wait_for_function("() => document.body.innerText.includes('Gladly.')")
    page.wait_for_selector("#kotae-send", state="visible")
    assert page.locator(f"{UP}[aria-pressed=true]").count() == 1
    assert [one.question for one in kept(site)] == ["Hello!"]
    page.locator(f"{UP}[aria-pressed=true]").click()
    page.wait_for_selector(f"{UP}[aria-pressed=true]", state="detached")


def test_the_thumbs_are_quiet_until_they_are_near(page: Page, site: Site) -> None:
    go(page, site)
    page.mouse.move(0, 0)
    assert shown(page, ".kotae-thumbs") == 0
    page.locator(".kotae-answer .kotae-text").first.hover()
    assert shown(page, ".kotae-thumbs") == 1
    page.mouse.move(0, 0)
    assert shown(page, ".kotae-thumbs") == 0
    page.locator(UP).first.focus()
    assert shown(page, ".kotae-thumbs") == 1


def test_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    size = {"width": 390, "height": 844}
    for one in visit(browser, site, viewport=size, has_touch=True, is_mobile=True, locale="ja-JP"):
        page = one.page
        go(page, site, "/chat/ja/?thread=t")
        assert shown(page, ".kotae-thumbs") == 1
        box = page.locator(DOWN).first.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 38
        page.locator(DOWN).first.tap()
        page.wait_for_selector(FORM)
        wide = "Math.max(...['html', 'body', '#kotae-main'].map(s => document.querySelector(s).scrollWidth))"
        assert page.evaluate(wide) <= 390
        page.locator('.kotae-chip[value="too_long"]').tap()
        page.locator(".kotae-say").tap()
        page.wait_for_selector(f"{DOWN}[aria-pressed=true]")
        page.wait_for_function("() => document.querySelector('.kotae-thanks')?.textContent.startsWith('ありがとう')")
        assert [said.reasons for said in kept(site)] == [("too_long",)]
        page.locator(DOWN).first.tap()
        page.locator(".kotae-unsay").tap()
        page.wait_for_selector(f"{DOWN}[aria-pressed=true]", state="detached")
