"""Several processes with one library: they read while one writes, leave no duplicate, and do not wait for ever."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest
from torn_parts import PARTS, ROOT, Case, Nursery, content
from torn_parts import case as case
from torn_parts import nursery as nursery

from tools.base import ToolError
from tools.library import store

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
