"""Watched folders and pages: what changes is read again soon, by one process, whatever goes wrong."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.base import ToolError
from tools.library import Change, Library, Scope, Watcher
from tools.library import watch as module


def until(told: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is so; the time is a bound, never a measure."""
    deadline = time.monotonic() + seconds
    while not told():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen")
        time.sleep(0.02)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK", 0.1)
    monkeypatch.setattr(module, "_SETTLED", 0.05)
    monkeypatch.setattr(module, "_POLL", 0.1)
    monkeypatch.setattr(module, "_WAIT", (0.1, 0.2))


class Seen:
    """A watcher and what it told."""

    def __init__(self, library: Library, *, events: bool = True) -> None:
        self.library = library
        self.changes: list[Change] = []
        self.watcher = Watcher(library, changed=self.changes.append, events=events)
        self.watcher.start()

    def told(self, kind: str, name: str) -> bool:
        return any(c.kind == kind and c.path.endswith(name) for c in self.changes)


@pytest.fixture(params=[True, False], ids=["events", "polling"])
def seen(request: pytest.FixtureRequest, quick: None, library: Library, folder: Path) -> Iterator[Seen]:
    (folder / "first.md").write_text("about whales")
    library.watch([folder])
    seen = Seen(library, events=request.param)
    until(lambda: seen.told("added", "first.md"))
    yield seen
    assert seen.watcher.stop()


def test_what_changes_is_read(seen: Seen, folder: Path) -> None:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "new.md").write_text("about otters")
    until(lambda: seen.told("added", "new.md"))
    assert seen.library.search("otters", k=1)[0].text == "about otters"
    (folder / "first.md").write_text("about herons instead")
    until(lambda: seen.told("replaced", "first.md"))
    shutil.rmtree(folder / "deep")
    until(lambda: seen.told("removed", "new.md"))
    (folder / "bad.md").write_bytes(b"")
    until(lambda: seen.told("failed", "bad.md"))
    assert [f.name for f in seen.library.failures()] == ["bad.md"]
    (folder / "bad.md").write_text("mended")
    until(lambda: seen.told("added", "bad.md"))
    assert seen.library.failures() == []
    status = seen.watcher.status()
    assert (status.folders, status.error) == ((str(folder),), "")
    assert status.changes == 5
    assert status.last_read > 0


def test_a_file_that_failed_is_not_read_again_until_it_changes(seen: Seen, folder: Path) -> None:
    (folder / "bad.md").write_bytes(b"")
    until(lambda: seen.library.failures())
    for i in range(3):
        (folder / f"other{i}.md").write_text(f"about number {i}")
        until(lambda i=i: seen.told("added", f"other{i}.md"))  # type: ignore[misc]
    assert [f.tries for f in seen.library.failures()] == [1]
    assert len([c for c in seen.changes if c.kind == "failed"]) == 1


def test_a_document_that_was_removed_by_hand_stays_away(seen: Seen, folder: Path) -> None:
    seen.library.remove(seen.library.documents()[0].id)
    (folder / "other.md").write_text("about otters")
    until(lambda: seen.told("added", "other.md"))
    assert [Path(d.path).name for d in seen.library.documents()] == ["other.md"]
    assert seen.library.index([folder]).added == 1, "indexing by hand brings it back"


