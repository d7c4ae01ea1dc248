"""The chat page, as a person at a browser uses it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.errors import KotaeError
from ui import strings
from ui.conversing.targets import Played, TargetName
from ui.conversing.targets.browser import READ, Chromium, PageError, Visit, seen
from ui.conversing.targets.serving import serving

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tools.base import Consent
    from ui.conversing.stage import Stage
    from ui.strings import Strings

_BOX = "#kotae-question textarea"
_ANSWER = "#kotae-chat .kotae-answer:not(.kotae-is-draft)"
_READY = "#kotae-threads :is(.kotae-threads, .kotae-none)"
_LINK = """async (place) => {
  const panel = new DOMParser().parseFromString(await (await fetch(place)).text(), "text/html");
  const link = panel.querySelector("a.kotae-go")?.getAttribute("href") ?? "";
  return /^https?:/.test(link) ? link : "";
}"""
"""The address of the web page that a source comes from, "" for a document."""
_PATH = 3000
"""Milliseconds that the path may take after its answer."""
_PATIENCE = {False: 60.0, True: 600.0}
"""Seconds that an answer may take, of the script's model and of a real one."""


class ChatTarget:
    """Sees what the page shows: no events, no tokens, and the route of an answer that is no refusal."""

    name: TargetName = "chat"

    def __init__(self, url: str = "") -> None:
        self._url = url.rstrip("/")
        self._chromium = Chromium()

    @property
    def elsewhere(self) -> bool:
        return bool(self._url)

    @asynccontextmanager
    async def open(self, stage: Stage) -> AsyncIterator[_Pages]:
        words = strings.load(stage.scene.language or "en")
        async with (
            self._server(stage) as url,
            self._chromium.visit(patience=_PATIENCE[self.elsewhere or stage.model is None]) as visit,
        ):
            paths = {d.title: d.path for d in stage.agent.library.documents()}
            yield _Pages(f"{url}/chat/{words.language}/", visit, words, paths, stage.scene.consent)

    async def close(self) -> None:
        await self._chromium.close()

    @asynccontextmanager
    async def _server(self, stage: Stage) -> AsyncIterator[str]:
        if self._url:
            yield self._url
            return
        from ui.api import create_app

        async with serving(create_app(stage.agent)) as url:
            yield url


class _Pages:
    """One page for each conversation of the script."""

    def __init__(self, url: str, visit: Visit, words: Strings, paths: dict[str, str], consent: Consent) -> None:
        self._url, self._visit, self._words, self._paths, self._consent = url, visit, words, paths, consent
        self._pages: dict[str, Page] = {}

    async def ask(self, question: str, *, thread: str, web: Consent | None) -> Played:
        try:
            if thread not in self._pages:
                self._pages[thread] = await self._visit.page(self._url)
                await self._pages[thread].wait_for_selector(_READY, state="attached")
            page = self._pages[thread]
            await self._say_web(page, web)
            # an error is not kept: after it the page is taken up anew, or the next one could not be told from it
            if await page.locator(_ANSWER).last.evaluate_all("found => found.some(e => e.matches('.kotae-is-error'))"):
                await page.reload()
                await page.wait_for_selector(_READY, state="attached")
            before = await page.locator(_ANSWER).count()
            began = time.perf_counter()
            await self._put(page, question)
            await page.wait_for_function(
                "([answer, n]) => document.querySelectorAll(answer).length > n"
                " && document.querySelector('#kotae-send')?.checkVisibility()",
                arg=[_ANSWER, before],
            )
            seconds = time.perf_counter() - began
            found = await page.locator(_ANSWER).last.evaluate(READ)
            links = {row["place"]: await page.evaluate(_LINK, row["place"]) for row in found["sources"]}
            played = seen(found, self._words, self._paths, links)
            standalone = await self._understood(page, question) if played.error is None else None
        except PageError as error:
            if not self._pages:
                raise KotaeError(f"{self._url} cannot be opened: {error.message.splitlines()[0]}") from error
            return Played(error=f"the page: {error.message.splitlines()[0]}", faults=self._visit.take())
        return replace(played, seconds=seconds, standalone=standalone, faults=self._visit.take())

    async def _put(self, page: Page, question: str) -> None:
        """Click the choice that reads so, or type."""
        for choice in await page.locator("button.kotae-choice").all():
            if await choice.get_attribute("value") == question:
                await choice.click()
                return
        await page.fill(_BOX, question)
        await page.press(_BOX, "Enter")

    async def _say_web(self, page: Page, web: Consent | None) -> None:
        wanted = web or self._consent
        radio = page.locator(f"#kotae-web input[value={wanted}]")
        off = page.locator("#kotae-web input[value=off]")
        # whoever agreed to search from now on has changed it, and is not contradicted
        if await radio.count() and (web is not None or await off.is_checked()):
            await radio.check()

    async def _understood(self, page: Page, question: str) -> str | None:
        """The question as the path says that it was understood; None where it was split."""
        path = page.locator("#kotae-chat .kotae-path").last.locator(".kotae-step-facts")
        with contextlib.suppress(PageError):  # the path is drawn after the answer
            await path.first.wait_for(state="attached", timeout=_PATH)
        facts = [" ".join(text.split()) for text in await path.all_text_contents()]
        if self._words("fact.standalone") in " ".join(facts):
            return question
        quoted = self._words("fact.rewritten", question=self._words("path.quoted", text="\0"))
        before, after = (re.escape(part) for part in quoted.split("\0"))
        found = next((match for fact in facts if (match := re.search(f"{before}(.+?){after}", fact))), None)
        return found[1] if found else None
