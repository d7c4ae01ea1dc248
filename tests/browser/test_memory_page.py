"""What Kotae keeps about its user, as a person meets it: the switch, the list, deleting, and taking back."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit

PICTURES = os.environ.get("KOTAE_PICTURES")
"""A folder for pictures of what is tested, to be looked at."""
DIALOG = "dialog.kotae-memory-dialog"
HOSTILE = "I prefer <img src=x onerror=alert()> answers"


def make_agent(folder: Path) -> Any:
    from fake_agent import FakeAgent, Play, answer, settings

    agent = FakeAgent(settings(folder), {})
    agent.about.switch(True)
    agent.put("first", "When is the canteen open?", [])
    agent.about.keep("My name is Aya.", "en", "first")
    agent.about.keep("I am on the night shift.", "en", "first")
    agent.about.keep("私は経理部です。", "ja", "gone")
    agent.about.keep(HOSTILE, "en", "first")

    def told() -> Play:
        [fact], _ = agent.about.keep("I live in Osaka.", "en", "first")
        said = answer("Osaka, noted.", route="direct", notices=(f"remembered:{fact.id}",))
        return Play(said, said.text)

    agent.plays["I live in Osaka."] = told
    return agent


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    from visits import Running

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield make_agent(tmp_path)

    with Running(opened) as one:
        yield one


def opened(page: Page, site: Site, language: str = "en") -> None:
    page.goto(f"{site.url}/chat/{language}/")
    page.wait_for_selector("#kotae-threads .kotae-threads", state="attached")
    if not page.evaluate("document.documentElement.classList.contains('kotae-nav-open')"):
        page.click("#kotae-main .kotae-do-nav")
    page.click("#kotae-memory .kotae-memory-open")
    page.wait_for_selector(f"{DIALOG} .kotae-memory-switch")


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=f"{PICTURES}/{name}.png")


def visits(browser: Browser, site: Site, **given: Any) -> Iterator[Visit]:
    from visits import visit

    yield from visit(browser, site, **given)


LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_everything_kept_is_listed_as_text(browser: Browser, site: Site, look: str, language: str) -> None:
    for seen in visits(browser, site, **LOOKS[look]):
        page = seen.page
        opened(page, site, language)
        picture(page, f"memory-{language}-{look}")
        switch = {"en": "Remember what I tell about myself", "ja": "自分について話したことを覚える"}[language]
        assert page.get_by_label(switch).is_checked()
        facts = page.locator(f"{DIALOG} .kotae-memory-fact")
        assert facts.count() == 4
        assert HOSTILE in facts.first.inner_text()
        assert page.locator(f"{DIALOG} img").count() == 0
        assert page.locator(f"{DIALOG} .kotae-memory-switch input").is_checked()
        links = page.locator(f"{DIALOG} a.kotae-open")
        assert links.count() == 3, "a conversation that is gone has no link"
        assert page.evaluate(f"document.querySelector('{DIALOG}').scrollWidth <= innerWidth")


def test_one_is_deleted_then_all_and_the_switch_is_kept(browser: Browser, site: Site) -> None:
    for seen in visits(browser, site):
        page = seen.page
        opened(page, site)
        page.get_by_role("button", name="Forget “My name is Aya”").click()
        page.locator(f"{DIALOG} .kotae-memory-fact").nth(3).wait_for(state="detached")
        assert "My name is Aya" not in [fact.text for fact in site.agent.about.facts()]
        page.locator(f"{DIALOG} .kotae-memory-switch input").uncheck()
        page.wait_for_selector(f"{DIALOG} .kotae-notice")
        assert not site.agent.about.on
        picture(page, "memory-off")
        page.click(f"{DIALOG} .kotae-memory-all")
        assert len(site.agent.about.facts()) == 3, "it asks once more"
        page.click(f"{DIALOG} .kotae-memory-all")
        page.wait_for_selector(f"{DIALOG} .kotae-none")
        picture(page, "memory-none")
        assert site.agent.about.facts() == ()
        page.keyboard.press("Escape")
        page.wait_for_selector(DIALOG, state="detached")


def test_an_answer_says_what_was_kept_and_takes_it_back(browser: Browser, site: Site) -> None:
    for seen in visits(browser, site):
        page = seen.page
        page.goto(f"{site.url}/chat/en/")
        page.fill("#kotae-question textarea", "I live in Osaka.")
        page.press("#kotae-question textarea", "Enter")
        page.wait_for_selector(".kotae-remembered .kotae-memory-undo")
        picture(page, "memory-answer")
        assert "I live in Osaka" in [fact.text for fact in site.agent.about.facts()]
        page.click(".kotae-remembered .kotae-memory-open")
        page.wait_for_selector(f"{DIALOG} .kotae-memory-fact")
        page.click(f"{DIALOG} .kotae-memory-close")
        page.click(".kotae-remembered .kotae-memory-undo")
        page.get_by_text("Forgotten again.").wait_for()
        assert "I live in Osaka" not in [fact.text for fact in site.agent.about.facts()]


def test_another_site_changes_nothing(site: Site) -> None:
    import httpx

    foreign, own = {"Origin": "https://evil.example"}, {"Origin": site.url}
    tries: list[tuple[str, dict[str, Any], dict[str, str], int]] = [
        ("", {"on": False}, foreign, 403),
        ("/forget", {"all": True}, foreign, 403),
        ("", {"on": "perhaps"}, own, 422),
        ("/forget", {"ids": "x"}, own, 422),
        ("/forget", {"ids": ["no such"]}, own, 200),
    ]
    with httpx.Client(base_url=site.url) as client:
        for path, body, headers, status in tries:
            assert client.post(f"/api/memory{path}", json=body, headers=headers).status_code == status
    assert site.agent.about.on
    assert len(site.agent.about.facts()) == 4
