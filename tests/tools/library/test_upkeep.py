"""What the library keeps of what failed, what was given, and what an unchanged folder costs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.base import ToolError
from tools.library import Change, Library, Scope, read, schema, store, vectors

MakePdf = Callable[..., bytes]


def failing(library: Library) -> dict[str, int]:
    return {failure.name: failure.tries for failure in library.failures()}


class TestFailures:
    def test_they_are_kept_and_go_when_the_file_is_read_or_gone(self, library: Library, folder: Path) -> None:
        for name in ("empty.md", "mended.md", "deleted.md"):
            (folder / name).touch()
        (folder / "good.md").write_text("about whales")
        library.index([folder])
        assert failing(library) == {"empty.md": 1, "mended.md": 1, "deleted.md": 1}
        assert "empty (0 bytes)" in library.failures()[0].reason
        assert library.failures()[0].failed_at == pytest.approx(time.time(), abs=60)
        (folder / "mended.md").write_text("about otters")
        (folder / "deleted.md").unlink()
        library.index([folder])
        assert failing(library) == {"empty.md": 2}

    def test_they_belong_to_collections(self, library: Library, folder: Path) -> None:
        (folder / "empty.md").touch()
        library.index([folder], collection="one")
        library.index([folder], collection="two")
        assert len(library.failures()) == 2
        assert [f.collection for f in library.failures(Scope.of("two"))] == ["two"]
        assert library.failures(Scope.of()) == []
        library.delete_collection("two")
        assert [f.collection for f in library.failures()] == ["one"]

    def test_retry_reads_them_again_wherever_they_belong(self, library: Library, folder: Path) -> None:
        for name in ("a.md", "b.md"):
            (folder / name).touch()
            library.index([folder / name], collection=name[0])
        (folder / "a.md").write_text("about whales")
        report = library.retry()
        assert (report.added, len(report.failed)) == (1, 1)
        assert failing(library) == {"b.md": 2}
        assert [d.collection for d in library.documents()] == ["a"]
        (folder / "b.md").write_text("about otters")
        assert library.retry([folder / "nothing.md"]).added == 0
        assert library.retry([folder / "b.md"], collection="a").added == 0
        assert library.retry([folder / "b.md"], collection="b").added == 1
        assert library.failures() == []

    def test_dismissed_ones_return_when_they_fail_again(self, library: Library, folder: Path) -> None:
        (folder / "empty.md").touch()
        library.index([folder])
        assert library.dismiss([folder / "empty.md"]) == 1
        assert library.dismiss([folder / "empty.md"]) == 0
        assert library.failures() == []
        library.index([folder])
        assert failing(library) == {"empty.md": 1}

    def test_a_document_that_broke_is_stale_until_it_is_mended(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        library.index([folder])
        assert [(d.state, d.error) for d in library.documents()] == [("indexed", "")]
        (folder / "a.md").write_bytes(b"")
        library.index([folder])
        (document,) = library.documents()
        assert document.state == "stale"
        assert "kept" in document.error
        (folder / "a.md").write_text("about whales")
        library.index([folder])
        assert [(d.state, d.error) for d in library.documents()] == [("indexed", "")]

    def test_a_path_that_is_misspelt_is_reported_and_not_kept(self, library: Library, folder: Path) -> None:
        assert len(library.index([folder / "nowhere"]).failed) == 1
        assert library.failures() == []

    def test_what_failed_before_a_stop_is_kept(self, library: Library, folder: Path) -> None:
        import threading

        (folder / "0.md").touch()
        for i in range(1, 5):
            (folder / f"{i}.md").write_text("word " * 4000)
        stop = threading.Event()
        library.index([folder], stop=stop, progress=lambda p: stop.set() if p.done >= 2 else None)
        assert failing(library) == {"0.md": 1}

    def test_removing_a_document_takes_its_failure_along(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        library.index([folder])
        (folder / "a.md").write_bytes(b"")
        library.index([folder])
        assert library.remove(library.documents()[0].id)
        assert library.failures() == []


class TestDocuments:
    def test_owner_and_dates(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        os.utime(folder / "a.md", (1_000_000, 1_000_000))
        library.index([folder], owner="Ann")
        (document,) = library.documents()
        assert (document.owner, document.modified, document.source) == ("Ann", 1_000_000.0, "file")
        library.index([folder])
        assert library.documents()[0].owner == "Ann", "nobody said otherwise"
        assert library.search("whales", scope=Scope(owners=frozenset({"Ann"})))
        library.index([folder], owner="Ben")
        assert library.documents()[0].owner == "Ben"
        assert library.search("whales", scope=Scope(owners=frozenset({"Ann"}))) == []

    def test_reread(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        library.index([folder], collection="sea", owner="Ann")
        before = library.documents()[0]
        report = library.reread(before.id)
        after = library.documents()[0]
        assert report.replaced == 1
        assert after.indexed_at > before.indexed_at
        assert (after.id, after.collection, after.owner) == (before.id, "sea", "Ann")
        assert [s.path for s in library.sources()] == [str(folder)], "its path is no new root"
        with pytest.raises(ToolError) as caught:
            library.reread("nothing")
        assert caught.value.reason == "library_unknown"

    def test_changes_are_told_as_they_are_written(self, library: Library, folder: Path) -> None:
        for name in "abc":
            (folder / f"{name}.md").write_text(f"about {name}")
        library.index([folder])
        (folder / "a.md").write_text("about something else")
        (folder / "b.md").unlink()
        (folder / "c.md").write_bytes(b"")
        (folder / "d.md").write_text("about d")
        seen: list[Change] = []
        library.index([folder], changed=seen.append)
        told = {(c.kind, Path(c.path).name) for c in seen}
        assert told == {("replaced", "a.md"), ("removed", "b.md"), ("failed", "c.md"), ("added", "d.md")}

    def test_sources_and_what_is_watched(self, library: Library, folder: Path) -> None:
        (folder / "a.md").write_text("about whales")
        library.index([folder])
        library.index([folder / "a.md"], collection="two")
        assert [(s.kind, s.collection, s.watched) for s in library.sources()] == [
            ("folder", "default", False),
            ("file", "two", False),
        ]
        assert all(s.checked_at > 0 for s in library.sources())
        library.watch([folder, "https://Example.com"], every=600)
        assert [(s.path, s.every) for s in library.watched()] == [(str(folder), None), ("https://example.com/", 600.0)]
        library.watch(["https://example.com/"], every=1)
        assert library.watched()[1].every == 60.0, "no server is asked more often"
        assert library.unwatch(["https://example.com", folder / "a.md"]) == 1
        assert [s.path for s in library.watched()] == [str(folder)]


class TestUnchanged:
    """An unchanged folder costs a look at each file, nothing else."""

    @pytest.fixture
    def old(self, library: Library, folder: Path, make_pdf: MakePdf) -> Library:
        for i in range(20):
            (folder / f"{i}.md").write_text(f"about number {i}")
        (folder / "page.pdf").write_bytes(make_pdf(["about pages"]))
        for file in folder.iterdir():
            os.utime(file, (1_000_000, 1_000_000))
        library.index([folder])
        return library

    def test_nothing_is_hashed_parsed_or_embedded(
        self, old: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(*_: object, **__: object) -> None:
            raise AssertionError("this is work")

        monkeypatch.setattr(read, "_sha256", never)
        monkeypatch.setattr(subprocess, "Popen", never)
        monkeypatch.setattr(old.embedder, "passages", never)
        monkeypatch.setattr(vectors.VectorIndex, "refresh", never)
        monkeypatch.setattr(vectors.VectorIndex, "save", never)
        assert old.index([folder]).unchanged == 21

    def test_one_transaction_that_leaves_the_state_alone(self, old: Library, folder: Path) -> None:
        def state() -> str:
            with sqlite3.connect(old.folder / store.FILE) as db:
                return store.state(db)

        before = state()
        file = (old.folder / vectors.FILE).stat()
        statements: list[str] = []
        connect = sqlite3.connect

        def tracing(*args: object, **more: object) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*args, **more)  # type: ignore[call-overload]
            db.set_trace_callback(statements.append)
            return db

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", tracing)
            old.index([folder])
        assert sum(s.startswith("BEGIN IMMEDIATE") for s in statements) == 1
        assert len([s for s in statements if "documents" in s]) < 10, "not one for each file"
        assert state() == before
        assert (old.folder / vectors.FILE).stat() == file

    def test_a_file_within_the_grain_of_the_clock_is_hashed_once(
        self, library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "a.md").write_text("about whales")
        library.index([folder])
        hashed: list[Path] = []
        digest = read._sha256
        monkeypatch.setattr(read, "_sha256", lambda path: hashed.append(path) or digest(path))  # type: ignore[func-returns-value]
        monkeypatch.setattr(read, "_RACY", 0.0)  # as if the clock had gone on
        library.index([folder])
        library.index([folder])
        assert hashed == []
        monkeypatch.setattr(read, "_RACY", 1e9)
        library.index([folder])
        assert len(hashed) == 1


SCHEMA_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE roots (path TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE documents (
        id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, type TEXT NOT NULL,
        language TEXT NOT NULL, text TEXT NOT NULL, pages TEXT NOT NULL, bytes INTEGER NOT NULL,
        modified INTEGER NOT NULL, sha256 TEXT NOT NULL, indexed_at REAL NOT NULL)""",
    """CREATE TABLE passages (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        document TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        start INTEGER NOT NULL, "end" INTEGER NOT NULL, page INTEGER, heading TEXT NOT NULL, language TEXT NOT NULL,
        text TEXT NOT NULL, key TEXT NOT NULL, vector BLOB NOT NULL)""",
    "CREATE INDEX passages_of_document ON passages (document)",
    "CREATE INDEX passages_by_key ON passages (key)",
    'CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize = "unicode61 remove_diacritics 0")',
)


