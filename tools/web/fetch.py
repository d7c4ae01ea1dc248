"""The pages that a search found, read side by side within one time.

A page is asked for only where its robots.txt allows it, fetched through the one way out, and read in a child process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from tools.library.load import Limits, Loaded, LoadError
from tools.library.records import DocumentType
from tools.library.urls import HTML, TEXTS, saved
from tools.library.worker import Worker
from tools.web.addresses import EgressError, EgressReason, normal
from tools.web.directives import Withheld, withheld
from tools.web.egress import Egress, Response
from tools.web.retry_after import LeftAlone
from tools.web.robots import Robots

Reason = (
    EgressReason
    | Withheld
    | Literal["robots", "missing", "closed", "busy", "status", "type", "unreadable", "duplicate", "ended"]
)

LIMITS = Limits(bytes=12 * 2**20, pages=400, scanned=0, seconds=15.0)
"""Of one page. Nothing is recognised from pictures: that takes longer than anybody waits for an answer."""
CHARACTERS = 60_000
"""Of one page's text, whose words are all looked at; an article has a sixth of it."""
_TYPES = TEXTS | {"application/pdf"}
_STATUS: dict[int, Reason] = {
    **dict.fromkeys((404, 410), "missing"),
    **dict.fromkeys((401, 402, 403, 407, 451), "closed"),
    **dict.fromkeys((408, 425, 429), "busy"),
}


@dataclass(frozen=True)
class Page:
    """A page that was read."""

    url: str
    """Where it was found after redirects."""
    title: str
    text: str
    """Its main text; Markdown unless `type` says otherwise."""
    type: DocumentType
    pages: tuple[int, ...] = ()
    """Where each page of a PDF begins in `text`."""
    published: str = ""
    """The day that it says it was published or changed on, as 2025-03-14, or empty."""
    read_at: float = 0.0
    """Seconds since 1970, UTC."""
    asked: str = ""
    """The address that was asked for, before redirects."""


@dataclass(frozen=True)
class Unread:
    """A page that was not read.

    `closed` needs a login or a payment, `busy` may be tried later, `type` is neither text nor PDF, `duplicate` is
    another address of a page that was read, `ended` means that the reader was closed; `nosnippet` and `noarchive` are
    `Withheld` by the page; the others are of `EgressError`.
    """

    url: str
    reason: Reason


Outcome = Page | Unread


