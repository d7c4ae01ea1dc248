"""The insights' page as its owner meets it: figures of a period, lists, search, and the way to the turn itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

VIEW = "#kotae-insights"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    from insight_parts import opened
    from visits import Running

    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    with Running(lambda: opened(tmp_path)) as one:
        yield one


def go(page: Page, site: Site, language: str = "en") -> None:
    page.goto(f"{site.url}/chat/{language}/?view=insights")
    page.wait_for_selector(f"{VIEW} .kotae-ins-row")


def tile(page: Page, name: str) -> str:
    return page.locator(f"{VIEW} .kotae-ins-tile", has_text=name).locator("dd").inner_text()


def in_view(page: Page, question: str) -> bool:
    page.wait_for_timeout(1000)  # what is drawn late must not push it away
    box = page.locator("#kotae-chat .kotae-question", has_text=question).bounding_box()
    return box is not None and 0 <= box["y"] < 500


def test_a_period_is_chosen_and_its_figures_follow(page: Page, site: Site) -> None:
    go(page, site)
    page.wait_for_function("() => document.title === 'Insights – Kotae'")
    assert tile(page, "Questions") == "10"
    assert tile(page, "Not answered") == "2 20 %"
    assert "10 in all, 2 of them not answered" in (page.get_by_role("img").get_attribute("aria-label") or "")
    page.get_by_role("button", name="All", exact=True).click()
    page.wait_for_selector(f"{VIEW} .kotae-ins-tile dd:text-is('11')")
    assert page.locator(".kotae-ins-period[aria-pressed=true]").inner_text() == "All"
    page.get_by_text("As a table").click()
    assert page.locator(f"{VIEW} .kotae-bars-numbers tbody tr").count() == 7


def test_lists_are_walked_with_the_keyboard_and_searched(page: Page, site: Site) -> None:
    go(page, site)
    rows = page.locator(f"{VIEW} .kotae-ins-row")
    assert rows.count() == 2
    page.focus("#kotae-ins-tab-refused")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector(f"{VIEW} .kotae-ins-reasons:has-text('Not correct')")
    assert page.evaluate("document.activeElement.id") == "kotae-ins-tab-disliked"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f"{VIEW} .kotae-ins-row:has-text('img src=x')")
    assert page.locator(f"{VIEW} img").count() == 0
    page.fill(".kotae-ins-search input", "canteen")
    page.wait_for_selector(f"{VIEW} .kotae-pager:has-text('1–2 of 2')")
    page.keyboard.press("Enter")
    page.fill(".kotae-ins-search input", "no such words")
    page.wait_for_selector("text=No question contains this.")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_question_leads_to_its_turn_in_the_chat(page: Page, site: Site, language: str) -> None:
    go(page, site, language)
    page.click(f"{VIEW} a:has-text('育児休業は何日取れますか？')")
    page.wait_for_selector("#kotae-chat .kotae-is-sought:has-text('育児休業は何日取れますか？')")
    assert in_view(page, "育児休業は何日取れますか？")
    assert "thread=t" in page.url
    assert "view=" not in page.url
    page.go_back()
    page.go_back()
    page.wait_for_selector(f"{VIEW} .kotae-ins-row")


def test_the_address_of_a_turn_opens_it(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/chat/en/?thread=t&exchange=7")
    page.wait_for_selector("#kotae-chat .kotae-is-sought:has-text('How many days of leave')")
    assert in_view(page, "How many days of leave")
    assert "exchange" not in page.url


def test_everything_can_be_taken_away_as_a_table(page: Page, site: Site) -> None:
    go(page, site)
    with page.expect_download() as download:
        page.click(".kotae-ins-export")
    assert download.value.suggested_filename.endswith(".csv")
    assert Path(download.value.path()).read_text("utf-8-sig").count("\n") >= 10


@pytest.mark.parametrize("language", ["en", "ja"])
def test_before_anything_was_asked(browser: Browser, tmp_path: Path, language: str) -> None:
    from insight_parts import opened
    from visits import Running, visit

    from ui import strings

    with Running(lambda: opened(tmp_path, [])) as site:
        for seen in visit(browser, site):
            seen.page.goto(f"{site.url}/chat/{language}/?view=insights")
            said = seen.page.locator(f"{VIEW} .kotae-ins-nothing")
            said.wait_for()
            assert said.inner_text() == strings.load(language)("insight.empty")  # type: ignore[arg-type]
            assert seen.page.locator(".kotae-ins-lists").is_hidden()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_of_another_persons_conversation_a_line_says_that_it_is_theirs(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    from accessible import violations
    from insight_parts import opened
    from visits import Running, visit

    from ui import strings

    words = strings.load(language)  # type: ignore[arg-type]
    rows = [{"question": "Whose is this?", "asker": "person:4711", "outcome": "refused"}]
    with Running(lambda: opened(tmp_path, rows)) as site:
        for seen in visit(browser, site):
            page = seen.page
            go(page, site, language)
            button = page.get_by_role("button", name="Whose is this?")
            button.click()
            dialog = page.get_by_role("dialog", name=words("insight.person"))
            assert dialog.locator("p").inner_text() == words("insight.private")
            assert violations(page, "dialog") == []
            page.keyboard.press("Escape")
            dialog.wait_for(state="detached")
            assert button.evaluate("one => one === document.activeElement")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_everybody_can_use_it_and_nothing_is_cut_off(browser: Browser, site: Site, look: str, language: str) -> None:
    from accessible import overflow, violations
    from visits import visit

    def looked_at(seen: Visit) -> None:
        page = seen.page
        go(page, site, language)
        assert overflow(page, VIEW) == []
        assert violations(page, VIEW) == []
        page.click("#kotae-ins-tab-disliked")
        page.wait_for_selector(f"{VIEW} .kotae-ins-comment")
        assert overflow(page, VIEW) == []
        assert violations(page, VIEW) == []

    for seen in visit(browser, site, **LOOKS[look]):
        looked_at(seen)
