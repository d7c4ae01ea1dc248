"""Logging in, what each role meets, and the account, as a person meets them."""

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
DIALOG = "dialog.kotae-account-dialog"
PASSWORD = "a whale in the bath"
PEOPLE = (("Anna Andersson", "owner"), ("佐藤 美咲", "editor"), ("Rin", "reader"), ("<img src=x>", "reader"))
WORDS = {
    "en": {"wrong": "do not match", "go": "Log in", "out": "Log out", "people": "People", "remove": "Remove"},
    "ja": {
        "wrong": "正しくありません",
        "go": "ログイン",
        "out": "ログアウト",
        "people": "ユーザー管理",
        "remove": "削除",
    },
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    from fake_agent import FakeAgent, Play, answer
    from visits import Running

    from agent.settings import Settings
    from ui.people.accounts import Accounts

    settings = Settings(data_dir=tmp_path, models_dir=tmp_path, accounts="on")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        accounts = Accounts(settings)
        for name, role in PEOPLE:
            await accounts.add(name, role, PASSWORD)  # type: ignore[arg-type]
        accounts.store.set_role_collections("reader", frozenset({"handbook", "旅行"}))
        accounts.create_key(accounts.store.named("Anna Andersson").id, "Prometheus", ["metrics"], 365)
        accounts.create_key(accounts.store.named("Rin").id, "notebook", ["chat", "read"])
        accounts.close()
        agent = FakeAgent(settings, {"When?": Play(answer("At nine."))})
        agent.library.names = ("default", "handbook", "旅行")
        agent.put("t", "Anna's secret question", [("When?", answer("At nine."))])
        yield agent

    with Running(opened) as one:
        yield one


def visits(browser: Browser, site: Site, **given: Any) -> Iterator[Visit]:
    from visits import visit

    yield from visit(browser, site, **given)


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=f"{PICTURES}/{name}.png")


