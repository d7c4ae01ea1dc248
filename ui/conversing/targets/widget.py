"""The widget on a strict page of another site, as a visitor at a browser uses it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import KotaeError
from ui import strings
from ui.conversing.targets import Played, TargetName
from ui.conversing.targets.browser import READ, Chromium, PageError, Visit, reason, seen
from ui.conversing.targets.serving import serving
from ui.widget.demo import demo
from ui.widget.site import Site
from ui.widget.sites import Sites

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from tools.base import Consent
    from ui.conversing.stage import Stage
    from ui.strings import Strings

_ANSWER = ".k-answer > .kotae-answer:not(.kotae-is-draft), .k-answer > .k-fault"
_PATIENCE = {False: 60.0, True: 600.0}
"""Seconds that an answer may take, of the script's model and of a real one."""


class WidgetTarget:
    """Sees what a visitor sees: no events, no tokens, no path, and the route of an answer that is no refusal."""

    name: TargetName = "widget"
    elsewhere = False

    def __init__(self, url: str = "") -> None:
        if url:
            raise KotaeError("The target widget brings its own site; --url goes with http or chat.")
        self._chromium = Chromium()

    @asynccontextmanager
    async def open(self, stage: Stage) -> AsyncIterator[_Visitors]:
        from ui.api import create_app

        language = stage.scene.language or "en"
        collections = {document.collection for document in stage.agent.library.documents()}
        site = Site(
            id=Sites.new_id(),
            name=stage.scene.name[:100],
            collections=tuple(collections),
            web=stage.scene.consent,
            specialists=True,
        )
        sites = Sites(stage.agent.settings.data_dir)
        async with AsyncExitStack() as held:
            kotae = await held.enter_async_context(serving(create_app(stage.agent, chat=False)))
            place = await held.enter_async_context(serving(demo(kotae, site.id)))
            sites.put(site.model_copy(update={"origins": (place,)}))
            paths = {document.title: document.path for document in stage.agent.library.documents()}

            async def visit() -> Visit:
                patience = _PATIENCE[stage.model is None]
                return await held.enter_async_context(self._chromium.visit(patience=patience, hosts=(kotae,)))

            yield _Visitors(visit, f"{place}/{language}/", strings.load(language).for_visitors(), paths)

    async def close(self) -> None:
        await self._chromium.close()


class _Visitors:
    """A visitor, with a browser of their own, for each conversation of the script."""

    def __init__(self, visit: Callable[[], Awaitable[Visit]], url: str, words: Strings, paths: dict[str, str]) -> None:
        self._visit, self._url, self._words, self._paths = visit, url, words, paths
        self._pages: dict[str, tuple[Visit, Page]] = {}

    async def ask(self, question: str, *, thread: str, web: Consent | None) -> Played:
        if thread not in self._pages:
            visit = await self._visit()
            page = await visit.page(self._url)
            await page.locator(".k-launcher").click()
            self._pages[thread] = visit, page
        visit, page = self._pages[thread]
        try:
            await page.locator("kotae-chat").evaluate("(chat, web) => { chat.web = web; }", web)
            answers = page.locator(_ANSWER)
            before, began = await answers.count(), time.perf_counter()
            await self._put(page, question)
            hint = page.locator(".k-hint:not(:empty)")
            await answers.nth(before).or_(hint).first.wait_for()
            seconds = time.perf_counter() - began
            if await hint.count():
                said = await hint.inner_text()
                return Played(error=said, reason=reason(said, self._words), faults=visit.take())
            played = await self._read(page, answers.last)
        except PageError as error:
            return Played(error=f"the widget: {error.message.splitlines()[0]}", faults=visit.take())
        return replace(played, seconds=seconds, faults=visit.take())

    async def _put(self, page: Page, question: str) -> None:
        """Click the choice that reads so, or type."""
        for choice in await page.locator("button.kotae-choice").all():
            if await choice.get_attribute("value") == question:
                await choice.click()
                return
        await page.fill(".k-box", question)
        await page.press(".k-box", "Enter")

    async def _read(self, page: Page, answer: Locator) -> Played:
        if await answer.evaluate("answer => answer.matches('.k-fault')"):
            said = await answer.inner_text()
            return Played(error=said, reason=reason(said, self._words))
        found = await answer.evaluate(READ)
        links: dict[str, str] = {}
        for n, row in enumerate(found["sources"]):
            await answer.locator(".kotae-source").nth(n).click()
            await page.locator(".k-sheet .kotae-panel-source").wait_for()
            if await (link := page.locator(".k-sheet a.kotae-go")).count():  # a document has none
                links[row["place"]] = await link.get_attribute("href") or ""
            await page.locator(".k-back").click()
        return seen(found, self._words, self._paths, links)
