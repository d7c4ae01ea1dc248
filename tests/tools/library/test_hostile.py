"""Files that mean harm, indexed beside good ones: a sample in every run, all of them with `-m live`."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import psutil
import pytest
from hostile import MAKER, write_all

from tools.library import Library, Limits, Progress

SECONDS = 20
GROWTH = 100e6


class Watch(threading.Thread):
    """How much this process grows, in bytes, while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._process = psutil.Process()
        self._done = threading.Event()
        self._first = self._process.memory_info().rss
        self.growth = 0

    def run(self) -> None:
        while not self._done.wait(0.02):
            self.growth = max(self.growth, self._process.memory_info().rss - self._first)

    def end(self) -> int:
        self._done.set()
        self.join()
        return self.growth


def check(library: Library, folder: Path, hostile: list[Path]) -> None:
    good = {f"good-{name}.md": f"# {name}\n\nThis document is about {name}." for name in ("whales", "otters", "seals")}
    for name, text in good.items():
        (folder / name).write_text(text)
    library.index([folder / "good-whales.md"])
    began: dict[str, float] = {}
    took: dict[str, float] = {}

    def hear(progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage == "read" and progress.path and progress.path not in began:
            for path in began.keys() - {str(folder / name) for name in took}:
                took[Path(path).name] = now - began[path]
            began[progress.path] = now

    watch = Watch()
    watch.start()
    report = library.index([folder, *hostile], progress=hear)
    growth = watch.end()
    reasons = {failure.name: failure.reason for failure in report.failed}
    documents = {Path(document.path).name for document in library.documents()}
    assert not report.stopped
    assert good.keys() <= documents
    assert {path.name for path in hostile} <= reasons.keys() | documents
    assert all(reason.endswith(".") and "\n" not in reason and len(reason) < 300 for reason in reasons.values())
    assert not [name for name, reason in reasons.items() if "could not be read (" in reason], "an error nobody foresaw"
    assert any("about otters" in passage.text for passage in library.search("otters"))
    assert growth < GROWTH, f"the parent grew by {growth / 1e6:.0f} MB"
    # a promise of the product, whatever the machine: the clock of the child keeps it
    assert {name: seconds for name, seconds in took.items() if seconds > SECONDS} == {}


def made(folder: Path, every: int) -> list[Path]:
    with warnings.catch_warnings(action="ignore"):  # a name that stands twice in one archive, on purpose
        return write_all(folder, every=every)


def test_a_sample_of_hostile_files(tmp_path: Path, folder: Path, embedder: object) -> None:
    hostile = made(folder, 11)
    assert len(hostile) >= 20
    limits = Limits(seconds=3.0)  # those that have to be given up are given up sooner
    library = Library(tmp_path / "library", embedder, limits)  # type: ignore[arg-type]
    check(library, folder, hostile)


@pytest.mark.live
def test_all_hostile_files(library: Library, folder: Path) -> None:
    hostile = made(folder, 1)
    assert len(hostile) >= 200
    assert len(MAKER) >= 8
    check(library, folder, hostile)
