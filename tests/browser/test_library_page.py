"""What the owner of a library does on its page: adding, searching, reading again, moving, removing, watching."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shown_library import HOURS, add, file, filled, go, part, refusals_are_expected, settled, shown

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from library_parts import WordEmbedder
    from playwright.sync_api import Page
    from visits import Site, Visit


@pytest.fixture
def site(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Site]:
    with shown(tmp_path, embedder) as one:
        yield one


def test_dropped_files_show_their_progress_and_why_one_failed(
    page: Page, site: Site, embedder: WordEmbedder, tmp_path: Path
) -> None:
    from library_parts import BROKEN

    go(page, site)
    page.wait_for_selector("#kotae-lib-documents >> text=The library is empty")
    embedder.hold.clear()
    # what a drop from the desktop does, as far as a script can do it
    page.evaluate(
        """files => {
            const data = new DataTransfer();
            for (const [name, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name));
            const zone = document.querySelector(".kotae-drop");
            for (const kind of ["dragenter", "dragover", "drop"])
                zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        [["hours.md", list(HOURS)], ["kaputt.pdf", list(BROKEN)]],
    )
    page.wait_for_selector(".kotae-lib-item.kotae-is-reading, .kotae-lib-item.kotae-is-embedding")
    page.wait_for_selector(".kotae-lib-item.kotae-is-waiting:has-text('kaputt.pdf')")
    page.reload()
    page.wait_for_selector(".kotae-lib-item.kotae-is-waiting:has-text('kaputt.pdf')")
    assert page.locator(".kotae-job-facts").inner_text().startswith("Working")
    embedder.hold.set()
    settled(page)
    page.wait_for_selector(".kotae-lib-item:has-text('hours.md') >> text=/Done · \\d+ passages?/")
    failed = page.locator(".kotae-lib-item.kotae-is-failed").inner_text()
    assert "kaputt.pdf" in failed
    assert "The PDF is damaged and cannot be opened" in failed
    page.wait_for_selector(".kotae-lib-table >> text=Opening hours")
    rows = part(page, "failures").locator(".kotae-lib-row")
    rows.first.wait_for()
    assert "kaputt.pdf" in rows.first.inner_text()
    page.click(".kotae-lib-retry")
    settled(page, 2)
    page.wait_for_selector("#kotae-lib-failures >> text=tried 2 times")
    page.click(".kotae-lib-dismiss")
    page.wait_for_selector("text=Everything that was added could be read.")
    assert len(list((tmp_path / "data" / "uploads").iterdir())) == 1
    page.locator(".kotae-job-clear").first.click()
    settled(page, 1)


def test_the_page_stays_usable_and_work_can_be_stopped(
    page: Page, site: Site, embedder: WordEmbedder, tmp_path: Path
) -> None:
    filled(page, site)
    embedder.hold.clear()
    add(page, file("more.md", b"# More\n\nFurther text."), file("last.md", b"# Last\n\nThe last one."))
    page.wait_for_selector(".kotae-lib-item:has-text('last.md')")
    page.fill("#kotae-lib-documents [name=text]", "opening")
    page.wait_for_function("() => document.querySelectorAll('.kotae-lib-table tbody tr').length === 1")
    page.click(".kotae-job-stop")
    page.wait_for_selector(".kotae-job-facts:has-text('Stopping')")
    embedder.hold.set()
    settled(page, 2)
    assert page.locator(".kotae-job").first.locator(".kotae-is-stopped").count() == 2
    assert len(site.agent.library.documents()) == 2
    assert len(list((tmp_path / "data" / "uploads").iterdir())) == 2


def test_search_shows_what_retrieval_sees(page: Page, site: Site) -> None:
    filled(page, site)
    part(page, "search")
    page.fill("#kotae-lib-search [name=query]", "When does the museum open?")
    page.keyboard.press("Enter")
    hit = page.locator(".kotae-hit").first
    hit.wait_for()
    assert page.locator(".kotae-lib-took").inner_text().endswith(" ms")
    assert "Opening hours" in hit.locator(".kotae-title").inner_text()
    assert hit.locator("mark").first.inner_text() == "museum"
    assert hit.locator("dt").all_inner_texts() == ["Meaning", "Words"]
    assert [m.get_attribute("value") for m in hit.locator("meter").all()] == ["1.000", "1.000"]
    assert "Markdown · English · default" in hit.inner_text()
    hit.locator(".kotae-doc-open").click()
    page.wait_for_selector("#kotae-panel .kotae-passage.kotae-is-current mark")
    page.keyboard.press("Escape")
    page.wait_for_selector("#kotae-panel[inert]", state="attached")
    assert page.evaluate("document.activeElement.className") == "kotae-doc-open"
    page.select_option("#kotae-lib-search [name=type]", "markdown")
    page.fill("#kotae-lib-search [name=query]", "有給休暇の日数")
    page.fill("#kotae-lib-search [name=k]", "1")
    page.click("#kotae-lib-search .kotae-primary")
    page.wait_for_selector(".kotae-hit mark:has-text('有給休暇')")
    assert page.locator(".kotae-hit").count() == 1
    assert "Japanese" in page.locator(".kotae-hit .kotae-where").first.inner_text()


