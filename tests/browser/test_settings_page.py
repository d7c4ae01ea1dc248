"""The settings' page as its owner meets it: changing, what is refused, secrets, a download, and the checks."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from fake_agent import FakeAgent
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit

    from agent.models.catalogue import CatalogueModel

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

VIEW = "#kotae-settings"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [n for n in os.environ if n.startswith("KOTAE_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "settings.toml"
    path.write_text('brave_key = "sk-secret"\n')
    monkeypatch.setenv("KOTAE_SETTINGS", str(path))
    monkeypatch.setenv("KOTAE_WEB_PAGES", "3")
    return path


@pytest.fixture
def site(tmp_path: Path, file: Path) -> Iterator[Site]:
    from fake_agent import FakeAgent
    from visits import Running

    from agent.settings import Settings

    @asynccontextmanager
    async def opened() -> AsyncIterator[FakeAgent]:
        yield FakeAgent(Settings.load(data_dir=tmp_path / "data", models_dir=tmp_path / "models"), {})

    with Running(opened) as one:
        yield one


def go(page: Page, site: Site, language: str = "en", part: str = "model") -> None:
    page.goto(f"{site.url}/chat/{language}/?view=settings")
    page.wait_for_selector(f"{VIEW} .kotae-set-models h4", state="attached")
    page.wait_for_selector(f"{VIEW} .kotae-set-fields form", state="attached")
    page.click(f"#kotae-set-tab-{part}")


def field(page: Page, key: str) -> Any:
    return page.locator(f'{VIEW} [data-key="{key}"]')


def save(page: Page) -> None:
    page.click(f"{VIEW} .kotae-set-save:visible")


def refusals_are_expected(seen: Visit) -> None:
    """Chromium reports every answer that is no success."""
    seen.faults[:] = [fault for fault in seen.faults if "server responded with a status of 4" not in fault]


def test_a_setting_is_changed_waits_for_a_restart_and_goes_back(page: Page, site: Site, file: Path) -> None:
    go(page, site, part="answers")
    page.wait_for_function("() => document.title === 'Settings – Kotae'")
    page.get_by_label("Passages for an answer").fill("7")
    page.get_by_label("Ask back").select_option("off")
    save(page)
    page.wait_for_selector(f"{VIEW} .kotae-set-banner:has-text('Passages for an answer, Ask back')")
    assert 'passages = "7"' in file.read_text()
    assert field(page, "passages").locator(".kotae-is-waiting").count() == 1
    page.get_by_role("button", name="Use the default for “Passages for an answer”").click()
    page.wait_for_selector(f"{VIEW} .kotae-set-banner:not(:has-text('Passages'))")
    assert "passages" not in file.read_text()
    assert page.get_by_label("Passages for an answer").input_value() == "4"


def test_what_does_not_fit_is_said_beside_its_field(seen: Visit, site: Site, file: Path) -> None:
    page, before = seen.page, file.read_text()
    go(page, site, "ja", part="answers")
    page.get_by_label("回答に使うパッセージ数").fill("99")
    save(page)
    page.wait_for_selector(f'{VIEW} [data-key="passages"] .kotae-set-fault:has-text("20 以下にしてください")')
    assert page.evaluate("document.activeElement.name") == "passages"
    assert page.locator("[name=passages]").get_attribute("aria-invalid") == "true"
    assert file.read_text() == before
    page.get_by_label("回答に使うパッセージ数").fill("5")
    save(page)
    page.wait_for_selector(f'{VIEW} [data-key="passages"] .kotae-is-waiting')
    assert 'passages = "5"' in file.read_text()
    refusals_are_expected(seen)


def test_secrets_are_replaced_and_cleared_unseen(page: Page, site: Site, file: Path) -> None:
    go(page, site, part="web")
    key = field(page, "brave_key")
    assert key.locator(".kotae-is-set").inner_text() == "Set"
    assert "sk-secret" not in page.content()
    key.locator("input").fill("sk-other")
    page.get_by_label("First", exact=True).select_option("brave")
    page.get_by_label("Then").first.select_option("duckduckgo")
    save(page)
    page.wait_for_selector(f'{VIEW} [data-key="web_providers"] .kotae-is-waiting')
    assert "sk-other" in file.read_text()
    assert '"brave", "duckduckgo"' in file.read_text()
    assert key.locator("input").input_value() == ""
    field(page, "web_providers").locator(".kotae-set-reset").click()
    page.wait_for_selector(f'{VIEW} [data-key="web_providers"]:not(:has(.kotae-is-waiting))')
    page.get_by_role("button", name="Clear “Key of Brave Search”").click()
    key.locator(".kotae-is-unset").wait_for()
    assert "brave_key" not in file.read_text()


def test_what_the_environment_sets_cannot_be_changed(page: Page, site: Site) -> None:
    go(page, site, part="web")
    locked = field(page, "web_pages")
    assert locked.locator("input, select").count() == 0
    assert "KOTAE_WEB_PAGES" in locked.inner_text()
    page.click("#kotae-set-tab-serving")
    assert "kotae settings set port" in field(page, "host").inner_text().replace("host", "port")


def test_what_was_typed_elsewhere_stays(page: Page, site: Site) -> None:
    go(page, site, part="answers")
    page.fill("[name=max_drafts]", "1")
    page.click("#kotae-set-tab-web")
    page.fill("[name=web_region]", "us-en")
    save(page)
    page.wait_for_selector(f'{VIEW} [data-key="web_region"] .kotae-is-waiting')
    page.click("#kotae-set-tab-answers")
    assert page.input_value("[name=max_drafts]") == "1"


def test_a_model_is_downloaded_stopped_taken_up_and_chosen(
    page: Page, site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.errors import ModelUnavailable
    from agent.models.pull import PullProgress
    from ui import model_work

    def pull(model: CatalogueModel, folder: Path, *, progress: Any, stop: threading.Event) -> Path:
        folder.mkdir(exist_ok=True)
        partial = folder / f"{model.file}.url.partial"
        if not partial.is_file():
            with partial.open("wb") as out:
                out.truncate(model.bytes // 2)
            progress(PullProgress(model.name, "downloading", model.bytes // 2, model.bytes))
            assert stop.wait(30)
            raise ModelUnavailable("stopped")
        with (folder / model.file).open("wb") as out:
            out.truncate(model.bytes)
        partial.unlink()
        return folder / model.file

    monkeypatch.setattr(model_work, "pull", pull)
    go(page, site)
    page.get_by_role("button", name="Download Qwen2.5-Coder 0.5B Instruct, Q4_K_M", exact=True).click()
    page.wait_for_selector(f"{VIEW} .kotae-job-facts:has-text('234 MB of 469 MB')")
    page.reload()
    page.wait_for_selector(f"{VIEW} .kotae-job-facts:has-text('234 MB of 469 MB')")
    page.click(f"{VIEW} .kotae-set-stop-download")
    page.wait_for_selector(f"{VIEW} .kotae-notice:has-text('What came is kept')")
    page.get_by_role("button", name="Resume the download of Qwen2.5-Coder 0.5B Instruct, Q4_K_M").click()
    page.wait_for_selector(f"{VIEW} .kotae-is-there")
    page.click(f"{VIEW} .kotae-set-clear-download")
    page.wait_for_selector(f"{VIEW} .kotae-set-work", state="hidden")
    page.get_by_role("button", name="Use Qwen2.5-Coder 0.5B Instruct, Q4_K_M").click()
    page.wait_for_selector(f"{VIEW} .kotae-is-waiting:has-text('Chosen, after a restart')")
    assert 'model = "qwen2.5-coder-0.5b"' in file.read_text()
    page.wait_for_selector(f"{VIEW} .kotae-set-banner:has-text('Language model')")


def test_the_checks_are_made_on_request(page: Page, site: Site) -> None:
    go(page, site, part="health")
    assert page.locator(f"{VIEW} .kotae-set-check-row").count() == 0
    page.get_by_role("button", name="Check now").click()
    page.wait_for_selector(f"{VIEW} .kotae-set-check-row:has-text('is not downloaded yet')", timeout=60_000)
    assert page.get_by_role("button", name="Check again").is_enabled()


def test_memory_has_its_own_place(page: Page, site: Site) -> None:
    go(page, site)
    page.click(f"{VIEW} .kotae-memory-open")
    page.wait_for_selector("dialog.kotae-memory-dialog .kotae-memory-switch")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_everybody_can_use_it_and_nothing_is_cut_off(browser: Browser, site: Site, look: str, language: str) -> None:
    from accessible import overflow, violations
    from visits import visit

    for seen in visit(browser, site, **LOOKS[look]):
        page = seen.page
        go(page, site, language)
        for part in ("model", "answers", "web", "library", "serving", "health"):
            page.click(f"#kotae-set-tab-{part}")
            assert overflow(page, VIEW) == [], part
            assert violations(page, VIEW) == [], part
        page.click(f"{VIEW} .kotae-set-check")
        page.wait_for_selector(f"{VIEW} .kotae-set-check-row", timeout=60_000)
        assert overflow(page, VIEW) == []
        assert violations(page, VIEW) == []
