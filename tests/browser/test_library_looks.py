"""How the library's page looks and behaves: many documents, both languages, a phone, the keyboard, hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shown_library import LEAVE, add, file, filled, go, part, settled, shown

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from library_parts import WordEmbedder
    from playwright.sync_api import Browser, Page
    from visits import Site, Visit


@pytest.fixture
def site(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Site]:
    with shown(tmp_path, embedder) as one:
        yield one


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