@pytest.fixture
def first_layout(library: Library, folder: Path) -> Library:
    """A library as the first version wrote it: the tables of layout 1, with the rows of one that was just made."""
    (folder / "a.md").write_text("# Sea\n\nabout whales")
    (folder / "b.md").write_text("about otters")
    library.index([folder])
    library.close()
    path = library.folder / store.FILE
    with sqlite3.connect(path.with_suffix(".old")) as old:
        for statement in SCHEMA_1:
            old.execute(statement)
        old.execute("ATTACH ? AS new", (str(path),))
        for table, columns in {
            "meta": "key, value",
            "roots": "path",
            "documents": "id, path, title, type, language, text, pages, bytes, modified, sha256, indexed_at",
            "passages": '"number", id, document, start, "end", page, heading, language, text, key, vector',
        }.items():
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        old.execute("INSERT INTO main.words (rowid, terms) SELECT rowid, terms FROM new.words")
        old.execute("PRAGMA user_version = 1")
    old.close()
    for file in library.folder.glob(f"{store.FILE}*"):
        file.unlink()
    path.with_suffix(".old").rename(path)
    return library


class TestMigration:
    def test_a_library_of_the_first_layout_opens_as_it_was(self, first_layout: Library, folder: Path) -> None:
        library = first_layout
        assert library.search("whales", k=1)[0].title == "Sea"
        assert [(d.collection, d.state, d.source) for d in library.documents()] == [("default", "indexed", "file")] * 2
        assert [(s.path, s.kind) for s in library.sources()] == [(str(folder), "folder")]
        report = library.index([folder])
        assert (report.unchanged, report.embedded) == (2, 0)
        assert library.verify() == []
        with sqlite3.connect(library.folder / store.FILE) as db:
            assert schema.version(db) == schema.SCHEMA
            fresh = sqlite3.connect(":memory:")
            schema.make(fresh, "x")
            shape = (
                "SELECT name, replace(replace(sql, '\"', ''), ' ', '') FROM sqlite_master WHERE name NOT LIKE 'sqlite%'"
            )
            assert sorted(db.execute(shape)) == sorted(fresh.execute(shape))

    def test_a_migration_that_fails_leaves_the_old_layout(
        self, first_layout: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(db: sqlite3.Connection) -> None:
            schema._collections_and_upkeep(db)
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setitem(schema._STEPS, 1, fails)
            with pytest.raises(ToolError) as caught:
                first_layout.search("whales")
        assert caught.value.reason == "library_full"
        with sqlite3.connect(first_layout.folder / store.FILE) as db:
            assert schema.version(db) == 1
            assert db.execute("SELECT count(*) FROM documents").fetchone() == (2,)
        assert first_layout.search("whales", k=1)[0].title == "Sea"

    def test_two_that_open_it_at_once(self, first_layout: Library, embedder: object) -> None:
        import threading

        others = [Library.open(first_layout.folder, embedder) for _ in range(6)]  # type: ignore[arg-type]
        found: list[str] = []
        threads = [threading.Thread(target=lambda o=o: found.append(o.search("whales", k=1)[0].title)) for o in others]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["Sea"] * 6


def test_a_collection_that_vanishes_while_it_is_indexed(library: Library, folder: Path) -> None:
    (folder / "a.md").write_text("about whales")

    def delete(progress: object) -> None:
        if getattr(progress, "stage", "") == "embed":
            library.delete_collection("brief")

    with pytest.raises(ToolError) as caught:
        library.index([folder], collection="brief", progress=delete)
    assert caught.value.reason == "library_unknown"
    assert library.documents() == []
