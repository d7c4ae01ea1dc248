"""Keeps watched folders and pages current: reads what changed, soon after it changed."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.base import ToolError
from tools.library import store
from tools.library.library import Library
from tools.library.records import Change, IndexReport, OnChange, Source, WatchState, WatchStatus

log = logging.getLogger(__name__)

LOCK = "watch.lock"
_TICK = 1.0
"""Seconds between two looks at what is to be watched, and whether a page is due."""
_SETTLED = 0.2
"""Seconds without a further event after which a change is taken for complete."""
_RESCAN = 600.0
"""Seconds. Network drives and containers lose events, so every folder is compared that often in any case."""
_POLL = 5.0
"""Seconds between two comparisons where the system gives no events at all."""
_WAIT = (2.0, 60.0)
"""Seconds until it is tried again after an error: at first, and at most after several in a row."""


class Watcher:
    """Follows what `Library.watched` names in a thread of its own. One at a time watches a library; others wait.

    An error is told by `status` and tried again; nothing but `stop` ends it.
    """

    def __init__(self, library: Library, *, changed: OnChange | None = None, events: bool = True) -> None:
        """`changed` is called for each document, from the watcher's thread. Without `events` folders are compared
        every few seconds instead."""
        self._library = library
        self._changed = changed
        self._events = events
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._status = WatchStatus("stopped")

    def start(self) -> None:
        """Begin; returns at once. Starting twice does nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        self._say("starting")
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="library-watcher", daemon=True)
        self._thread.start()

    def stop(self, timeout: float | None = 10.0) -> bool:
        """End after the document at hand. False when that took longer than `timeout` seconds."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                return False
        self._thread = None
        return True

    def status(self) -> WatchStatus:
        """What it does now."""
        return self._status

    def _run(self, stop: threading.Event) -> None:
        wait = _WAIT[0]
        while not stop.is_set():
            try:
                self._once(stop)
                wait = _WAIT[0]
            except Exception as error:
                log.warning("watching failed", exc_info=not isinstance(error, ToolError))
                detail = error.detail if isinstance(error, ToolError) else ""
                self._say("waiting", error=detail or f"Watching failed ({type(error).__name__}): it is tried again.")
                stop.wait(wait)
                wait = min(2 * wait, _WAIT[1])
        self._say("stopped")

    def _once(self, stop: threading.Event) -> None:
        """Watch as long as there is something to watch and nothing fails."""
        if not self._library.watched():
            self._say("watching", folders=(), pages=(), error="")
            stop.wait(_TICK)
            return
        with _alone(self._library.folder) as alone:
            if alone:
                self._follow(stop)
                return
        self._say("elsewhere", error="")
        stop.wait(_TICK)

    def _follow(self, stop: threading.Event) -> None:
        compared: dict[tuple[str, str], float] = {}
        with contextlib.closing(_Changes(self._library.folder, stop, events=self._events)) as changes:
            while not stop.is_set() and (watched := self._library.watched()):
                self._say(
                    "watching",
                    folders=tuple(dict.fromkeys(s.path for s in watched if s.kind != "url")),
                    pages=tuple(dict.fromkeys(s.path for s in watched if s.kind == "url")),
                )
                if changes.of({s.path for s in watched if s.kind != "url"}):
                    compared.clear()  # what happened until now was seen by nobody
                touched = changes.wait()
                now = time.monotonic()
                due = [s for s in watched if _due(s, compared.get((s.collection, s.path)), now) or _touched(s, touched)]
                compared |= dict.fromkeys([(s.collection, s.path) for s in due], now)
                self._read(due, stop)
                # whoever writes without end gets half of the time
                stop.wait(min(time.monotonic() - now, 30.0) if due else 0)

    def _read(self, sources: Sequence[Source], stop: threading.Event) -> None:
        """Bring these up to date, one collection after the other."""
        groups: defaultdict[str, list[Source]] = defaultdict(list)
        for source in sources:
            groups[source.collection].append(source)
        errors: list[str] = []
        for collection, group in groups.items():
            if stop.is_set():
                return
            self._say("reading")
            report = self._library.follow([s.path for s in group], collection, changed=self._note, stop=stop)
            if report.stopped and not stop.is_set():
                raise ToolError("library_full", store.FULL)
            errors += _missing(group, report)
        if groups:
            self._say("watching", last_read=time.time(), error="; ".join(errors))

    def _note(self, change: Change) -> None:
        if change.kind not in ("partial", "failed"):
            self._status = replace(self._status, changes=self._status.changes + 1)
        if self._changed is not None:
            self._changed(change)

    def _say(self, state: WatchState, **more: object) -> None:
        self._status = replace(self._status, state=state, **more)  # type: ignore[arg-type]


class _Changes:
    """What changes in folders and files, without a gap between one look and the next."""

    def __init__(self, library: Path, stop: threading.Event, *, events: bool) -> None:
        self._library = library
        self._stop = stop
        self._events = events
        self._folders: set[str] = set()
        self._files: dict[str, tuple[int, int] | None] = {}
        self._given: set[str] | None = None
        self._running: Generator[set[tuple[Any, str]], None, None] | None = None

    def of(self, paths: set[str]) -> bool:
        """Look at these from now on. True when that is new, so that what happened before has to be found out."""
        folders = {path for path in paths if os.path.isdir(path)}
        if (paths, folders) == (self._given, self._folders):
            return False
        self.close()
        self._given, self._folders = set(paths), folders
        # a file is looked at itself: editors put another one in its place, of which no event tells
        self._files = {path: _state(path) for path in paths - folders}
        if folders and self._events:
            self._running = self._watch(folders)
            self.wait()  # it watches from the first call on
        return True

    def wait(self) -> set[str]:
        """The paths that changed, after a tick or as soon as they have settled."""
        touched: set[str] = set()
        if self._running is None:
            self._stop.wait(_TICK if self._events or not self._folders else _POLL)
            touched = set() if self._events else set(self._folders)
        else:
            try:
                touched = {path for _, path in next(self._running, set())}
            except OSError as error:
                # Linux counts the folders that may be watched at once
                log.warning("no events from the system (%s): folders are compared every %.0f s", error, _POLL)
                self.close()
                self._events = False
                touched = set(self._folders)
        for path, before in self._files.items():
            if (now := _state(path)) != before:
                self._files[path] = now
                touched.add(path)
        return {path for path in touched if not Path(path).is_relative_to(self._library)}

    def close(self) -> None:
        """Look no longer."""
        if self._running is not None:
            self._running.close()
        self._running = None

    def _watch(self, folders: set[str]) -> Generator[set[tuple[Any, str]], None, None]:
        from watchfiles import watch

        return watch(
            *sorted(folders),
            stop_event=self._stop,
            debounce=10_000,
            step=int(_SETTLED * 1000),
            rust_timeout=int(_TICK * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )


def _state(path: str) -> tuple[int, int] | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _due(source: Source, compared: float | None, now: float) -> bool:
    """Whether a root has to be read although nothing is known to have changed."""
    if source.kind == "url":
        return source.every is not None and time.time() >= source.checked_at + source.every
    return compared is None or now >= compared + _RESCAN


def _touched(source: Source, paths: set[str]) -> bool:
    return any(Path(path).is_relative_to(source.path) for path in paths)


def _missing(group: Sequence[Source], report: IndexReport) -> list[str]:
    """Why watched folders could not be read as a whole; their documents are kept."""
    own = {source.path for source in group if source.kind == "folder"}
    return [f"{f.path}: {f.reason}" for f in report.failed if f.path in own and not os.path.isdir(f.path)]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether this is the only watcher of the library. A lock of SQLite works everywhere and ends with the process."""
    lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            yield False
        else:
            yield True
    finally:
        lock.close()
