"""A library before and after a change, and processes that work on it and may be killed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.nursery import Nursery as Nursery
from tools.library import Library

ROOT = Path(__file__).resolve().parents[3]
PARTS = Path(__file__).with_name("conftest.py")

Content = dict[str, tuple[Any, ...]]


def content(library: Library) -> Content:
    """All of it by path: documents, passages with their vectors and words."""
    with library._store.read(any_embedder=True) as db:
        assert db is not None
        found: Content = {}
        for row in db.execute("SELECT id, path, title, type, language, bytes, sha256, pages, text FROM documents"):
            passages = db.execute(
                'SELECT p.id, p.start, p."end", p.heading, p.text, p.key, p.vector, w.terms FROM passages p '
                "LEFT JOIN words w ON w.rowid = p.number WHERE p.document = ? ORDER BY p.start",
                row[:1],
            ).fetchall()
            found[row[1]] = (*row, passages)
        return found


def text(i: int, version: str) -> str:
    parts = "\n\n".join(f"## Part {j}\n\nNote {i} {version} says {i * j} of it. " + "Words. " * 40 for j in range(5))
    return f"# Note {i} {version}\n\n{parts}"


class Case:
    """A folder of documents, and the library of it before and after some were changed, added and deleted."""

    def __init__(self, root: Path, embedder: Any, count: int) -> None:
        self.root = root
        self.embedder = embedder
        self.folder = root / "documents"
        self.folder.mkdir()
        for i in range(count):
            self.file(i).write_text(text(i, "old"))
        before = Library.open(root / "before", embedder)
        before.index([self.folder])
        self.old = content(before)
        before.export(root / "before.kotae")
        before.close()
        for i in range(0, count, 2):
            self.file(i).write_text(text(i, "new"))
        for i in range(1, count, 6):
            self.file(i).unlink()
        for i in range(count, count + count // 3):
            self.file(i).write_text(text(i, "added"))
        after = self.copy("after")
        after.index([self.folder])
        self.new = content(after)
        after.close()

    def file(self, i: int) -> Path:
        return self.folder / f"{i}.md"

    def copy(self, name: str) -> Library:
        shutil.rmtree(self.root / name, ignore_errors=True)
        shutil.copytree(self.root / "before", self.root / name)
        return Library.open(self.root / name, self.embedder)

    def check(self, found: Content) -> None:
        """Each document is the old or the new one, whole."""
        for path in self.old.keys() | self.new.keys():
            assert found.get(path) in (self.old.get(path), self.new.get(path)), path
        assert found.keys() <= self.old.keys() | self.new.keys()


NURSERY = """
    # Everything is loaded once; each line asks for a child of its own that does the work and may be killed.
    import importlib.util, os, sys
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("parts", sys.argv[1])
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    import faiss
    from tools.library import Library
    print("ready", flush=True)
    for line in sys.stdin:
        do, folder, given = line.rstrip("\\n").split("\\t")
        child = os.fork()
        if child == 0:
            library = Library.open(Path(folder), parts.TermEmbedder())
            if do == "import":
                library.import_(Path(given))
            else:
                library.index([Path(given)] if do == "index" else [], rebuild=do == "rebuild")
            library.close()
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery(NURSERY, PARTS, ROOT, OMP_NUM_THREADS="1")
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, term_embedder: Any) -> Case:
    return Case(tmp_path_factory.mktemp("torn"), term_embedder(), 48)
