from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.base import ToolError
from tools.library import IndexReport, Library, Limits, Progress

MakePdf = Callable[..., bytes]


def summary(report: IndexReport) -> tuple[int, int, int, int, int]:
    return report.added, report.replaced, report.unchanged, report.removed, len(report.failed)


def reason(report: IndexReport, name: str) -> str:
    (found,) = [failure.reason for failure in report.failed if failure.name == name]
    return found


def names(library: Library) -> list[str]:
    return [Path(document.path).name for document in library.documents()]


def test_only_what_changed_is_read_again(library: Library, folder: Path, embedder: object) -> None:
    for name in "abc":
        (folder / f"{name}.md").write_text(f"# {name}\n\nThis file is about {name * 5}.")
    assert summary(library.index([folder])) == (3, 0, 0, 0, 0)
    assert summary(library.index([folder])) == (0, 0, 3, 0, 0)

    os.utime(folder / "a.md", (1, 1))
    assert summary(library.index([folder])) == (0, 0, 3, 0, 0), "a new date alone is no change"

    (folder / "b.md").write_text("# b\n\nThis file is about something else.")
    (folder / "c.md").unlink()
    report = library.index([folder])
    assert summary(report) == (0, 1, 1, 1, 0)
    assert report.passages == 1
    assert names(library) == ["a.md", "b.md"]
    assert not [p for p in library.search("ccccc") if "ccccc" in p.text]


def test_a_change_within_the_grain_of_the_clock_is_seen(library: Library, folder: Path) -> None:
    path = folder / "a.md"
    path.write_text("first words")
    stat = path.stat()
    library.index([path])
    path.write_text("other words")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert library.index([path]).replaced == 1


def test_only_changed_passages_are_embedded_again(library: Library, folder: Path) -> None:
    parts = [f"## Part {i}\n\n" + f"Sentence number {i} of this text. " * 15 for i in range(6)]
    (folder / "a.md").write_text("# T\n\n" + "\n\n".join(parts))
    first = library.index([folder])
    assert first.embedded == first.passages > 4
    ids = {p.text: p.id for p in library.search("sentence", k=20)}
    parts[3] = "## Part 3\n\n" + "This was written anew. " * 15
    (folder / "a.md").write_text("# T\n\n" + "\n\n".join(parts))
    second = library.index([folder])
    assert (second.replaced, second.passages, second.embedded) == (1, first.passages, 1)
    before_the_change = [p for p in library.search("sentence", k=20) if p.text in ids and p.heading[-1] < "Part 3"]
    assert before_the_change
    assert all(p.id == ids[p.text] for p in before_the_change)


def test_deleted_files_are_removed_under_the_given_roots_only(library: Library, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"about {name}")
    library.index([tmp_path / "one", tmp_path / "two"])
    for name in ("one", "two"):
        (tmp_path / name / f"{name}.md").unlink()
    assert library.index([tmp_path / "one"]).removed == 1
    assert names(library) == ["two.md"]


