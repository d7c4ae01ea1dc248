"""Jobs: each file's state as it is worked on, stopping, and what becomes of uploaded files."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from library_parts import BROKEN, WordEmbedder, open_library, write

from tools.library import Library
from tools.library.load import Loaded
from tools.library.worker import Worker
from ui.library_jobs import index_source, reread, retry
from ui.library_work import LibraryWork
from ui.uploads import UploadError, Uploads


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def library(tmp_path: Path, embedder: WordEmbedder) -> Iterator[Library]:
    library = open_library(tmp_path, embedder)
    yield library
    library.close()


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads", 10_000)


@pytest.fixture
def work(library: Library, uploads: Uploads, embedder: WordEmbedder) -> Iterator[LibraryWork]:
    work = LibraryWork(library, uploads)
    yield work
    embedder.hold.set()
    work.close()


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it never came true")


def put(uploads: Uploads, name: str, content: bytes, place: str = "") -> Path:
    path = uploads.folder / (place or f"x{time.time_ns()}") / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def states(work: LibraryWork) -> dict[str, str]:
    return {item.name: item.state for job in work.jobs() for item in job.items}


def finished(work: LibraryWork) -> bool:
    return bool(work.jobs()) and not any(job.open for job in work.jobs())


def test_files_of_one_drop_are_one_job_and_each_tells_what_became_of_it(
    work: LibraryWork, uploads: Uploads, library: Library, embedder: WordEmbedder
) -> None:
    embedder.hold.clear()
    batch = work.upload(put(uploads, "good.md", b"# Good\n\nIt opens at nine."), "default")
    until(lambda: states(work) == {"good.md": "reading"})
    assert work.upload(put(uploads, "broken.pdf", BROKEN), "default", batch) == batch
    assert states(work)["broken.pdf"] == "waiting"
    assert work.waiting() == 1
    embedder.hold.set()
    until(lambda: finished(work))
    (job,) = work.jobs()
    assert (job.state, job.done, job.total, job.failed) == ("done", 2, 2, 1)
    assert states(work) == {"good.md": "done", "broken.pdf": "failed"}
    until(lambda: any(item.passages == 1 for item in work.jobs()[0].items))
    assert [item.reason for item in job.items if item.reason] == [library.failures()[0].reason]
    assert [document.title for document in library.documents()] == ["Good"]


def test_what_was_read_in_part_says_what_is_missing(
    work: LibraryWork, uploads: Uploads, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "Only the first 500 pages were read: split the file."
    monkeypatch.setattr(Worker, "read", lambda self, path: Loaded("It opens at nine.", "Hours", "image", (), missing))
    work.upload(put(uploads, "hours.tiff", b"a picture"), "default")
    until(lambda: finished(work) and work.jobs()[0].items[0].passages == 1)
    (job,) = work.jobs()
    assert (job.state, job.failed, job.partial) == ("done", 0, 1)
    assert [(item.state, item.reason) for item in job.items] == [("partial", missing)]
    work.add(retry(None, "default"))
    until(lambda: finished(work))
    assert (work.jobs()[0].partial, library.documents()[0].state) == (1, "partial")


def test_a_batch_goes_on_after_a_pause_but_not_in_another_collection(work: LibraryWork, uploads: Uploads) -> None:
    first = work.upload(put(uploads, "a.md", b"Some text."), "default")
    assert work.upload(put(uploads, "b.md", b"More text."), "other", first) != first
    until(lambda: finished(work))
    assert work.upload(put(uploads, "c.md", b"Further text."), "default", first) == first
    until(lambda: finished(work))
    job = work.jobs()[-1]
    assert (job.done, job.total, [item.state for item in job.items]) == (2, 2, ["done", "done"])


def test_the_same_file_again_is_not_added_twice(work: LibraryWork, uploads: Uploads, library: Library) -> None:
    work.upload(put(uploads, "a.md", b"Some text."), "default")
    until(lambda: finished(work))
    twin = put(uploads, "a.md", b"Some text.")
    work.upload(twin, "default")
    until(lambda: finished(work))
    assert work.jobs()[0].items[0].state == "unchanged"
    assert not twin.exists()
    assert len(library.documents()) == 1
    work.upload(put(uploads, "a.md", b"Another text."), "default")
    until(lambda: finished(work))
    assert len(library.documents()) == 2


def test_stopping_leaves_what_was_not_read_out(
    work: LibraryWork, uploads: Uploads, library: Library, embedder: WordEmbedder
) -> None:
    embedder.hold.clear()
    paths = [put(uploads, f"{n}.md", f"Text number {n}.".encode()) for n in range(3)]
    batch = work.upload(paths[0], "default")
    until(lambda: "reading" in states(work).values())
    for path in paths[1:]:
        work.upload(path, "default", batch)
    work.stop(batch)
    embedder.hold.set()
    until(lambda: finished(work))
    assert work.jobs()[0].state == "stopped"
    with pytest.raises(UploadError, match="stopped"):
        work.upload(paths[0], "default", batch)
    assert set(states(work).values()) == {"stopped"}
    assert not any(path.exists() for path in paths)
    assert library.documents() == []


def test_a_job_that_waits_can_be_stopped_and_hidden(
    work: LibraryWork, uploads: Uploads, embedder: WordEmbedder, tmp_path: Path
) -> None:
    embedder.hold.clear()
    first = work.upload(put(uploads, "a.md", b"Some text."), "default")
    write(tmp_path / "papers", one="Text.")
    second = work.add(index_source(str(tmp_path / "papers"), "default", watch=False, hours=None))
    until(lambda: work.jobs()[1].state == "running")
    work.stop(second)
    assert [job.state for job in work.jobs()] == ["stopped", "running"]
    work.dismiss(first)
    work.dismiss(second)
    assert [job.id for job in work.jobs()] == [first], "what still runs is not hidden"
    work.stop("unknown")


def test_a_folder_is_read_watched_and_read_again(work: LibraryWork, library: Library, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    write(papers, one="Text of one.", two="Text of two.")
    work.add(index_source(str(papers), "Papers", watch=True, hours=None))
    until(lambda: finished(work))
    assert states(work) == {"one.md": "done", "two.md": "done"}
    assert [(s.path, s.collection, s.watched) for s in library.sources()] == [(str(papers), "Papers", True)]
    document = library.documents()[0]
    work.add(reread(document.id, document.title, "Papers"))
    until(lambda: finished(work))
    assert work.jobs()[0].state == "done"
    assert [item.state for item in work.jobs()[0].items] == ["done"]


def test_what_failed_is_tried_again(work: LibraryWork, library: Library, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    write(papers, one="Text of one.")
    (papers / "two.pdf").write_bytes(BROKEN)
    work.add(index_source(str(papers), "default", watch=False, hours=None))
    until(lambda: finished(work))
    work.add(retry(None, "default"))
    until(lambda: finished(work))
    assert work.jobs()[0].items[0].state == "failed"
    (papers / "two.pdf").write_text("# Two\n\nNow it is text.", "utf-8")
    work.add(retry(str(papers / "two.pdf"), "default"))
    until(lambda: finished(work))
    assert library.failures() == []
    assert [document.title for document in library.documents()] == ["One", "two"]


def test_a_library_that_cannot_be_written_ends_the_job_with_its_code(
    work: LibraryWork, library: Library, uploads: Uploads
) -> None:
    library.folder.mkdir(parents=True)
    (library.folder / "library.db").write_bytes(b"this is no database" * 100)
    path = put(uploads, "a.md", b"Some text.")
    work.upload(path, "default")
    until(lambda: finished(work))
    assert (work.jobs()[0].state, work.jobs()[0].error) == ("failed", "library_broken")
    assert path.exists(), "it is taken up when the library can be written again"


def test_what_the_end_of_the_server_cuts_off_stays_for_the_next_start(
    work: LibraryWork, uploads: Uploads, library: Library, embedder: WordEmbedder
) -> None:
    embedder.hold.clear()
    reading, waiting, stopped = (put(uploads, f"{name}.md", b"Some text.") for name in "abc")
    work.upload(reading, "default")
    work.stop(work.upload(stopped, "other"))
    work.upload(waiting, "other")
    until(lambda: "reading" in states(work).values())
    threading.Timer(0.2, embedder.hold.set).start()
    work.close()
    assert library.documents() == []
    assert [path.exists() for path in (reading, waiting, stopped)] == [True, True, False]


def test_finished_jobs_are_forgotten_after_a_while(work: LibraryWork, tmp_path: Path) -> None:
    write(tmp_path / "papers", one="Text.")
    for _ in range(25):
        work.add(index_source(str(tmp_path / "papers"), "default", watch=False, hours=None))
    until(lambda: finished(work))
    until(lambda: len(work.jobs()) == 20)
