"""The page on the real graph, the real library and the real checkpointer; only the model is scripted."""

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
    from visits import Site

HANDBOOK = """# Staff handbook of Aoba Railway

## Paid leave

Every employee has 20 days of paid leave a year. Unused days may be carried over for two years.

## Uniform

The uniform is cleaned every second Friday at the depot in Matsumoto. A lost cap costs 1,200 yen.
"""
NOTICE = "The Kizaki tunnel is 730 metres long and was opened in 1929."
BOX = "#kotae-question textarea"
ANSWER = ".kotae-answer:not(.kotae-is-draft)"
LEAVE = "How many days of paid leave does an employee have?"


class SlowModel(ScriptedChatModel):
    """Writes as slowly as one reads, so that a draft can be seen."""

    pause: float = 0.05

    async def _astream(self, *given: Any, **named: Any) -> AsyncIterator[Any]:  # type: ignore[override]
        async for chunk in super()._astream(*given, **named):
            await asyncio.sleep(self.pause)
            yield chunk


def pdf(text: str) -> bytes:
    """A PDF of one page with one line."""
    stream = f"BT /F1 14 Tf 40 300 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 400] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)


@pytest.fixture(scope="module")
def model() -> SlowModel:
    return SlowModel(lines=[])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, model: SlowModel) -> Iterator[Site]:
    from visits import Running

    documents = tmp_path_factory.mktemp("documents")
    (documents / "handbook.md").write_text(HANDBOOK, "utf-8")
    (documents / "notice.pdf").write_bytes(pdf(NOTICE))
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), models_dir=documents, web="off")

    @asynccontextmanager
    async def opened() -> AsyncIterator[Agent]:
        async with Agent.open(settings, model=model) as agent:
            report = await asyncio.to_thread(agent.library.index, [documents])
            assert report.failed == ()
            yield agent

    with Running(opened) as one:
        yield one


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    from visits import visit

    for one in visit(browser, site):
        yield one.page


def ask(page: Page, question: str) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")


def go(page: Page, site: Site, path: str = "/chat/en/") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")


def test_ask_read_the_source_reload_and_go_on(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(["Every employee has 20 days of paid leave a year. [1]"])
    go(page, site)
    ask(page, LEAVE)
    page.wait_for_selector(".kotae-is-draft")
    page.wait_for_selector(ANSWER)
    assert page.locator(".kotae-answer .kotae-text").inner_text().startswith("Every employee has 20 days")
    page.locator("a.kotae-cite").first.click()
    mark = page.locator("#kotae-panel mark")
    mark.wait_for()
    assert mark.inner_text() == "Every employee has 20 days of paid leave a year."
    assert "carried over" in page.locator(".kotae-context").inner_text()
    page.reload()
    page.wait_for_selector(ANSWER)
    assert page.locator(".kotae-question .kotae-text").all_inner_texts() == [LEAVE]
    assert page.locator(".kotae-thread-title").first.inner_text().startswith("How many days")
    assert model.leftover == []


def test_the_page_of_a_pdf(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(["The Kizaki tunnel is 730 metres long. [1]"])
    go(page, site)
    ask(page, "How long is the Kizaki tunnel?")
    page.wait_for_selector(ANSWER)
    page.locator("a.kotae-cite").first.click()
    page.locator("#kotae-panel .kotae-page img").wait_for()
    page.wait_for_function("() => document.querySelector('#kotae-panel .kotae-page img').naturalWidth > 200")
    with page.context.expect_page() as opened:
        page.click("#kotae-panel a.kotae-go")
    assert opened.value.url.endswith("/document")


def test_stop_then_retry(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(["Every employee has 20 days of paid leave a year. [1] " * 30])
    go(page, site)
    ask(page, LEAVE)
    page.wait_for_selector(".kotae-is-draft")
    page.click("#kotae-stop")
    page.wait_for_selector(".kotae-is-stopped")
    model.extend(["Every employee has 20 days of paid leave a year. [1]"])
    page.click(".kotae-retry")
    page.wait_for_selector(".kotae-answer.kotae-is-library")
    assert page.locator(".kotae-question").count() == 1
    assert model.leftover == []


def test_what_nothing_supports_is_never_shown_as_the_answer(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(
        [
            "Every employee has 20 days of paid leave a year. [1] The bonus is 900 euros. [1]",
            "Every employee has 20 days of paid leave a year. [1] The bonus is 800 euros. [1]",
        ]
    )
    go(page, site)
    ask(page, LEAVE)
    page.wait_for_selector(".kotae-answer.kotae-is-library")
    assert "euros" not in page.locator("#kotae-chat").inner_text()
    assert "left out" in page.locator(".kotae-notice").inner_text()


def test_edit_rename_delete(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(["Every employee has 20 days of paid leave a year. [1]"])
    go(page, site)
    ask(page, LEAVE)
    page.wait_for_selector(".kotae-answer.kotae-is-library")
    page.wait_for_selector("#kotae-send", state="visible")
    model.extend(["A lost cap costs 1,200 yen. [1]"])
    page.locator(".kotae-question").hover()
    page.click("button.kotae-edit")
    page.fill(".kotae-editor textarea", "What does a lost cap cost in yen?")
    page.click(".kotae-editor .kotae-primary")
    page.wait_for_function("() => document.querySelector('.kotae-is-library')?.innerText.includes('1,200')")
    assert page.locator(".kotae-question").count() == 1
    row = page.locator(".kotae-thread.kotae-is-open")
    row.locator("button.kotae-rename").click()
    page.fill(".kotae-rename-field", "About caps")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.title.startsWith('About caps')")
    row.locator("button.kotae-delete").click()
    page.click("dialog .kotae-danger")
    page.wait_for_selector(".kotae-welcome")
    assert "About caps" not in page.locator("#kotae-nav").inner_text()


def test_no_answer_shows_the_nearest_passages(page: Page, site: Site, model: SlowModel) -> None:
    model.extend(["no"] * 4)
    go(page, site)
    ask(page, "What is the salary of an employee of Aoba Railway?")
    page.wait_for_selector(".kotae-is-refused")
    assert page.locator(".kotae-is-refused a.kotae-source").count() >= 1
    page.locator(".kotae-is-refused a.kotae-source").first.click()
    page.locator("#kotae-panel .kotae-context").wait_for()
