"""What the library has been told to do from the page, done one after another in a thread of its own.

A job belongs to the server and not to the page that asked for it: closing the page stops nothing, and every page that
is opened shows the same jobs.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.base import ToolError
from tools.library import Change, IndexReport, Progress, Scope
from ui.copies import settle
from ui.library_jobs import Hooks, Item, Job, JobState, Order
from ui.uploads import UploadError, Uploads

if TYPE_CHECKING:
    from tools.library import Library

log = logging.getLogger(__name__)

_KEPT_JOBS = 20
"""Finished jobs that are still shown."""
_KEPT_ITEMS = 300
"""Files of one job that are remembered one by one; of a larger folder only those at hand and those that failed."""


@dataclass
class _Live:
    """A job and what goes on in it."""

    job: Job
    order: Order
    stop: threading.Event = field(default_factory=threading.Event)
    cut: bool = False
    """It was stopped because the server ends, and by nobody else."""
    items: dict[str, Item] = field(default_factory=dict)
    written: int = 0
    """Passages that were embedded when the last document was written."""
    before: Job | None = None
    """The counts of the runs before the present one."""


class LibraryWork:
    """The jobs of one library. All methods may be called from any thread."""

    def __init__(self, library: Library, uploads: Uploads) -> None:
        self._library = library
        self._uploads = uploads
        self._live: dict[str, _Live] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._ids = itertools.count(1)
        self.revision = 0
        """Grows with every change of a job."""
        self.content = 0
        """Grows with every change of the library that came from here."""

    def jobs(self) -> list[Job]:
        """All jobs, the latest first."""
        with self._wake:
            return [
                replace(live.job, items=tuple(live.items.values()), stopping=live.stop.is_set())
                for live in reversed(self._live.values())
            ]

    def waiting(self) -> int:
        """How many files have not been read yet."""
        with self._wake:
            return sum(item.state == "waiting" for live in self._live.values() for item in live.items.values())

    def add(self, order: Order) -> str:
        """Begin a job as soon as those before it are done; returns its id."""
        with self._wake:
            id = f"j{next(self._ids)}"
            live = _Live(Job(id, order.kind, order.collection, order.name, total=len(order.paths)), order)
            live.items = {path: Item(path) for path in order.paths}
            self._live[id] = live
            self._prune()
            self._begin()
        return id

    def upload(self, path: Path, collection: str, batch: str = "") -> str:
        """Index an uploaded file; those of one `batch` (the id of an earlier job) make one job.

        Raises `UploadError("stopped")` when that job was stopped: whoever stops it wants none of the rest either.
        """
        with self._wake:
            live = self._live.get(batch)
            if live is not None and (live.job.kind, live.job.collection) == ("upload", collection):
                if live.stop.is_set():
                    raise UploadError("stopped")
                live.items[str(path)] = Item(str(path))
                state = live.job.state if live.job.open else "waiting"
                live.job = replace(live.job, state=state, error="", total=live.job.total + 1)
                self._begin()
                return batch
        return self.add(Order("upload", collection, "", self._index_uploads, (str(path),)))

    def take_up(self) -> None:
        """Go on with what an earlier process left: uploaded files that it did not come to read, or to delete."""
        settle(self._library, self._uploads)
        batches: dict[str, str] = {}
        for path, collection in self._uploads.left():
            batches[collection] = self.upload(path, collection, batches.get(collection, ""))

    def stop(self, id: str) -> None:
        """End a job after the passages at hand; what is written stays."""
        with self._wake:
            live = self._live.get(id)
            if live is not None and live.job.open:
                live.stop.set()
                if live.job.state == "waiting":
                    self._end(live, "stopped")
                self.revision += 1

    def dismiss(self, id: str | None = None) -> None:
        """Show a finished job no longer; all finished ones without an id."""
        with self._wake:
            for one, live in list(self._live.items()):
                if not live.job.open and id in (None, one):
                    del self._live[one]
            self.revision += 1

    def touched(self) -> None:
        """The library was changed by the page in another way."""
        with self._wake:
            self.content += 1

    def close(self, timeout: float = 10.0) -> None:
        """Stop all jobs and wait for the one at hand. Uploaded files that are not read yet wait for the next start."""
        with self._wake:
            self._closed = True
            for live in self._live.values():
                live.cut = not live.stop.is_set()
                live.stop.set()
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _begin(self) -> None:
        self.revision += 1
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="library-work", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._next() is not None)
                live = self._next()
                if self._closed or live is None:
                    return
                live.job = replace(live.job, state="running")
                live.before = replace(live.job)
                live.written = 0
                paths = [item.path for item in live.items.values() if item.state == "waiting"]
                self.revision += 1
            self._do(live, paths)

    def _next(self) -> _Live | None:
        return next((live for live in self._live.values() if live.job.open), None)

    def _do(self, live: _Live, paths: Sequence[str]) -> None:
        hooks = Hooks(lambda p: self._progress(live, p), lambda c: self._changed(live, c), live.stop)
        report, error = IndexReport(), ""
        try:
            report = live.order.run(self._library, paths, hooks)
        except ToolError as fault:
            error = fault.reason
            log.warning("A job of the library failed: %s", fault)
        except Exception:
            error = "unknown"
            log.exception("A job of the library failed")
        with self._wake:
            for failure in report.failed:
                self._fell_short(live, failure.path, failure.reason, partial=failure.partial)
            stopped = report.stopped or live.stop.is_set()
            for item in list(live.items.values()):
                if item.path in paths or live.order.kind != "upload":
                    self._settle(live, item, stopped=stopped, failed=bool(error))
            if live.order.kind == "upload":
                self._read(live, paths)
            if error or stopped:
                self._end(live, "failed" if error else "stopped", error)
            elif not any(item.state == "waiting" for item in live.items.values()):
                self._end(live, "done")
            self.content += 1
        self._count(live)

    def _settle(self, live: _Live, item: Item, *, stopped: bool, failed: bool) -> None:
        """What became of a file about which the run said nothing: it was what it is, or its turn never came."""
        if item.state in ("waiting", "reading", "embedding"):
            live.items[item.path] = replace(item, state="stopped" if stopped or failed else "unchanged", passages=0)

    def _read(self, live: _Live, paths: Sequence[str]) -> None:
        """Those of `paths` that came to an end wait no longer."""
        for path in paths:
            item = live.items.get(path)
            if item is None or item.state != "stopped":
                self._uploads.read(path)

    def _end(self, live: _Live, state: JobState, error: str = "") -> None:
        for item in list(live.items.values()):
            self._settle(live, item, stopped=True, failed=False)
        live.job = replace(live.job, state=state, error=error)
        # what the end of the server cut off, or a library that is busy or broken did not take, waits for the next start
        waits = live.cut or error not in ("", "unknown")
        if live.order.kind == "upload" and not waits:
            for item in live.items.values():
                if item.state == "stopped":
                    self._uploads.forget(item.path)
        self.revision += 1
        self._prune()

    def _count(self, live: _Live) -> None:
        """Tell of the finished files how many passages they have."""
        try:
            known = {d.path: d.passages for d in self._library.documents(Scope.of(live.job.collection))}
        except ToolError:
            return
        with self._wake:
            for path, item in list(live.items.items()):
                if item.state in ("done", "unchanged", "partial") and path in known:
                    live.items[path] = replace(item, passages=known[path])
            self.revision += 1

    def _progress(self, live: _Live, progress: Progress) -> None:
        with self._wake:
            before = live.before or live.job
            if progress.stage == "read" and progress.path:
                for item in list(live.items.values()):
                    if item.state == "reading":
                        live.items[item.path] = replace(item, state="embedding")
                self._put(live, Item(progress.path, "reading"))
            elif progress.stage == "embed":
                for item in list(live.items.values()):
                    if item.state == "reading" or item.path == progress.path:
                        count = progress.passages - live.written if item.path == progress.path else 0
                        self._put(live, Item(item.path, "embedding", count))
            elif progress.stage == "save" and progress.path:
                live.written = progress.passages
                self._put(live, Item(progress.path, "done"))
            several = live.order.kind == "upload"
            live.job = replace(
                live.job,
                done=before.done + progress.done,
                total=live.job.total if several else max(progress.total, live.job.total),
                passages=before.passages + progress.passages,
                seconds=before.seconds + progress.seconds,
            )
            self.revision += 1

    def _changed(self, live: _Live, change: Change) -> None:
        with self._wake:
            if change.kind in ("partial", "failed"):
                self._fell_short(live, change.path, change.reason, partial=change.kind == "partial")
            elif change.kind in ("added", "replaced"):
                self._put(live, Item(change.path, "done"))
            self.content += 1
            self.revision += 1

    def _fell_short(self, live: _Live, path: str, reason: str, *, partial: bool) -> None:
        """A file failed, or was read in part."""
        self._put(live, Item(path, "partial" if partial else "failed", reason=reason))
        states = [item.state for item in live.items.values()]
        live.job = replace(live.job, failed=states.count("failed"), partial=states.count("partial"))

    def _put(self, live: _Live, item: Item) -> None:
        live.items[item.path] = item
        if len(live.items) > _KEPT_ITEMS:
            finished = next(
                (i.path for i in live.items.values() if i.state in ("done", "unchanged", "embedding")), None
            )
            if finished is not None:
                del live.items[finished]

    def _prune(self) -> None:
        finished = [id for id, live in self._live.items() if not live.job.open]
        for id in finished[: max(0, len(finished) - _KEPT_JOBS)]:
            del self._live[id]

    def _index_uploads(self, library: Library, paths: Sequence[str], hooks: Hooks) -> IndexReport:
        collection = self._collection_of(paths[0])
        known = [Path(d.path) for d in library.documents(Scope.of(collection)) if self._uploads.holds(d.path)]
        fresh: list[Path] = []
        for path in map(Path, paths):
            if self._uploads.twin(path, [*known, *fresh]) is None:
                fresh.append(path)
            else:
                self._uploads.forget(path)
        return library.index(
            fresh, collection=collection, progress=hooks.progress, changed=hooks.changed, stop=hooks.stop
        )

    def _collection_of(self, path: str) -> str:
        with self._wake:
            return next(live.job.collection for live in self._live.values() if path in live.items)