def test_open_read_again_move_and_remove(page: Page, site: Site, tmp_path: Path) -> None:
    filled(page, site)
    row = page.locator(".kotae-lib-table tbody tr", has_text="Opening hours")
    row.locator(".kotae-doc-open").click()
    document = page.locator("#kotae-panel article")
    document.wait_for()
    assert "The museum opens at ten." in document.inner_text()
    assert page.locator(".kotae-panel-head h2").inner_text() == "Document"
    with page.context.expect_page() as opened:
        document.locator("a.kotae-go").click()
    assert opened.value.url.endswith("/document")
    opened.value.close()
    row.locator(".kotae-lib-reread").click()
    settled(page, 2)
    part(page, "collections")
    page.fill(".kotae-lib-new [name=name]", "Visitors")
    page.keyboard.press("Enter")
    page.wait_for_selector("#kotae-lib-collections >> text=Visitors")
    part(page, "documents")
    row.locator(".kotae-lib-move").click()
    page.select_option("dialog select", "Visitors")
    page.click("dialog .kotae-primary")
    page.select_option("#kotae-lib-documents [name=collection]", "Visitors")
    page.wait_for_function("() => document.querySelectorAll('.kotae-lib-table tbody tr').length === 1")
    row.locator(".kotae-lib-remove").click()
    dialog = page.locator("dialog")
    assert "Opening hours" in dialog.inner_text()
    dialog.locator(".kotae-plain").click()
    assert row.count() == 1
    row.locator(".kotae-lib-remove").click()
    page.click("dialog .kotae-danger")
    page.wait_for_selector("text=No document matches this filter.")
    assert [d.title for d in site.agent.library.documents()] == ["有給休暇"]
    assert len(list((tmp_path / "data" / "uploads").iterdir())) == 1


def test_the_page_of_a_pdf_is_shown_in_the_panel(page: Page, site: Site) -> None:
    from test_real_agent import NOTICE, pdf

    go(page, site)
    add(page, file("notice.pdf", pdf(NOTICE)))
    settled(page)
    page.locator(".kotae-doc-open", has_text="notice").click()
    page.click("#kotae-panel summary")
    page.wait_for_function("() => document.querySelector('#kotae-panel .kotae-page img')?.naturalWidth > 200")


def test_collections_are_renamed_and_deleted_with_a_word_of_warning(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    box = part(page, "collections")
    page.fill(".kotae-lib-new [name=name]", "Contracts")
    page.keyboard.press("Enter")
    box.locator(".kotae-lib-row", has_text="Contracts").wait_for()
    page.fill(".kotae-lib-new [name=name]", "Contracts")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-lib-said.kotae-is-bad:has-text('This name is taken')")
    page.wait_for_function("() => [...document.querySelector('.kotae-lib-target').options].length === 2")
    page.select_option(".kotae-lib-target", "Contracts")
    add(page, file("hours.md", HOURS))
    settled(page)
    row = box.locator(".kotae-lib-row", has_text="Contracts")
    box.locator("text=1 document").wait_for()
    row.locator(".kotae-lib-rename").click()
    page.fill("dialog input", "Agreements <b>")
    page.keyboard.press("Enter")
    row = box.locator(".kotae-lib-row", has_text="Agreements <b>")
    row.wait_for()
    row.locator(".kotae-lib-delete").click()
    said = page.locator("dialog").inner_text()
    assert "Delete the collection “Agreements <b>”?" in said
    assert "1 document in it leaves the library" in said
    page.click("dialog .kotae-danger")
    row.wait_for(state="detached")
    assert site.agent.library.documents() == []
    refusals_are_expected(seen)


def test_a_folder_is_added_watched_and_given_up(page: Page, site: Site, seen: Visit, tmp_path: Path) -> None:
    from library_parts import write

    write(tmp_path / "papers", one="Text of one.", two="Text of two.")
    go(page, site)
    page.click(".kotae-lib-source")
    page.fill(".kotae-lib-source-form [name=path]", str(tmp_path / "nowhere"))
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-lib-said:has-text('There is no such file or folder')")
    assert not page.is_visible(".kotae-lib-hours")
    page.fill(".kotae-lib-source-form [name=path]", "https://example.org/")
    assert page.is_visible(".kotae-lib-hours")
    page.fill(".kotae-lib-source-form [name=path]", str(tmp_path / "papers"))
    page.keyboard.press("Enter")
    settled(page)
    box = part(page, "sources")
    switch = box.locator(".kotae-lib-switch[aria-checked=true]")
    switch.wait_for()
    assert site.agent.library.watched() != []
    switch.click()
    box.locator(".kotae-lib-switch[aria-checked=false]").wait_for()
    assert site.agent.library.watched() == []
    box.locator(".kotae-lib-drop-source").click()
    page.click("dialog .kotae-danger")
    box.locator("text=Nothing was added yet.").wait_for()
    assert site.agent.library.documents() == []
    refusals_are_expected(seen)


def test_a_file_that_is_too_large_is_refused_by_the_page(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    page.evaluate(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(65 * 2 ** 20)], "huge.pdf"));
            const zone = document.querySelector(".kotae-drop");
            zone.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    page.wait_for_selector(".kotae-job.kotae-is-failed:has-text('The file is larger than 64 MB.')")
    assert not [url for url in seen.requests if "/uploads" in url]