def accessible(page: Page) -> None:
    """axe finds nothing to mend in what is ours."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context={"include": [["main, dialog"]]})
    faults = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]]
    assert faults == []


def sign_in(page: Page, site: Site, name: str, language: str = "en") -> None:
    page.goto(f"{site.url}/chat/{language}/")
    page.wait_for_url("**/login?next=*")
    page.fill("#field-name", name)
    page.fill("#field-password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"**/chat/{language}/*")
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")
    page.wait_for_load_state("networkidle")
    page.wait_for_selector(".kotae-do-account[data-kotae-name]")


def account(page: Page) -> None:
    page.click(".kotae-do-account")
    page.wait_for_selector(f"{DIALOG} .kotae-account-who")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", WORDS)
def test_logging_in_and_out(browser: Browser, site: Site, language: str, look: str) -> None:
    words = WORDS[language]
    locale = {"locale": {"en": "en-GB", "ja": "ja-JP"}[language]}
    for seen in visits(browser, site, **LOOKS[look], **locale):
        page = seen.page
        page.goto(f"{site.url}/?view=library")
        assert page.locator("html").get_attribute("lang") == language
        picture(page, f"login-{language}-{look}")
        page.fill("#field-name", "Rin")
        page.fill("#field-password", "not this one")
        page.keyboard.press("Enter")
        page.get_by_role("alert").wait_for()
        assert words["wrong"] in page.get_by_role("alert").inner_text()
        accessible(page)
        picture(page, f"login-wrong-{language}-{look}")
        # Chromium tells of the status of a page in the console
        assert all("401" in fault for fault in seen.faults)
        seen.faults.clear()
        sign_in(page, site, "Rin", language)
        assert page.locator(".kotae-tab-library").is_hidden()
        assert page.locator(".kotae-tab-specialists").is_hidden()
        assert "secret question" not in page.locator("body").inner_text()
        page.goto(f"{site.url}/chat/{language}/?thread=t&view=library")
        page.wait_for_selector("#kotae-question textarea")
        assert "kotae-view-library" not in (page.locator("html").get_attribute("class") or "")
        page.wait_for_selector(".kotae-do-account[data-kotae-name]")
        picture(page, f"reader-{language}-{look}")
        account(page)
        accessible(page)
        picture(page, f"account-{language}-{look}")
        assert page.get_by_role("button", name=words["people"]).count() == 0
        page.get_by_role("button", name=words["out"], exact=True).click()
        page.wait_for_url("**/login?lang=*")
        assert not [one for one in seen.context.cookies() if one["name"] == "kotae_session"]
        page.goto(f"{site.url}/chat/{language}/")
        page.wait_for_url("**/login?next=*")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", WORDS)
def test_the_owner_tends_people(browser: Browser, site: Site, language: str, look: str) -> None:
    words = WORDS[language]
    for seen in visits(browser, site, **LOOKS[look]):
        page = seen.page
        sign_in(page, site, "anna andersson", language)
        assert page.locator(".kotae-tab-library").is_visible()
        assert "secret question" in (page.locator("#kotae-threads").text_content() or "")
        account(page)
        page.locator(f"{DIALOG} .kotae-more summary").click()
        picture(page, f"owner-account-{language}-{look}")
        page.fill(f"{DIALOG} input[name=name]", "script")
        page.click(f"{DIALOG} form .kotae-primary")
        secret = page.locator(f"{DIALOG} .kotae-secret code").inner_text()
        assert secret.startswith("kotae_")
        picture(page, f"key-{language}-{look}")
        page.get_by_role("button", name=words["people"]).click()
        page.wait_for_selector(f"{DIALOG} .kotae-people")
        picture(page, f"people-{language}-{look}")
        assert page.locator(f"{DIALOG} img").count() == 0
        rows = page.locator(f"{DIALOG} .kotae-people > li")
        assert rows.count() == len(PEOPLE)
        rin = rows.filter(has_text="Rin")
        rin.locator("summary").click()
        accessible(page)
        picture(page, f"person-{language}-{look}")
        rin.get_by_role("button", name=words["remove"], exact=True).click()
        assert rows.count() == len(PEOPLE), "it asks once more"
        rin.locator(".kotae-danger").click()
        rows.nth(len(PEOPLE) - 1).wait_for(state="detached")
        page.locator(f"{DIALOG} .kotae-more").filter(has=page.locator("input[name=name]")).locator("summary").click()
        page.fill(f"{DIALOG} input[name=name]", "Ken")
        page.click(f"{DIALOG} form[data-method=POST][data-path='/api/people'] .kotae-primary")
        assert len(page.locator(f"{DIALOG} .kotae-secret code").inner_text()) == 19
        picture(page, f"added-{language}-{look}")
        assert page.evaluate(f"document.querySelector('{DIALOG}').scrollWidth <= innerWidth")
        page.keyboard.press("Escape")
        page.wait_for_selector(DIALOG, state="detached")


def test_two_people_ask_side_by_side(browser: Browser, site: Site) -> None:
    for hers in visits(browser, site):
        for his in visits(browser, site):
            sign_in(hers.page, site, "Anna Andersson")
            sign_in(his.page, site, "Rin")
            for page in (hers.page, his.page):
                page.fill("#kotae-question textarea", "When?")
                page.press("#kotae-question textarea", "Enter")
                page.wait_for_selector(".kotae-answer:not(.kotae-is-draft)")
            assert hers.page.locator(".kotae-thread").count() == 2
            assert his.page.locator(".kotae-thread").count() == 1
            his.page.goto(f"{site.url}/chat/en/?thread=t")
            his.page.get_by_text("This conversation no longer exists").wait_for()
            assert "secret question" not in his.page.locator("body").inner_text()


def test_choosing_a_password(browser: Browser, site: Site) -> None:
    for seen in visits(browser, site, java_script_enabled=False):
        page = seen.page
        page.goto(f"{site.url}/login")
        page.fill("#field-name", "Rin")
        page.fill("#field-password", PASSWORD)
        page.click("button[type=submit]")
        page.goto(f"{site.url}/password")
        picture(page, "password-en")
        page.fill("#field-password", PASSWORD)
        page.fill("#field-new", "another whale in the bath")
        page.fill("#field-again", "another whale in the bath")
        page.click("button[type=submit]")
        page.wait_for_url("**/chat/en/")
