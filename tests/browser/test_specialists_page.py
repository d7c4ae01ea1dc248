"""The specialists' page as its owner meets it, on the real routes and a real registry; training and model are laid
down."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from specialist_parts_of_page import Trainer
    from visits import Site, Visit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

SPOILT = b'{"text": 1}\n{broken\n{"text":"Mail jane.doe@acme-corp.de about the door","intent":"open"}\n'


@pytest.fixture
def trainer() -> Trainer:
    from specialist_parts_of_page import Trainer

    return Trainer()


@pytest.fixture
def site(tmp_path: Path, trainer: Trainer) -> Iterator[Site]:
    from fake_agent import FakeAgent
    from library_parts import open_library, write
    from specialist_parts_of_page import rows, settings, study
    from visits import Running

    home = settings(tmp_path)
    write(tmp_path / "papers", hours="The museum opens at nine.")

    @asynccontextmanager
    async def opened() -> AsyncIterator[FakeAgent]:
        agent = FakeAgent(home, {})
        library = open_library(tmp_path / "data")
        library.index([str(tmp_path / "papers")])
        agent.library = library  # type: ignore[assignment]
        agent.study = study(home, trainer)
        agent.rows = rows(30).decode().splitlines(keepends=True)
        yield agent
        library.close()

    with Running(opened) as one:
        yield one
        trainer.step.set()


def go(page: Page, site: Site, path: str = "/chat/en/?view=specialists") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")
    page.wait_for_selector(".kotae-spec-list > *, .kotae-spec-page", state="attached")


def data(name: str = "door data.jsonl", more: bytes = b"") -> dict[str, Any]:
    from specialist_parts_of_page import rows

    return {"name": name, "mimeType": "application/octet-stream", "buffer": rows() + more}


def fill_in(page: Page, name: str = "doors", more: bytes = b"") -> None:
    page.click(".kotae-spec-new")
    page.fill(".kotae-spec-fields [name=name]", name)
    page.fill(".kotae-spec-fields [name=description]", "What to do with a door")
    page.set_input_files(".kotae-spec-files", data(more=more))
    page.wait_for_selector(".kotae-spec-chip:not(:has-text('sending')):not(:has-text('送信中'))")


def train(page: Page) -> None:
    page.click(".kotae-spec-fields [type=submit]")


def made(page: Page, site: Site, path: str = "/chat/en/?view=specialists") -> None:
    """A page with one specialist that is proven."""
    go(page, site, path)
    fill_in(page)
    train(page)
    page.wait_for_selector(".kotae-job.kotae-is-done")
    page.click(".kotae-spec-clear")
    page.wait_for_selector(".kotae-spec-state.kotae-is-proven")


def refusals_are_expected(seen: Visit) -> None:
    """Chromium reports every answer that is no success."""
    seen.faults[:] = [fault for fault in seen.faults if "server responded with a status of 4" not in fault]


def overflow(page: Page) -> list[str]:
    """What of the page is wider than its place."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("#kotae-specialists, #kotae-specialists *, .kotae-bar")]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.getClientRects().length
                && !e.closest(".kotae-sr"))
            .map(e => e.className || e.tagName)"""
    )
    return found


def test_from_examples_to_a_specialist_in_use(page: Page, site: Site) -> None:
    go(page, site)
    page.wait_for_selector("text=There is no specialist yet")
    page.wait_for_function("() => document.title === 'Specialists – Kotae'")
    fill_in(page, more=SPOILT)
    page.click(".kotae-spec-check")
    report = page.locator(".kotae-spec-report")
    report.wait_for()
    told = report.inner_text()
    assert "91 examples were read: 61 to learn from, 10 to stop by, 20 held out" in told
    assert "one of 3 answers (close, open, paint)" in told
    assert "door data.jsonl, line 92: This is not JSON" in told
    assert "j•••.•••@" in told
    assert report.locator(".kotae-spec-examples > li").count() == 6
    page.check(".kotae-spec-report [name=personal]")
    train(page)
    page.wait_for_selector("svg.kotae-curve")
    page.wait_for_selector(".kotae-job:has-text('Version 1 passed its examination')")
    page.wait_for_selector(".kotae-spec-row:has-text('Proven, not in use')")
    page.click(".kotae-spec-next button")
    page.wait_for_selector(".kotae-spec-page")
    assert "specialist=doors" in page.url
    assert page.locator(".kotae-spec-scores tbody tr").count() == 4
    page.fill(".kotae-spec-ask textarea", "Please paint the door")
    page.press(".kotae-spec-ask textarea", "Enter")
    sides = page.locator(".kotae-spec-side .kotae-spec-text")
    sides.first.wait_for()
    assert sides.all_inner_texts() == ["open", "paint"]
    page.click(".kotae-spec-one .kotae-spec-promote")
    page.wait_for_selector(".kotae-spec-one .kotae-is-in_use")
    assert page.locator(".kotae-spec-side").count() == 2, "what was compared stays"
    assert site.agent.study.registry.get("doors").promoted == 1
    page.click(".kotae-spec-one .kotae-spec-rollback")
    page.click("dialog button[type=submit]")
    page.wait_for_selector(".kotae-spec-one .kotae-is-proven")
    assert site.agent.study.registry.get("doors").promoted is None
    page.go_back()
    page.wait_for_selector(".kotae-spec-list .kotae-spec-row")


def test_a_training_is_seen_by_every_page_and_survives_a_reload(
    page: Page, site: Site, seen: Visit, trainer: Trainer
) -> None:
    refusals_are_expected(seen)
    trainer.halfway = trainer.step.clear  # type: ignore[method-assign]
    go(page, site)
    fill_in(page)
    train(page)
    page.wait_for_selector(".kotae-job-facts:has-text('20 of 40')")
    page.reload()
    page.wait_for_selector(".kotae-job-facts:has-text('20 of 40 · loss 0.8')")
    curve = page.locator("svg.kotae-curve")
    curve.wait_for()
    assert "Loss by step" in (curve.get_attribute("aria-label") or "")
    page.wait_for_selector(".kotae-spec-row:has-text('Training · 50 %')")
    page.click(".kotae-curve-numbers summary")
    assert page.locator(".kotae-curve-numbers tbody tr").count() == 2
    fill_in(page, "gates")
    assert page.locator(".kotae-spec-fields [type=submit]").is_disabled()
    page.click(".kotae-spec-cancel")
    page.click(".kotae-spec-stop")
    page.wait_for_selector(".kotae-job.kotae-is-stopped:has-text('What was learned is kept')")
    trainer.step.set()
    page.click(".kotae-spec-resume")
    page.wait_for_selector(".kotae-job.kotae-is-done")
    assert trainer.before == [1, 21]
    assert page.locator(".kotae-curve-numbers").count() == 1


def test_the_version_in_use_is_continued(page: Page, site: Site, trainer: Trainer) -> None:
    made(page, site)
    page.click(".kotae-spec-row .kotae-spec-promote")
    page.wait_for_selector(".kotae-spec-state.kotae-is-in_use")
    fill_in(page)
    page.click(".kotae-spec-more summary")
    page.fill(".kotae-spec-fields [name=epochs]", "2")
    page.check(".kotae-spec-fields [name=continues]")
    train(page)
    page.wait_for_selector(".kotae-job:has-text('Version 2 passed its examination')")
    assert [one and one.parent.name for one in trainer.initial] == [None, "1"]
    page.click(".kotae-spec-next button")
    card = page.locator("details", has_text="About this version").last
    card.locator("summary").click()
    assert "Continued from\nversion 1" in card.inner_text()


def test_what_is_wrong_is_said_and_nothing_is_lost(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    fill_in(page, "Türen")
    train(page)
    page.wait_for_selector(".kotae-lib-said.kotae-is-bad:has-text('small letters, digits and hyphens')")
    assert page.input_value(".kotae-spec-fields [name=description]") == "What to do with a door"
    assert page.locator(".kotae-spec-chip").count() == 1
    page.fill(".kotae-spec-fields [name=name]", "doors")
    page.click(".kotae-spec-chip-gone")
    page.set_input_files(".kotae-spec-files", {"name": "empty.csv", "mimeType": "text/csv", "buffer": b""})
    page.wait_for_selector(".kotae-spec-chip.kotae-is-bad:has-text('The file is empty')")
    page.click(".kotae-spec-check")
    page.wait_for_selector(".kotae-spec-checked .kotae-notice:has-text('There is nothing to learn from')")
    refusals_are_expected(seen)


def test_a_dropped_file_opens_the_form(page: Page, site: Site) -> None:
    go(page, site)
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "<b>doors</b>.jsonl"));
            const zone = document.querySelector(".kotae-spec");
            for (const kind of ["dragenter", "dragover", "drop"])
                zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(data()["buffer"]),
    )
    page.wait_for_selector(".kotae-spec-form:visible .kotae-spec-chip:has-text('<b>doors</b>.jsonl')")


def test_export_import_and_removal(page: Page, site: Site, tmp_path: Path, seen: Visit) -> None:
    made(page, site)
    page.click(".kotae-spec-row .kotae-plain.kotae-spec-open")
    page.wait_for_selector(".kotae-spec-page")
    page.click(".kotae-spec-export")
    page.check("dialog input")
    with page.expect_download() as download:
        page.click("dialog button[type=submit]")
    assert download.value.suggested_filename == "doors-1.zip"
    download.value.save_as(tmp_path / "doors-1.zip")
    page.click(".kotae-spec-home-link")
    page.wait_for_selector(".kotae-spec-home:visible")
    page.set_input_files(".kotae-spec-archive", tmp_path / "doors-1.zip")
    page.wait_for_selector(".kotae-lib-said:has-text('Took in doors, version 2')")
    page.set_input_files(".kotae-spec-archive", {"name": "x.zip", "mimeType": "x/y", "buffer": b"no archive"})
    page.wait_for_selector(".kotae-lib-said.kotae-is-bad:has-text('no export of a specialist')")
    page.click(".kotae-spec-row .kotae-plain.kotae-spec-open")
    page.wait_for_selector(".kotae-spec-page")
    assert page.locator(".kotae-spec-one .kotae-spec-promote").is_disabled(), "it was not examined here"
    page.select_option(".kotae-spec-versions", "1")
    page.wait_for_selector(".kotae-spec-page .kotae-is-proven")
    page.select_option(".kotae-spec-versions", "2")
    page.wait_for_selector(".kotae-spec-page .kotae-is-unexamined")
    page.click(".kotae-spec-remove")
    page.click("dialog button[type=submit]")
    page.wait_for_selector("text=There is no specialist yet")
    assert site.agent.study.all() == ()
    refusals_are_expected(seen)


def test_examples_are_made_from_a_collection(page: Page, site: Site) -> None:
    go(page, site)
    page.click(".kotae-spec-new")
    page.click(".kotae-spec-make")
    page.wait_for_selector(".kotae-job:has-text('30 examples were made')")
    page.click(".kotae-spec-next button")
    page.wait_for_selector(".kotae-spec-chip:has-text('default.jsonl')")
    assert page.input_value(".kotae-spec-fields [name=use]") == "grounded"
    page.click(".kotae-spec-check")
    page.wait_for_selector(".kotae-spec-report:has-text('30 examples were read')")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ja", "dark")])
@pytest.mark.parametrize("width", [390, 768, 1440])
def test_it_fits_in_both_languages_and_on_a_phone(
    browser: Browser, site: Site, language: str, scheme: str, width: int
) -> None:
    from visits import visit

    for seen in visit(browser, site, viewport={"width": width, "height": 844}, color_scheme=scheme):
        page = seen.page
        made(page, site, f"/chat/{language}/?view=specialists")
        assert overflow(page) == []
        page.click(".kotae-spec-new")
        page.click(".kotae-spec-more summary")
        assert overflow(page) == []
        page.click(".kotae-spec-cancel")
        page.locator(".kotae-spec-row .kotae-plain.kotae-spec-open").click()
        page.wait_for_selector(".kotae-spec-page")
        assert overflow(page) == []
        text = page.locator("#kotae-specialists").inner_text()
        if language == "ja":
            assert "合格" in text
            words = set(re.findall(r"[A-Za-z]{3,}", text))
            assert words <= {"doors", "door", "What", "with", "tiny", "LoRA"}, words


def test_it_works_with_the_keyboard_and_names_everything(page: Page, site: Site) -> None:
    made(page, site)
    page.focus(".kotae-tab-specialists")
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(14):
        reached.add(page.evaluate("document.activeElement.className"))
        page.keyboard.press("Tab")
    assert any("kotae-spec-new" in name for name in reached)
    assert any("kotae-spec-promote" in name for name in reached)
    page.focus(".kotae-spec-name button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-spec-page")
    assert page.evaluate("document.activeElement.textContent") == "doors"
    page.focus(".kotae-spec-home-link")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-spec-home:visible")
    page.wait_for_function("() => document.activeElement.classList.contains('kotae-spec-open')")
    for opener in (None, ".kotae-spec-new"):
        if opener:
            page.click(opener)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("#kotae-specialists :is(button, input, select, textarea, svg)")]
                .filter(e => e.getClientRects().length && !(e.textContent.trim() || e.getAttribute("aria-label")
                    || e.labels?.length && [...e.labels].some(l => l.textContent.trim())))
                .map(e => e.outerHTML)"""
        )
        assert nameless == []
