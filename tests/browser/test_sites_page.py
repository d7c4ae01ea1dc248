"""The owner makes a site, sees how it will look, and its pages show the widget."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit

pytestmark = pytest.mark.browser

PICTURES = os.environ.get("KOTAE_PICTURES")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f00030101"
    "00b5a0c8dd0000000049454e44ae426082"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    from visits import Running

    from agent import Agent, Settings
    from agent.models.scripted import ScriptedChatModel
    from tests.agent.conftest import HANDBOOK
    from tools.library import E5, Library

    documents = tmp_path / "documents"
    documents.mkdir()
    for name, text in HANDBOOK.items():
        (documents / name).write_text(text, "utf-8")
    settings = Settings(data_dir=tmp_path / "data", models_dir=tmp_path, web="off")
    library = Library.open(settings.data_dir / "library", E5())
    library.index([documents], collection="public")
    library.close()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        async with Agent.open(settings, model=ScriptedChatModel(lines=[])) as agent:
            yield agent

    with Running(opened) as one:
        yield one


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(500)
        page.screenshot(path=f"{PICTURES}/sites-{name}.png")


def opened(page: Page, site: Site, language: str = "en") -> None:
    page.goto(f"{site.url}/chat/{language}/?view=sites")
    page.wait_for_selector(".kotae-site-new")


def test_a_site_is_made_changed_and_deleted(seen: Visit, site: Site) -> None:
    page = seen.page
    opened(page, site)
    page.wait_for_selector("text=No website shows the chat yet")
    page.get_by_role("button", name="New site").click()
    page.wait_for_selector(".kotae-site-stage .k-panel")
    page.get_by_label("Name", exact=True).fill("Shop")
    page.get_by_label("Addresses of the site").fill("https://*.shop.example")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector(".kotae-lib-said.kotae-is-bad")
    assert "pattern" in page.inner_text(".kotae-lib-said")
    assert page.evaluate("document.activeElement.name") == "origins"
    page.get_by_label("Addresses of the site").fill("https://shop.example/\nhttp://localhost:3000")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector(".kotae-site-code code")
    code = page.inner_text(".kotae-site-code code >> nth=0")
    assert code.startswith(f'<script src="{site.url}/widget.js" data-site="')
    page.locator(".kotae-site-copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == code
    assert page.get_by_label("Addresses of the site").input_value() == "https://shop.example\nhttp://localhost:3000"

    page.get_by_label("Heading").first.fill("Ask the shop")
    page.locator(".kotae-site-stage .k-title >> text=Ask the shop").wait_for()
    page.get_by_label("Corner").select_option("left")
    page.locator('.kotae-site-stage .k-frame[data-corner="left"]').wait_for()
    page.locator(".kotae-site-file").set_input_files({"name": "l.png", "mimeType": "image/png", "buffer": PNG})
    page.locator(".kotae-site-stage .k-logo").wait_for()
    page.locator(".kotae-site-file").set_input_files({"name": "l.svg", "mimeType": "image/svg+xml", "buffer": b"<svg>"})
    page.wait_for_selector(".kotae-lib-said.kotae-is-bad >> text=PNG")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector(".kotae-lib-said >> text=Saved.")
    page.get_by_role("button", name="All sites").click()
    page.wait_for_selector(".kotae-site-row >> text=https://shop.example")
    page.get_by_role("button", name="Shop").click()
    page.wait_for_selector(".kotae-site-stage .k-title >> text=Ask the shop")
    page.get_by_role("button", name="Delete this site").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete this site").click()
    page.wait_for_selector("text=No website shows the chat yet")
    refused = [fault for fault in seen.faults if "422" in fault]
    assert len(refused) == 2, "the address that was a pattern, and the logo that was no picture"
    seen.faults[:] = [fault for fault in seen.faults if fault not in refused]


LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_it(browser: Browser, site: Site, look: str, language: str) -> None:
    from accessible import overflow, violations
    from visits import visit

    found: list[Any] = []

    def use(one: Visit) -> None:
        page = one.page
        opened(page, site, language)
        picture(page, f"list-{look}-{language}")
        page.locator(".kotae-site-new").click()
        page.wait_for_selector(".kotae-site-stage .k-panel")
        found.extend([*violations(page, "#kotae-sites"), *overflow(page, "#kotae-sites")])
        picture(page, f"form-{look}-{language}")

    for one in visit(browser, site, **LOOKS[look]):
        use(one)
    assert found == []
