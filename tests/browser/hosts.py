"""A site of somebody else's beside a running Kotae: real agent, real library, scripted model, strict pages."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.browser.visits import PATIENCE, Running, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

LEAVE = "How many days of paid leave does an employee have?"
LOOSELY = "How many days of leave does an employee get?"
"""In other words than the document, so that the model is asked."""
SAID = "Every employee has 20 days of paid leave a year. [1]"
JAPANESE = "チェックアウトは何時ですか。"


@dataclass
class Host:
    """Kotae, and the origin of a page that shows its widget."""

    kotae: Site
    origin: str
    site: Any
    sites: Any
    cut: Callable[[], None]
    """Breaks every connection between browser and Kotae."""

    def put(self, **changes: Any) -> None:
        """Change the site as its owner would."""
        self.site = self.site.model_validate({**self.site.model_dump(), **changes})
        self.sites.put(self.site)


class Wire:
    """What lies between a browser and a server: hands on what comes, until it is cut, and then again."""

    def __init__(self, to: str) -> None:
        self._to = ("127.0.0.1", int(urlsplit(to).port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Wire:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        while self._open:
            with suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._hand_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _hand_on(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@contextmanager
def hosting(folder: Path, *lines: str, pause: float = 0.0, **given: Any) -> Iterator[Host]:
    """Serve both. The model says `lines`, a piece each `pause` seconds; `given` is what the site is like."""
    from agent import Agent, Settings
    from tests.agent.conftest import HANDBOOK
    from tests.ui.http.served import PacedModel
    from tools.library import E5, Library
    from ui.widget.demo import demo
    from ui.widget.site import Site as Kept
    from ui.widget.sites import Sites

    documents = folder / "documents"
    documents.mkdir()
    for name, text in HANDBOOK.items():
        (documents / name).write_text(text, "utf-8")
    settings = Settings(data_dir=folder / "data", models_dir=folder, web="off")
    library = Library.open(settings.data_dir / "library", E5())
    library.index([documents])
    library.close()
    model = PacedModel(lines=list(lines), pause=pause)
    sites = Sites(settings.data_dir)
    looks = {
        "texts": {
            "en": {"title": "Aoba Railway", "suggestions": [LEAVE], "note": "Answers come from our handbook."},
            "ja": {"suggestions": [JAPANESE]},
        }
    }
    values = {"id": Sites.new_id(), "name": "Shop", "collections": ["default"], "look": looks, **given}
    site = Kept.model_validate(values)

    @asynccontextmanager
    async def kotae() -> AsyncIterator[Any]:
        async with Agent.open(settings, model=model) as agent:
            await agent.start_model()
            agent.model_of_test = model  # type: ignore[attr-defined]
            yield agent

    @asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield None

    def application(agent: Any) -> Any:
        from ui.api import create_app

        return create_app(agent, chat=False)

    with (
        Running(kotae, application) as served,
        Wire(served.url) as wire,
        Running(nothing, lambda _: demo(wire.url, site.id)) as shop,
    ):
        host = Host(Site(wire.url, served.agent, served.loop), shop.url, site, sites, wire.cut)
        host.put(origins=[shop.url])
        yield host


@dataclass
class Visitor:
    """A browser on the pages of the site, and what it asked and said."""

    context: BrowserContext
    page: Page
    requests: list[str]
    faults: list[str]

    def open(self) -> Page:
        self.page.locator(".k-launcher").click()
        return self.page


@contextmanager
def visiting(browser: Browser, host: Host, path: str = "/en/", **given: Any) -> Iterator[Visitor]:
    """Go to a page of the site; at the end assert that nobody but the site and Kotae was asked, and no page erred."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | given))
    context.set_default_timeout(PATIENCE)
    one = Visitor(context, context.new_page(), [], [])
    context.on("request", lambda request: one.requests.append(request.url))
    one.page.on("pageerror", lambda error: one.faults.append(str(error)))
    one.page.on("console", lambda said: one.faults.append(said.text) if said.type == "error" else None)
    one.page.goto(f"{host.origin}{path}")
    yield one
    context.close()
    allowed = {urlsplit(host.origin).netloc, urlsplit(host.kotae.url).netloc}
    assert [url for url in one.requests if urlsplit(url).netloc not in allowed] == []
    assert one.faults == [], one.faults
