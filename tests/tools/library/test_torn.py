"""Crash and full disk: the library always opens, and each document is as it was or as it is to be."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torn_parts
from torn_parts import ROOT, Case, Nursery, content
from torn_parts import case as case
from torn_parts import nursery as nursery

from tools.library import store, vectors

KILLS = 50


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
            killed += (
                nursery.run("index", library.folder, case.folder, kill_after=draw.uniform(0, whole)) == -signal.SIGKILL
            )
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
            nursery.run(do, library.folder, given, kill_after=draw.uniform(0, whole))
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
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), torn_parts.__file__, str(tmp_path / "case")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(faults), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {line.split()[0]: int(line.split()[1]) for line in done.stdout.splitlines()}
    assert counts.keys() == {"index", "move", "import"}
    assert min(counts.values()) > 10, "the writes were not counted"
