"""Crash, full disk, several processes: the library always opens, and each document is as it was or as it is to be."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.base import ToolError
from tools.library import Library, store, vectors

ROOT = Path(__file__).resolve().parents[3]
PARTS = Path(__file__).with_name("conftest.py")
KILLS = 50

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


class Nursery:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(NURSERY), str(PARTS)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, do: str, library: Path, given: Path, kill_after: float | None = None) -> int:
        """The child's exit code, negative for the signal that ended it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{do}\t{library}\t{given}\n")
        self.process.stdin.flush()
        child = int(self._line())
        if kill_after is not None:
            time.sleep(kill_after)
            # it stays a zombie until the nursery has read its end, so the number is nobody else's
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return int(self._line())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, term_embedder: Any) -> Case:
    return Case(tmp_path_factory.mktemp("torn"), term_embedder(), 48)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestKilled:
    def took(self, nursery: Nursery, case: Case, do: str, given: Path) -> float:
        case.copy("measured").close()
        began = time.monotonic()
        assert nursery.run(do, case.root / "measured", given) == 0
        return time.monotonic() - began

    def test_indexing_killed_at_random_points(self, nursery: Nursery, case: Case) -> None:
        whole = self.took(nursery, case, "index", case.folder)
        draw = random.Random(7)
        killed = partly = 0
        for _ in range(KILLS):
            library = case.copy("killed")
            killed += nursery.run("index", library.folder, case.folder, draw.uniform(0, whole)) == -signal.SIGKILL
            found = content(library)
            case.check(found)
            partly += found not in (case.old, case.new)
            assert library.search("note", k=3), "it answers before anything is mended"
            library.close()
            assert nursery.run("index", library.folder, case.folder) == 0
            assert content(library) == case.new, "no duplicate, nothing left out"
            assert library.verify() == []
            assert vectors.saved_state(library.folder / vectors.FILE)
            library.close()
        assert killed > KILLS // 2
        assert partly > 0, "none of the kills hit the middle, so nothing was shown"

    @pytest.mark.parametrize("do", ["rebuild", "import"])
    def test_what_is_all_or_nothing_killed_at_random_points(self, nursery: Nursery, case: Case, do: str) -> None:
        given = case.root / "before.kotae"
        whole = self.took(nursery, case, do, given)
        draw = random.Random(8)
        for _ in range(8):
            library = case.copy("killed")
            with sqlite3.connect(library.folder / store.FILE) as db:  # something that either of the two would mend
                db.execute("UPDATE documents SET language = 'ja'")
                db.execute("UPDATE passages SET heading = '[\"x\"]'")
            db.close()
            before = content(library)
            library.close()
            nursery.run(do, library.folder, given, draw.uniform(0, whole))
            found = content(library)
            changed = sum(found[path] != before[path] for path in before)
            assert found.keys() == before.keys()
            assert changed in (0, len(before))
            library.close()


FAULTS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* From the n-th write below a folder on, the disk is full. */
static long left = -1, made = 0;
static char below[4096];

void arm(long n, const char *folder) { strncpy(below, folder, sizeof below - 1); left = n; made = 0; }
long writes(void) { return made; }

static int full(int fd) {
    char link[64], path[4096];
    ssize_t length;
    if (left < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (strncmp(path, below, strlen(below))) return 0;
    made++;
    if (made <= left) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    return full(fd) ? -1 : real(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    return full(fd) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
    return full(fd) ? -1 : real(fd, data, size, at);
}
"""

FULL_DISK = """
    import ctypes, importlib.util, sys
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("torn", sys.argv[1])
    torn = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(torn)
    spec = importlib.util.spec_from_file_location("parts", str(torn.PARTS))
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    from tools.base import ToolError
    disk = ctypes.CDLL(None)
    case = torn.Case(Path(sys.argv[2]), parts.TermEmbedder(), 6)

    def attempt(do, n):
        "Whether all went well with the disk full from write n on."
        library = case.copy("full")
        before = torn.content(library)
        library.search("note")
        disk.arm(ctypes.c_long(n), str(library.folder).encode())
        said = ""
        try:
            if do == "index":
                report = library.index([case.folder])
                said = report.failed[-1].reason if report.stopped else ""
            elif do == "move":
                library.create_collection("other")
                library.move([d.id for d in library.documents()], "other")
            else:
                library.import_(case.root / "before.kotae", collection="other")
        except ToolError as error:
            assert error.reason == "library_full", error
            said = error.detail
        # the disk is still full: what there was serves
        found = torn.content(library)
        case.check(found) if do == "index" else None
        assert library.search("note", k=2)
        fresh = torn.Library.open(library.folder, case.embedder)
        assert fresh.search("note", k=2)
        assert torn.content(fresh) == found
        fresh.close()
        happened = disk.writes()
        disk.arm(ctypes.c_long(-1), b"")
        if said:
            assert "disk is full" in said and "make room" in said, said
        library.close()
        if do == "index":
            library.index([case.folder])
            assert torn.content(library) == case.new
            assert library.verify() == []
            library.close()
        return not said and happened <= n

    for do in ("index", "move", "import"):
        n = 0
        while not attempt(do, n):
            n += 1
        print(do, n, flush=True)
"""


def test_a_disk_that_is_full_from_the_nth_write_on_for_every_n(tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler to make a full disk with")
    source, faults = tmp_path / "faults.c", tmp_path / "faults.so"
    source.write_text(FAULTS)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", faults, source, "-ldl"], check=True)
    (tmp_path / "case").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), __file__, str(tmp_path / "case")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(faults), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
    assert counts.keys() == {"index", "move", "import"}
    assert min(counts.values()) > 10, "the writes were not counted"


READER = """
    import importlib.util, sys
    from pathlib import Path
    spec = importlib.util.spec_from_file_location("parts", sys.argv[1])
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    from tools.library import Library
    library = Library.open(Path(sys.argv[2]), parts.TermEmbedder())
    print("ready", flush=True)
    count = 0
    import threading
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        found = library.search("note says words", k=4)
        assert len(found) == 4
        contexts = [(p, library.context(p.id)) for p in found]
        assert all(context is None or context.text == p.text for p, context in contexts)
        library.documents()
        count += 1
    print(count, flush=True)
"""


def test_two_processes_read_while_one_writes(case: Case) -> None:
    library = case.copy("read")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(READER), str(PARTS), str(library.folder)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for _ in range(3):
        library.index([case.folder])
        library.index([], rebuild=True)
    for reader in readers:
        out, errors = reader.communicate()
        assert (reader.returncode, errors) == (0, "")
        assert int(out) > 0
    assert content(library).keys() == case.new.keys()


def test_two_processes_that_index_the_same_folder_leave_no_duplicate(nursery: Nursery, case: Case) -> None:
    library = case.copy("both")
    thread = threading.Thread(target=lambda: library.index([case.folder]))
    thread.start()
    assert nursery.run("index", library.folder, case.folder) == 0
    thread.join()
    assert content(library) == case.new
    assert library.verify() == []


def test_a_writer_that_waits_in_vain_says_so(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    library = case.copy("busy")
    other = sqlite3.connect(library.folder / store.FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    document = library.documents()[0]
    for act in (
        lambda: library.index([case.folder]),
        lambda: library.index([], rebuild=True),
        lambda: library.remove(document.id),
        lambda: library.create_collection("new"),
        lambda: library.import_(case.root / "before.kotae"),
    ):
        with pytest.raises(ToolError) as caught:
            act()
        assert caught.value.reason == "library_busy"
        assert "try again" in caught.value.detail
    assert library.search("note", k=1), "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    library.index([case.folder])
    assert content(library) == case.new
