"""What may be done to the library from the page, and how it is told: jobs, their files, and what they do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tools.library import Change, IndexReport, Progress

if TYPE_CHECKING:
    from tools.library import Library

JobKind = Literal["upload", "source", "reread", "retry"]
JobState = Literal["waiting", "running", "done", "stopped", "failed"]
ItemState = Literal["waiting", "reading", "embedding", "done", "unchanged", "partial", "failed", "stopped"]


@dataclass(frozen=True)
class Item:
    """One file or page of a job. `passages`: embedded so far, or those of the finished document."""

    path: str
    state: ItemState = "waiting"
    passages: int = 0
    reason: str = ""
    """Why it failed, or what is missing, in the library's own words."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2] or self.path


@dataclass(frozen=True)
class Job:
    """A job as it is at one moment."""

    id: str
    kind: JobKind
    collection: str
    name: str
    """The folder, page or document that it is about; empty when the items say it."""
    state: JobState = "waiting"
    items: tuple[Item, ...] = ()
    done: int = 0
    total: int = 0
    """Files; 0 while they are still being counted."""
    passages: int = 0
    seconds: float = 0.0
    failed: int = 0
    error: str = ""
    """The code of what ended the whole job."""
    stopping: bool = False
    """It was asked to stop, and ends with the passages at hand."""
    partial: int = 0
    """Files that were read, but not as a whole."""

    @property
    def open(self) -> bool:
        """Whether there is still something to do."""
        return self.state in ("waiting", "running")


@dataclass(frozen=True)
class Order:
    """What a job is to do; `run` does it and calls back."""

    kind: JobKind
    collection: str
    name: str
    run: Callable[[Library, Sequence[str], Hooks], IndexReport]
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hooks:
    """What a run calls back, and what it is stopped with."""

    progress: Callable[[Progress], None]
    changed: Callable[[Change], None]
    stop: threading.Event


def index_source(path: str, collection: str, *, watch: bool, hours: float | None) -> Order:
    """Read a folder or file of this machine, or a page; watched from then on if asked, a page every so many hours."""
    every = hours * 3600 if watch and hours and path.lower().startswith(("http://", "https://")) else None

    def run(library: Library, _: Sequence[str], hooks: Hooks) -> IndexReport:
        report = library.index(
            [path],
            collection=collection,
            every=every,
            progress=hooks.progress,
            changed=hooks.changed,
            stop=hooks.stop,
        )
        if watch and not report.stopped and path not in {f.path for f in report.failed if not f.partial}:
            library.watch([path], collection=collection, every=every)
        return report

    return Order("source", collection, path, run)


def reread(document: str, title: str, collection: str) -> Order:
    """Read one document again."""

    def run(library: Library, _: Sequence[str], hooks: Hooks) -> IndexReport:
        return library.reread(document, progress=hooks.progress, stop=hooks.stop)

    return Order("reread", collection, title, run)


def retry(path: str | None, collection: str) -> Order:
    """Try again what failed: one file, or all of all collections."""

    def run(library: Library, _: Sequence[str], hooks: Hooks) -> IndexReport:
        return library.retry(
            None if path is None else [path],
            collection=collection if path is not None else None,
            progress=hooks.progress,
            changed=hooks.changed,
            stop=hooks.stop,
        )

    return Order("retry", collection, "", run)


def rate(job: Job) -> float:
    """Passages a second so far; 0 while that says little."""
    return job.passages / job.seconds if job.seconds > 1 else 0.0
