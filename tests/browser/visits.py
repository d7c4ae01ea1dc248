"""A real Chromium on a page that a real server serves. Whatever the page asks of another host fails the test."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ui.serve import listen

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "ui"))

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OWN = ("data:", "blob:", "chrome-extension:", "chrome:")
"""Addresses that lead to no host; the last two are Chromium's own PDF viewer."""
PATIENCE = 20_000
"""Milliseconds a test waits for something to appear on a busy machine."""


@dataclass
class Site:
    """A running server and the agent behind it."""

    url: str
    agent: Any
    loop: asyncio.AbstractEventLoop


class Running:
    """Serves an application from a thread of its own."""

    def __init__(self, opened: Any, application: Any = None) -> None:
        """`opened` opens what is served, usually an agent; `application` makes the application around it."""
        self._opened = opened
        self._application = application
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._failed: BaseException | None = None
        self.site: Site

    def __enter__(self) -> Site:
        self._thread.start()
        assert self._ready.wait(60)
        if self._failed is not None:
            raise self._failed
        return self.site

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive(), "the server did not end"

    async def _run(self) -> None:
        import uvicorn

        from ui.api import create_app

        make = self._application or create_app
        try:
            async with self._opened() as agent:
                with listen("127.0.0.1", 0) as listener:
                    config = uvicorn.Config(make(agent), log_level="warning", timeout_graceful_shutdown=1)
                    self._server = uvicorn.Server(config)
                    port = listener.getsockname()[1]
                    self.site = Site(f"http://127.0.0.1:{port}", agent, asyncio.get_running_loop())
                    self._ready.set()  # the socket listens already: who comes early waits
                    await self._server.serve(sockets=[listener])
        except BaseException as error:
            self._failed = error
            self._ready.set()
            raise


@dataclass
class Visit:
    """One browser context, and what went wrong in it."""

    context: BrowserContext
    page: Page
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def visit(browser: Browser, site: Site, **given: Any) -> Iterator[Visit]:
    """Open a context; at its end, assert that no other host was asked and that the page reported no error."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | given))
    context.set_default_timeout(PATIENCE)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    one = Visit(context, context.new_page())
    context.on("request", lambda request: one.requests.append(request.url))
    one.page.on("pageerror", lambda error: one.faults.append(str(error)))
    one.page.on("console", lambda said: one.faults.append(said.text) if said.type == "error" else None)
    yield one
    context.close()
    host = urlsplit(site.url).netloc
    foreign = [url for url in one.requests if urlsplit(url).netloc != host and not url.startswith(OWN)]
    assert one.requests
    assert foreign == [], foreign
    assert one.faults == [], one.faults
