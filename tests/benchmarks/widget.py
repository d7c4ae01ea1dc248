"""What the widget costs a page: its size, and the time until it can be used, beside the same page without it."""

from __future__ import annotations

import gzip
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.widget.script import script

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS = 5
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1_600_000 / 8, "uploadThroughput": 750_000 / 8}
"""A "fast 3G" line: 150 ms each way, 1.6 Mbit/s down, .75 up."""
PROCESSOR = 4
"""So many times slower than this machine's processor."""


def run() -> dict[str, Any]:
    """Print the figures and give them."""
    from playwright.sync_api import sync_playwright

    from tests.browser.hosts import hosting
    from tests.browser.visits import FLAGS

    text, _ = script()
    size = len(gzip.compress(text.encode(), 9))
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is not installed: run tests/browser/install-chromium"
    with tempfile.TemporaryDirectory() as folder, hosting(Path(folder)) as host, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with_it = [_load(browser, f"{host.origin}/en/") for _ in range(ROUNDS)]
        host.put(on=False)
        without = [_load(browser, f"{host.origin}/en/", widget=False) for _ in range(ROUNDS)]
        browser.close()
    found = {
        "bytes_gzipped": size,
        "seconds_until_usable": statistics.median(one["usable"] for one in with_it),
        "seconds_until_loaded": statistics.median(one["loaded"] for one in with_it),
        "seconds_until_loaded_without": statistics.median(one["loaded"] for one in without),
        "blocked_ms": statistics.median(one["blocked"] for one in with_it),
    }
    print(f"size {size:,} bytes gzipped")
    print(
        f"page loaded after {found['seconds_until_loaded']:.2f} s, "
        f"without the widget {found['seconds_until_loaded_without']:.2f}"
    )
    print(
        f"bubble can be used after {found['seconds_until_usable']:.2f} s (fast 3G, processor {PROCESSOR} times slower)"
    )
    print(f"main thread blocked for {found['blocked_ms']:.0f} ms beyond 50 ms tasks")
    return found


def _load(browser: Browser, url: str, *, widget: bool = True) -> dict[str, float]:
    context = browser.new_context()
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", SLOW)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR})
    page.add_init_script(
        "window.blocked = 0; new PerformanceObserver((list) => { for (const e of list.getEntries()) "
        "blocked += Math.max(0, e.duration - 50); }).observe({ type: 'longtask', buffered: true });"
    )
    page.goto(url)
    loaded = float(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventStart")) / 1000
    usable = 0.0
    if widget:
        page.wait_for_selector(".k-launcher")
        usable = float(page.evaluate("performance.now()")) / 1000
    blocked = float(page.evaluate("blocked"))
    context.close()
    return {"loaded": loaded, "usable": usable, "blocked": blocked}