class PageReader:
    """Reads pages under `egress`. `read` may be called again while it runs; all share the child processes.

    `readers` child processes at most; `clock` tells seconds since 1970.
    """

    def __init__(self, egress: Egress, *, readers: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self._egress = egress
        self._robots = Robots(egress)
        self._left_alone = LeftAlone()
        self._workers = _Workers(readers or max(1, min(4, os.cpu_count() or 1)))
        self._clock = clock

    async def read(self, urls: Sequence[str], seconds: float) -> list[Outcome]:
        """What became of each address, in their order, after at most `seconds`: what is not there then is `too_slow`.

        Of addresses that lead to one page the first is read.
        """
        deadline = time.monotonic() + seconds
        loop = asyncio.get_running_loop()
        jobs: dict[str, asyncio.Future[tuple[Outcome, str]]] = {}
        for url in urls:
            key = _key(url)
            if key not in jobs:
                jobs[key] = loop.create_future()
                self._begin(url, deadline, loop, jobs[key])
        if jobs:
            await asyncio.wait(jobs.values(), timeout=max(0.0, deadline - time.monotonic()))
        seen: set[str] = set()
        outcomes: list[Outcome] = []
        for url in urls:
            job = jobs[_key(url)]
            outcome, canonical = job.result() if job.done() else (Unread(url, "too_slow"), "")
            if isinstance(outcome, Unread):
                outcome = Unread(url, outcome.reason)
            else:
                names = {outcome.url, canonical} - {""}
                if names & seen:
                    outcome = Unread(url, "duplicate")
                seen |= names
            outcomes.append(outcome)
        return outcomes

    def warm(self) -> None:
        """Start the child processes on the side, while a search is still under way."""
        self._workers.warm()

    def close(self) -> None:
        """End the child processes, each after the page that it is reading; pages that come later are `ended`."""
        self._workers.close()

    def _begin(
        self,
        url: str,
        deadline: float,
        loop: asyncio.AbstractEventLoop,
        job: asyncio.Future[tuple[Outcome, str]],
    ) -> None:
        def settle(value: tuple[Outcome, str]) -> None:
            if not job.done():  # nobody waits any more after the deadline or a cancelled turn
                job.set_result(value)

        def run() -> None:
            value: tuple[Outcome, str]
            try:
                value = self._read(url, deadline)
            except EgressError as error:
                value = Unread(url, error.reason), ""
            except _Given as given:
                value = Unread(url, given.reason), ""
            except Exception:
                # a page must not take the others with it
                value = Unread(url, "unreadable"), ""
            with contextlib.suppress(RuntimeError):  # the loop is closed: the program has ended
                loop.call_soon_threadsafe(settle, value)

        # not `asyncio.to_thread`: its threads are waited for when the program ends
        threading.Thread(target=run, name="kotae-page", daemon=True).start()

    def _read(self, url: str, deadline: float) -> tuple[Page, str]:
        """A page, and the address that it calls its own."""

        def before(address: str) -> None:
            if address in self._left_alone:
                raise _Given("busy")
            if not self._robots.allow(address, deadline - time.monotonic()):
                raise _Given("robots")

        answer = self._egress.get(url, seconds=deadline - time.monotonic(), before=before)
        if answer.status != 200:
            self._left_alone.note(answer.url, answer.retry_after)
            raise _Given("busy" if answer.status >= 500 else _STATUS.get(answer.status, "status"))
        if withheld(answer.robots) == "nosnippet":
            raise _Given("nosnippet")
        if (type := answer.type or _told(answer.body)) not in _TYPES:
            raise _Given("type")
        if len(answer.body) > LIMITS.bytes:
            raise _Given("too_large")
        try:
            with self._workers.taken(deadline) as worker, saved(answer, answer.url, LIMITS) as path:
                # no time left would end a child that others can use
                if (left := deadline - time.monotonic()) <= 0:
                    raise _Given("too_slow")
                loaded = worker.page_of_web(path, answer.url, type in HTML, left)
        except LoadError as error:
            raise _Given("too_slow" if time.monotonic() >= deadline else "unreadable") from error
        if rule := withheld(answer.robots, loaded.robots):
            raise _Given(rule)
        return self._page(url, answer, loaded), _canonical(answer.url, loaded.canonical)

    def _page(self, asked: str, answer: Response, loaded: Loaded) -> Page:
        text = loaded.text
        if len(text) > CHARACTERS:
            text = text[: text.rfind("\n", CHARACTERS // 2, CHARACTERS) + 1 or CHARACTERS].rstrip() + "\n"
        pages = tuple(start for start in loaded.pages if start < len(text))
        return Page(answer.url, loaded.title, text, loaded.type, pages, loaded.published, self._clock(), asked)


class _Given(Exception):
    """A page is given up."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Workers:
    """Child processes that are lent to one thread at a time, the last one first, which is warm."""

    def __init__(self, size: int) -> None:
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._closed = False
        for _ in range(size):
            self._free.put(Worker(LIMITS))

    @contextlib.contextmanager
    def taken(self, deadline: float) -> Iterator[Worker]:
        """A worker for one page. Raises `_Given` when there is none before the deadline, or none any more."""
        try:
            worker = self._free.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise _Given("too_slow") from None
        try:
            if self._closed:
                raise _Given("ended")
            yield worker
        finally:
            self._back(worker)

    def warm(self) -> None:
        for worker in self._idle():
            if worker.running:
                self._free.put(worker)
            else:
                threading.Thread(target=self._warm, args=(worker,), name="kotae-page-warm", daemon=True).start()

    def _warm(self, worker: Worker) -> None:
        try:
            with contextlib.suppress(LoadError):
                worker.warm()
        finally:
            self._back(worker)

    def _back(self, worker: Worker) -> None:
        self._free.put(worker)
        if self._closed:
            worker.close()

    def _idle(self) -> list[Worker]:
        idle: list[Worker] = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._free.get_nowait())
        return idle

    def close(self) -> None:
        """End those that are free; the others end when their page does."""
        self._closed = True
        for worker in self._idle():
            worker.close()
            self._free.put(worker)


def _key(url: str) -> str:
    """One for all spellings of an address."""
    try:
        return normal(url)
    except EgressError:
        return url


def _told(body: bytes) -> str:
    """The type of a body whose server does not tell it."""
    head = body[:1024].lstrip()
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    return "text/html" if head[:1] == b"<" else ""


def _canonical(url: str, link: str) -> str:
    """The address that a page calls its own; empty when that is on another server, for which it cannot speak."""
    try:
        own = normal(urljoin(url, link)) if link else ""
    except (EgressError, ValueError):
        return ""
    return own if urlsplit(own).netloc.removeprefix("www.") == urlsplit(url).netloc.removeprefix("www.") else ""
