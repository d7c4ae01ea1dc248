"""Takes the pictures of the documentation from a running Kotae: `python tests/browser/screenshots.py OUTDIR --url URL`.

It asks some questions of the sample library, in English and in Japanese, and deletes nothing: run it on a data folder
of its own, with `kotae site demo` beside it for the pictures of the widget. Each picture stays below 250 KB.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
LIMIT = 250_000
BOX = "#kotae-question textarea"
DONE = ".kotae-answer:not(.kotae-is-draft)"
VIEWS = {
    "library": ".kotae-lib-table button",
    "specialists": ".kotae-spec-new",
    "sites": ".kotae-site-open",
    "insights": ".kotae-ins-period",
    "settings": ".kotae-lib button",
}
"""Each page beside the chat, and what is there when it is drawn."""
PHONE: dict[str, Any] = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "en": {},
    "ja": {},
    "en-dark": {"scheme": "dark"},
    "ja-phone": PHONE,
    "en-phone-dark": {**PHONE, "scheme": "dark"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    parser.add_argument("--english", default="How do I add my documents?")
    parser.add_argument("--japanese", default="文書はどうやって追加しますか？")
    parser.add_argument("--demo", default="", help="where `kotae site demo` is served")
    parser.add_argument("--seconds", type=float, default=180, help="how long an answer may take")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    url, patience = given.url.rstrip("/"), given.seconds * 1000

    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed: run tests/browser/install-chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = opened(browser, f"{url}/chat/en/")
        ask(page, given.english, patience)
        unfold(page)
        save(page, given.folder / "chat-en.png")
        thread = page.url.partition("?")[2]
        show_source(page)
        save(page, given.folder / "sources.png")
        page.context.close()

        page = opened(browser, f"{url}/chat/en/?{thread}", scheme="dark")
        page.wait_for_selector(DONE)
        show_source(page)
        save(page, given.folder / "dark.png")
        page.context.close()

        page = opened(browser, f"{url}/chat/ja/")
        ask(page, given.japanese, patience)
        unfold(page)
        save(page, given.folder / "chat-ja.png")
        thread = page.url.partition("?")[2]
        page.context.close()

        page = opened(browser, f"{url}/chat/ja/?{thread}", width=390, height=844)
        page.wait_for_selector(DONE)
        page.evaluate("document.querySelector('#kotae-chat [role=log]').scrollTop = 0")
        save(page, given.folder / "phone.png")
        page.context.close()

        page = opened(browser, f"{url}/chat/en/?view=library")
        page.wait_for_selector(".kotae-lib-table")
        save(page, given.folder / "library-en.png")
        page.context.close()

        page = opened(browser, f"{url}/chat/ja/?view=library")
        search(page, given.japanese)
        save(page, given.folder / "library-ja.png")
        page.context.close()

        for view, ready in VIEWS.items():
            for name, look in LOOKS.items():
                language = name[:2]
                page = opened(browser, f"{url}/chat/{language}/?view={view}", **look)
                page.locator(ready).first.click(trial=True, timeout=patience)
                if view == "sites":
                    page.locator(ready).first.click()
                    page.wait_for_selector(".kotae-site-stage .k-panel")
                save(page, given.folder / f"{view}-{name}.png")
                page.context.close()
        if given.demo:
            questions = {"en": given.english, "ja": given.japanese}
            for name, look in LOOKS.items():
                page = visited(browser, f"{given.demo.rstrip('/')}/{name[:2]}/", questions[name[:2]], patience, **look)
                save(page, given.folder / f"widget-{name}.png")
                page.context.close()
        browser.close()


def opened(browser: Browser, url: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="ja-JP" if "/ja/" in url else "en-GB",
        device_scale_factor=2 if width < 500 else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#kotae-threads :is(.kotae-threads, .kotae-none)", state="attached")
    return page


def visited(browser: Browser, url: str, question: str, patience: float, **look: Any) -> Page:
    """The widget on a page of the made-up site, with an answer."""
    context = browser.new_context(
        viewport={"width": look.get("width", 1280), "height": look.get("height", 800)},
        color_scheme=look.get("scheme", "light"),
        device_scale_factor=2 if look.get("width", 1280) < 500 else 1,
    )
    page = context.new_page()
    page.goto(url)
    page.locator(".k-launcher").click()
    page.fill(".k-box", question)
    page.press(".k-box", "Enter")
    page.wait_for_selector(f".k-answer {DONE}", timeout=patience)
    return page


def ask(page: Page, question: str, patience: float) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")
    page.wait_for_selector(DONE, timeout=patience)
    page.wait_for_selector("#kotae-send", state="visible", timeout=patience)


def unfold(page: Page) -> None:
    """Show the path taken, from the top of the conversation."""
    page.locator("#kotae-chat .thought-group .title").last.click()
    page.locator(".kotae-path").last.wait_for()
    page.evaluate("document.querySelector('#kotae-chat [role=log]').scrollTop = 0")
    page.mouse.move(0, 0)


def show_source(page: Page) -> None:
    page.locator("a.kotae-cite, a.kotae-source").first.click()
    page.locator("#kotae-panel article").wait_for()


def search(page: Page, words: str) -> None:
    """Show what retrieval sees of some words."""
    page.wait_for_selector(".kotae-lib-table")
    page.click("#kotae-lib-tab-search")
    page.fill("#kotae-lib-search [name=query]", words)
    page.keyboard.press("Enter")
    page.locator(".kotae-hit").first.wait_for()
    page.locator(".kotae-lib-tabs").scroll_into_view_if_needed()


def save(page: Page, path: Path) -> None:
    page.wait_for_timeout(600)  # drawers slide
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, optimize=True)
    if path.stat().st_size > LIMIT:
        picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}  {path.stat().st_size // 1000} KB")


if __name__ == "__main__":
    main()
