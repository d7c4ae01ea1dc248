"""The library's page as its owner meets it, on the real agent and a real library; only the embedder is cheap."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent import Settings

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from library_parts import WordEmbedder
    from playwright.sync_api import Browser, Locator, Page
    from visits import Site, Visit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

HOURS = b"# Opening hours\n\n## Summer\n\nThe museum opens at nine.\n\n## Winter\n\nThe museum opens at ten.\n"
LEAVE = "# 有給休暇\n\n有給休暇は年に二十日あります。届けは上司に出してください。\n".encode()


def file(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


@pytest.fixture
def embedder() -> WordEmbedder:
    from library_parts import WordEmbedder

    return WordEmbedder()


@pytest.fixture
def site(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Site]:
    from fake_agent import FakeAgent, Play, answer
    from library_parts import open_library
    from visits import Running

    settings = Settings(data_dir=tmp_path / "data", models_dir=tmp_path, web="off")

    @asynccontextmanager
    async def opened() -> AsyncIterator[FakeAgent]:
        slow = answer("At nine.", route="direct")
        agent = FakeAgent(settings, {"Slow?": Play(slow, "word " * 40, 0.1)})
        library = open_library(tmp_path / "data", embedder)
        agent.library = library  # type: ignore[assignment]
        agent.put("old", "An old conversation", [("Slow?", slow)])
        yield agent
        library.close()

    with Running(opened) as one:
        yield one
        embedder.hold.set()


def go(page: Page, site: Site, path: str = "/chat/en/?view=library") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")
    page.wait_for_selector(".kotae-lib-summary:not(:empty)")


def add(page: Page, *files: dict[str, Any]) -> None:
    page.set_input_files(".kotae-lib-files", list(files))


def settled(page: Page, jobs: int = 1) -> None:
    page.wait_for_function(
        "n => document.querySelectorAll('.kotae-job-clear').length === n && !document.querySelector('.kotae-job-stop')",
        arg=jobs,
    )


def refusals_are_expected(seen: Visit) -> None:
    """Chromium reports every answer that is no success."""
    seen.faults[:] = [fault for fault in seen.faults if "server responded with a status of 4" not in fault]


def part(page: Page, name: str) -> Locator:
    page.click(f"#kotae-lib-tab-{name}")
    return page.locator(f"#kotae-lib-{name}")


def filled(page: Page, site: Site) -> None:
    go(page, site)
    add(page, file("hours.md", HOURS), file("休暇.md", LEAVE))
    settled(page)
    page.wait_for_function("() => document.querySelectorAll('.kotae-lib-table tbody tr').length === 2")


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


def test_ten_thousand_documents_are_paged_and_sorted(
    page: Page, site: Site, seen: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    filled(page, site)
    one = site.agent.library.documents()[0]
    many = [replace(one, id=f"d{n}", title=f"Paper {n:05}", bytes=n) for n in range(10_000)]
    monkeypatch.setattr(site.agent.library, "documents", lambda scope=None: many)
    page.reload()
    page.wait_for_selector("text=1–50 of 10,000")
    # Gradio's own stream tells that the reload cut it off
    seen.faults[:] = [fault for fault in seen.faults if "AbortError" not in fault and "Connection errored" not in fault]
    page.click(".kotae-page-next")
    page.wait_for_selector("text=51–100 of 10,000")
    page.click(".kotae-sort[value=bytes]")
    page.wait_for_selector("text=1–50 of 10,000")
    page.click(".kotae-sort[value=bytes]")
    page.wait_for_selector("th[aria-sort=descending] .kotae-sort[value=bytes]")
    page.wait_for_function("() => document.querySelector('.kotae-title').textContent === 'Paper 09999'")
    page.fill("#kotae-lib-documents [name=text]", "paper 00042")
    page.wait_for_selector("text=1–1 of 1")


def test_the_chat_goes_on_while_the_library_is_looked_at(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old&view=library")
    page.click(".kotae-tab-chat")
    page.wait_for_selector("#kotae-question", state="visible")
    page.fill("#kotae-question textarea", "Slow?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-is-draft")
    page.click(".kotae-tab-library")
    page.wait_for_selector(".kotae-lib-title", state="visible")
    assert "view=library" in page.url
    page.wait_for_function("() => document.title === 'Library – Kotae'")
    assert not page.is_visible("#kotae-question")
    page.go_back()
    page.wait_for_selector("#kotae-question", state="visible")
    page.wait_for_function(
        "() => document.querySelectorAll('.kotae-answer:not(.kotae-is-draft)').length === 2", timeout=30_000
    )
    assert site.agent.stopped == []
    page.click(".kotae-tab-library")
    page.locator("a.kotae-open", has_text="An old conversation").click()
    page.wait_for_selector("#kotae-question", state="visible")
    assert "view=library" not in page.url


def test_what_was_added_is_counted_beside_the_chat(page: Page, site: Site) -> None:
    filled(page, site)
    page.wait_for_selector("#kotae-state:has-text('2 documents in the library')")


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


def test_japanese(browser: Browser, site: Site) -> None:
    from library_parts import BROKEN
    from visits import visit

    for one in visit(browser, site, locale="ja-JP", color_scheme="dark"):
        page = one.page
        go(page, site, "/chat/ja/?view=library")
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.kotae-lib-title')).color") == "rgb(233, 231, 225)"
        )
        assert page.locator(".kotae-lib-tab").first.inner_text().startswith("文書")
        add(page, file("休暇.md", LEAVE), file("壊れた.pdf", BROKEN))
        settled(page)
        assert "壊れていて開けません" in page.locator(".kotae-is-failed .kotae-lib-reason").inner_text()
        part(page, "search")
        page.fill("#kotae-lib-search [name=query]", "有給休暇")
        page.keyboard.press("Enter")
        page.locator(".kotae-hit").wait_for()
        assert page.locator(".kotae-hit dt").all_inner_texts() == ["意味", "語句"]
        english = page.evaluate("document.querySelector('#kotae-library').innerText.match(/[A-Z][a-z]{2,} [a-z]{2,}/g)")
        assert english is None
        page.click("a.kotae-language")
        page.wait_for_url("**/chat/en/?view=library")


def test_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    size = {"width": 390, "height": 844}
    for one in visit(browser, site, viewport=size, has_touch=True, is_mobile=True):
        page = one.page
        filled(page, site)
        wide = "Math.max(...['html', '#kotae-main', '#kotae-library'].map(s => document.querySelector(s).scrollWidth))"
        for name in ("documents", "failures", "search", "sources", "collections"):
            part(page, name)
            assert page.evaluate(wide) <= 390, name
        for selector in (".kotae-do-theme", "a.kotae-language", ".kotae-tab-chat"):
            box = page.locator(f"#kotae-head {selector}").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 390, selector
        part(page, "documents")
        page.locator(".kotae-doc-open").first.tap()
        page.locator("#kotae-panel article").wait_for()
        page.wait_for_timeout(300)
        frame = page.locator("#kotae-panel").bounding_box()
        assert frame is not None
        assert (frame["x"], frame["width"]) == (0, 390)
        page.tap("#kotae-panel .kotae-do-panel-close")
        page.wait_for_selector("#kotae-panel[inert]", state="attached")


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(page: Page, site: Site) -> None:
    filled(page, site)
    page.focus("#kotae-lib-tab-documents")
    for name in ("failures", "search", "sources", "collections", "documents"):
        page.keyboard.press("ArrowRight")
        page.wait_for_selector(f"#kotae-lib-{name}", state="visible")
        assert page.evaluate("document.activeElement.id") == f"kotae-lib-tab-{name}"
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("#kotae-main :is(button, a[href], input, select)")]
            .filter(e => e.checkVisibility() && !e.closest("[aria-hidden=true], [inert]"))
            .filter(e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.title
                || e.labels?.[0]?.innerText.trim()))
            .map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == []
    page.focus(".kotae-doc-open")
    page.keyboard.press("Enter")
    page.locator("#kotae-panel article").wait_for()


def test_a_hostile_document_is_inert(page: Page, site: Site, seen: Visit) -> None:
    bad = "<img src=https://evil.example/a.png onerror=\"document.title='pwned'\">"
    text = f"# {bad}\n\n{bad} ![x](https://evil.example/b.png) [y](javascript:alert(1)) about trains.\n"
    go(page, site)
    add(page, file(f"{bad}.md", text.encode()))
    settled(page)
    page.locator(".kotae-doc-open").first.click()
    page.locator("#kotae-panel article").wait_for()
    assert page.locator("#kotae-panel article :is(img, script)").count() == 0
    part(page, "search")
    page.fill("#kotae-lib-search [name=query]", "trains")
    page.keyboard.press("Enter")
    page.locator(".kotae-hit").wait_for()
    assert "pwned" not in page.title()
    assert not [url for url in seen.requests if "evil.example/" in url]


def test_a_server_that_has_gone_is_one_sentence(page: Page, site: Site, seen: Visit) -> None:
    filled(page, site)
    page.route("**/api/library/**", lambda route: route.abort())
    page.click("#kotae-lib-tab-documents")  # not the table, which the page itself may just have tried to fill again
    page.wait_for_selector("#kotae-lib-documents .kotae-notice:has-text('Kotae does not answer')")
    page.unroute("**/api/library/**")
    page.click("#kotae-lib-tab-documents")
    page.wait_for_selector(".kotae-lib-table")
    seen.faults[:] = [fault for fault in seen.faults if "ERR_FAILED" not in fault]