def test_a_folder_that_is_missing_keeps_its_documents(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("about a")
    library.index([folder])
    folder.rename(folder.with_name("unmounted"))
    report = library.index([folder])
    assert "does not exist" in report.failed[0].reason
    assert names(library) == ["a.md"]


def test_a_deleted_file_given_by_name_is_removed(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("about a")
    library.index([folder])
    (folder / "a.md").unlink()
    assert summary(library.index([folder / "a.md"])) == (0, 0, 0, 1, 0)


def test_what_is_no_document_is_passed_over(library: Library, folder: Path) -> None:
    for hidden in (".git/a.md", "node_modules/a.md", ".hidden.md", "~$a.md", "program.bin", "package-lock.json"):
        (folder / hidden).parent.mkdir(exist_ok=True)
        (folder / hidden).write_text("words of a file")
    os.mkfifo(folder / "pipe")
    (folder / "page.asp").write_text("<!doctype html><p>found by its content</p>")
    (folder / "deep").mkdir()
    (folder / "deep" / "a.md").write_text("found in a folder")
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "again.md").symlink_to(folder / "deep" / "a.md")
    report = library.index([folder, folder / "deep"])
    assert summary(report) == (2, 0, 0, 0, 0)
    assert names(library) == ["again.md", "page.asp"]


def test_bad_files_are_reported_and_the_rest_is_indexed(library: Library, folder: Path, make_pdf: MakePdf) -> None:
    (folder / "good.pdf").write_bytes(make_pdf(["a good page about whales"]))
    (folder / "named.txt").write_bytes(make_pdf(["a page of another name about otters"]))
    (folder / "zero.md").write_bytes(b"")
    (folder / "binary.pdf").write_bytes(bytes(range(256)) * 9)
    (folder / "locked.pdf").write_bytes(make_pdf(["x"], encrypted=True))
    (folder / "scan.pdf").write_bytes(make_pdf([]))
    (folder / "cut.pdf").write_bytes(make_pdf(["x"])[:200])
    (folder / "letter.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "WordDocument".encode("utf-16-le"))
    (folder / "nowhere.md").symlink_to(folder / "gone.md")
    (folder / "heading.md").write_text("# Only a heading\n")
    report = library.index([folder, folder / "missing"])
    assert summary(report) == (2, 0, 0, 0, 9)
    for name, words in {
        "zero.md": "empty (0 bytes)",
        "binary.pdf": "not a PDF although",
        "locked.pdf": "encrypted",
        "scan.pdf": "No text was found",
        "cut.pdf": "damaged",
        "letter.doc": "save it as .docx or PDF",
        "nowhere.md": "leads nowhere",
        "heading.md": "no sentence",
        "missing": "does not exist",
    }.items():
        assert words in reason(report, name)
        assert reason(report, name).endswith(".")
    assert {d.type for d in library.documents()} == {"pdf"}
    page = library.search("whales")[0]
    assert (page.page, page.text) == (1, "a good page about whales")


def test_a_folder_without_documents_is_said_so(library: Library, folder: Path) -> None:
    (folder / "program.bin").write_bytes(b"\x7fELF")
    assert "holds no documents" in reason(library.index([folder]), folder.name)


def test_a_file_that_breaks_keeps_what_was_indexed_of_it(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("about whales")
    library.index([folder])
    (folder / "a.md").write_bytes(b"")
    report = library.index([folder])
    assert "What was indexed of it before is kept." in reason(report, "a.md")
    assert library.search("whales")[0].text == "about whales"


def test_a_file_that_vanishes_while_indexing(library: Library, folder: Path) -> None:
    for name in "ab":
        (folder / f"{name}.md").write_text(f"about {name}")

    def vanish(progress: Progress) -> None:
        if progress.stage == "read" and progress.path == str(folder / "b.md"):
            (folder / "b.md").unlink()

    report = library.index([folder], progress=vanish)
    assert summary(report) == (1, 0, 0, 0, 1)
    assert "vanished" in reason(report, "b.md")


def test_stop_keeps_what_is_done_and_goes_on_later(library: Library, folder: Path) -> None:
    for i in range(8):
        (folder / f"{i}.md").write_text("\n\n".join(f"Paragraph {i} {j}. " + "word " * 60 for j in range(40)))
    stop = threading.Event()

    def after_two(progress: Progress) -> None:
        if progress.done >= 2:
            stop.set()

    first = library.index([folder], progress=after_two, stop=stop)
    assert first.stopped
    assert 2 <= first.added < 8
    assert len(library.documents()) == first.added
    second = library.index([folder])
    assert summary(second) == (8 - first.added, 0, first.added, 0, 0)


def test_progress_counts_up_to_the_end(library: Library, folder: Path) -> None:
    for i in range(5):
        (folder / f"{i}.md").write_text(f"about number {i}")
    seen: list[Progress] = []
    report = library.index([folder], progress=seen.append)
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].passages) == (5, 5, report.passages)
    assert {p.stage for p in seen} == {"scan", "read", "embed", "save"}


def test_an_error_of_the_caller_loses_nothing(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("about a")
    library.index([folder])
    (folder / "b.md").write_text("about b")

    def fail(progress: Progress) -> None:
        if progress.stage == "embed":
            raise RuntimeError("the window was closed")

    with pytest.raises(RuntimeError):
        library.index([folder], progress=fail)
    assert names(library) == ["a.md"]
    assert library.index([folder]).added == 1


def test_a_file_above_the_limits_is_reported(tmp_path: Path, embedder: object, folder: Path) -> None:
    (folder / "big.md").write_text("word " * 1000)
    library = Library(tmp_path / "library", embedder, Limits(bytes=100))  # type: ignore[arg-type]
    assert "too large" in reason(library.index([folder]), "big.md")


def test_a_full_disk_keeps_the_old_index(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.md").write_text("about whales")
    library.index([folder])
    (folder / "b.md").write_text("\n\n".join("Many words stand here. " * 20 for _ in range(400)))
    connect = sqlite3.connect

    def small(*args: object, **kwargs: object) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **kwargs)  # type: ignore[call-overload]
        db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 3}")
        return db

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", small)
        report = library.index([folder])
    assert report.stopped
    assert "disk is full" in report.failed[0].reason
    assert library.search("whales")[0].text == "about whales"
    assert library.index([folder]).added == 1


def test_another_embedder_is_refused_and_rebuild_keeps_every_document(
    library: Library, folder: Path, new_embedder: Callable[..., object]
) -> None:
    (folder / "a.md").write_text("about whales")
    (folder / "b.md").write_text("about otters")
    library.index([folder])
    (folder / "b.md").unlink()
    other = Library.open(library.folder, new_embedder("terms/32", 32))  # type: ignore[arg-type]
    for act in (lambda: other.search("whales"), lambda: other.index([folder])):
        with pytest.raises(ToolError, match="kotae index --rebuild") as caught:
            act()
        assert caught.value.reason == "library_other_embedder"
    assert len(other.documents()) == 2, "what is there can still be listed"
    report = other.index([], rebuild=True)
    assert (report.replaced, report.embedded, report.failed) == (2, 2, ())
    assert other.search("otters")[0].text == "about otters"
    assert other.status().embedder == "terms/32"
    with pytest.raises(ToolError, match="another embedder"):
        library.search("whales")


def test_a_rebuild_that_is_stopped_changes_nothing(
    library: Library, folder: Path, new_embedder: Callable[..., object]
) -> None:
    for i in range(3):
        (folder / f"{i}.md").write_text(f"about whale {i}")
    library.index([folder])
    other = Library.open(library.folder, new_embedder("terms/32", 32))  # type: ignore[arg-type]
    stop = threading.Event()
    report = other.index([folder], rebuild=True, stop=stop, progress=lambda p: stop.set())
    assert report.stopped
    assert report.added == report.replaced == 0
    assert len(library.search("whale")) == 3


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="file names are Unicode there")
def test_a_name_that_is_not_unicode_is_reported(library: Library, folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.md")).write_text("about whales")
    (folder / "good.md").write_text("about otters")
    report = library.index([folder])
    assert summary(report) == (1, 0, 0, 0, 1)
    assert "rename it" in report.failed[0].reason


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path, folder: Path, embedder: object) -> None:
    (tmp_path / "file").write_text("in the way")
    library = Library.open(tmp_path / "file" / "library", embedder)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="cannot be used") as caught:
        library.index([folder])
    assert caught.value.reason == "library_broken"