def test_folders_are_taken_up_and_let_go_while_it_runs(seen: Seen, tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    seen.library.watch([other], collection="elsewhere")
    (other / "a.md").write_text("about otters")
    until(lambda: seen.told("added", "a.md"))
    assert [d.collection for d in seen.library.documents(Scope.of("elsewhere"))] == ["elsewhere"]
    assert seen.library.unwatch([folder]) == 1
    until(lambda: seen.watcher.status().folders == (str(other),))
    (folder / "late.md").write_text("nobody looks")
    (other / "b.md").write_text("about herons")
    until(lambda: seen.told("added", "b.md"))
    assert not seen.told("added", "late.md")


def test_a_folder_that_goes_and_comes_back_keeps_its_documents(seen: Seen, folder: Path) -> None:
    away = folder.with_name("unmounted")
    folder.rename(away)
    until(lambda: "does not exist" in seen.watcher.status().error)
    assert len(seen.library.documents()) == 1
    assert seen.library.failures() == []
    (away / "new.md").write_text("about otters")
    away.rename(folder)
    until(lambda: seen.told("added", "new.md"))
    until(lambda: seen.watcher.status().error == "")


def test_a_single_file_is_followed_through_its_replacement(seen: Seen, tmp_path: Path) -> None:
    """Editors write another file and rename it over the old one."""
    file = tmp_path / "note.md"
    file.write_text("first words")
    seen.library.watch([file])
    until(lambda: seen.told("added", "note.md"))
    fresh = tmp_path / "note.tmp"
    fresh.write_text("other words entirely")
    fresh.replace(file)
    until(lambda: seen.told("replaced", "note.md"))
    file.unlink()
    until(lambda: seen.told("removed", "note.md"))


def test_errors_are_told_and_survived(
    quick: None, library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.watch([folder])
    follow = library.follow
    broken = threading.Event()
    broken.set()

    def sometimes(*args: object, **more: object) -> object:
        if broken.is_set():
            raise ToolError("library_busy", "Another program is writing.")
        return follow(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(library, "follow", sometimes)
    (folder / "a.md").write_text("about whales")
    seen = Seen(library)
    until(lambda: seen.watcher.status().error == "Another program is writing.")
    assert seen.watcher.status().state == "waiting"
    broken.clear()
    until(lambda: seen.told("added", "a.md"))
    until(lambda: seen.watcher.status().error == "")
    assert seen.watcher.stop()


def test_one_at_a_time_watches_a_library(quick: None, library: Library, folder: Path, embedder: object) -> None:
    (folder / "a.md").write_text("about whales")
    library.watch([folder])
    first = Seen(library)
    until(lambda: first.told("added", "a.md"))
    second = Seen(Library.open(library.folder, embedder))  # type: ignore[arg-type]
    until(lambda: second.watcher.status().state == "elsewhere")
    (folder / "b.md").write_text("about otters")
    until(lambda: first.told("added", "b.md"))
    assert second.changes == []
    assert first.watcher.stop()
    (folder / "c.md").write_text("about herons")
    until(lambda: second.told("added", "c.md"))
    assert second.watcher.stop()
    assert second.watcher.status().state == "stopped"


def test_its_own_files_do_not_wake_it(quick: None, tmp_path: Path, embedder: object) -> None:
    """The library may lie inside a watched folder."""
    library = Library.open(tmp_path / "library", embedder)  # type: ignore[arg-type]
    (tmp_path / "a.md").write_text("about whales")
    library.watch([tmp_path])
    runs: list[object] = []
    follow = library.follow
    library.follow = lambda *a, **k: runs.append(a) or follow(*a, **k)  # type: ignore[method-assign, func-returns-value]
    seen = Seen(library)
    until(lambda: seen.told("added", "a.md"))
    time.sleep(0.6)
    assert len(runs) == 1
    assert seen.watcher.stop()


def test_a_library_without_anything_watched_is_left_alone(quick: None, library: Library) -> None:
    seen = Seen(library)
    until(lambda: seen.watcher.status().state == "watching")
    assert seen.watcher.stop()
    assert not library.folder.exists()


def test_a_collection_that_is_deleted_does_not_come_back(seen: Seen, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.md").write_text("about otters")
    seen.library.watch([other], collection="brief")
    until(lambda: seen.told("added", "a.md"))
    seen.library.delete_collection("brief")
    (other / "b.md").write_text("about herons")
    until(lambda: str(other) not in seen.watcher.status().folders)
    assert [c.name for c in seen.library.collections()] == ["default"]
    with pytest.raises(ToolError) as caught:
        seen.library.follow([other], "brief")
    assert caught.value.reason == "library_unknown"


def test_starting_and_stopping_twice(seen: Seen) -> None:
    seen.watcher.start()
    assert seen.watcher.stop()
    assert seen.watcher.stop()
    seen.watcher.start()
    until(lambda: seen.watcher.status().state == "watching")


def test_the_lock_ends_with_its_process(library: Library, folder: Path) -> None:
    library.watch([folder])
    with module._alone(library.folder) as first, module._alone(library.folder) as second:
        assert (first, second) == (True, False)
    with module._alone(library.folder) as again:
        assert again
    held = sqlite3.connect(library.folder / module.LOCK)
    held.close()
