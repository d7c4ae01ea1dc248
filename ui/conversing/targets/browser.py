"""A real Chromium, and how an answer is read off a page of Kotae's.

The chat page and whatever else shows `ui.render.answer_html` is read alike.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agent.errors import KotaeError
from ui.conversing.targets import Played

try:
    from playwright import async_api
except ImportError as missing:
    raise KotaeError("Playing on a page needs Playwright: pip install 'kotae[browser]'.") from missing

PageError = async_api.Error
"""What Playwright raises, a page that does not answer in time included."""

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, Playwright

    from ui.strings import Strings

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()
_HOSTLESS = ("data:", "blob:", "about:")

READ = """(answer) => {
  const all = (selector) => [...answer.querySelectorAll(selector)];
  const said = (element) => element ? element.innerText.trim() : "";
  const marks = all(".kotae-text sup");
  for (const mark of marks) mark.style.display = "none";
  const text = all(".kotae-text").map(said).join("\\n");
  for (const mark of marks) mark.style.display = "";
  const place = (link) => link.dataset.source ?? link.getAttribute("href");
  const row = (source) => ({place: place(source), title: said(source.querySelector(".kotae-title"))});
  const sources = all(".kotae-source").map(row);
  return {
    text, sources,
    kinds: [...answer.classList].filter((name) => name.startsWith("kotae-is-")).map((name) => name.slice(9)),
    language: answer.lang,
    badge: all(".kotae-badge").map(said).join(" "),
    cited: [...new Set(all(".kotae-text :is(a, button).kotae-cite").map(place))],
    choices: all("button.kotae-choice").map((choice) => choice.value),
    notices: all(".kotae-notice").map(said),
    sent: all(".kotae-sent li").map(said),
  };
}"""
"""What an answer on the page shows. Citations are not part of its text."""


@dataclass
class Visit:
    """The pages of one script, and what went wrong in them."""

    context: BrowserContext
    hosts: frozenset[str] = frozenset()
    faults: list[str] = field(default_factory=list)

    async def page(self, url: str) -> Page:
        """A new page at `url`. Errors in it, and requests to other hosts, are faults."""
        page = await self.context.new_page()
        host = urlsplit(url).netloc
        page.on("pageerror", lambda error: self.faults.append(f"error in the page: {error}"))
        page.on("console", lambda said: self.faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("request", lambda request: self._look(request.url, host))
        await page.goto(url)
        return page

    def _look(self, url: str, host: str) -> None:
        if urlsplit(url).netloc not in (host, *self.hosts) and not url.startswith(_HOSTLESS):
            self.faults.append(f"the page asked another host: {url}")

    def take(self) -> tuple[str, ...]:
        """The faults since the last time."""
        found, self.faults[:] = tuple(self.faults), []
        return found


class Chromium:
    """One browser for all scripts, started by the first."""

    def __init__(self) -> None:
        """Raises `KotaeError` when there is no Chromium."""
        program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise KotaeError("Playing on a page needs Chromium: install it (Debian: apt-get install chromium).")
        self._program = program
        self._driver: Playwright | None = None
        self._browser: Browser | None = None

    @asynccontextmanager
    async def visit(self, *, patience: float, hosts: Sequence[str] = ()) -> AsyncIterator[Visit]:
        """A browser context of its own; `patience` is how many seconds anything on a page may take, `hosts` are the
        origins beside its own that it may ask."""
        if self._browser is None:
            self._driver = await async_api.async_playwright().start()
            self._browser = await self._driver.chromium.launch(executable_path=self._program, args=_FLAGS)
        context = await self._browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
        context.set_default_timeout(1000 * patience)
        try:
            yield Visit(context, frozenset(urlsplit(host).netloc for host in hosts))
        finally:
            await context.close()

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._driver is not None:
            await self._driver.stop()
        self._browser = self._driver = None


def seen(found: Mapping[str, Any], words: Strings, paths: Mapping[str, str], links: Mapping[str, str]) -> Played:
    """What `READ` has found, in the page's language. `paths` are the documents' files by their titles, which no page
    shows; `links` the addresses of web pages by the place where a source is opened, which shows them."""
    kinds, worded = found["kinds"], words.items("notice")
    if "error" in kinds or "stopped" in kinds:
        message = " ".join(found["notices"])
        return Played(error=message, reason=reason(message, words))
    codes = {_plain(text): code for code, text in worded.items()} | {
        _plain(words("answer.removed_one")): "some_removed"
    }
    sources = [
        (row["place"], (row["title"], links.get(row["place"]) or paths.get(row["title"], "")))
        for row in found["sources"]
    ]
    refused = "refused" in kinds
    return Played(
        text=found["text"],
        route=None if refused else _route(kinds, found["badge"], words),
        refused=refused,
        language=found["language"],
        sources=tuple(dict.fromkeys(source for _, source in sources)),
        cited=() if refused else tuple(dict.fromkeys(one for place, one in sources if place in found["cited"])),
        choices=tuple(found["choices"]),
        notices=tuple(codes[line] for notice in found["notices"] if (line := _plain(notice)) in codes),
        worded=frozenset(worded),
        sent=tuple(found["sent"]),
    )


def _route(kinds: list[str], badge: str, words: Strings) -> str | None:
    route = next((kind for kind in kinds if kind in ("library", "web", "direct", "clarify", "specialist")), None)
    if route != "specialist":
        return route
    for key in ("specialist.said", "specialist.read"):
        before, after = (re.escape(part) for part in words(key, name="\0").split("\0"))
        if named := re.fullmatch(f"{before}(.+){after}", badge):
            return f"specialist:{named[1]}"
    return None


def reason(message: str, words: Strings) -> str:
    """The code of a question that was not accepted, by what the page says to it; "" for anything else."""
    before = _plain(words("error.too_long", limit="\0")).partition("\0")[0]
    if _plain(message).startswith(before):
        return "too_long"
    return "empty" if _plain(message) == _plain(words("error.empty")) else ""


def _plain(text: str) -> str:
    return " ".join(text.split())
