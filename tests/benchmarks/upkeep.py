"""What keeping a library current costs: `python -m tests.benchmarks upkeep`.

Prints the time to index 1,000 short files for the first time, to look at them again unchanged (in the same process, in
a library that was just opened, and by the command line with its start), and after one of them changed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.library import E5, Library

ROOT = Path(__file__).resolve().parents[2]
FILES = 1000
WORDS = "harbour garden railway museum library theatre bridge market station tower school hospital river castle".split()


def run(files: int = FILES) -> dict[str, Any]:
    """Make the files, measure, print and return the seconds."""
    with tempfile.TemporaryDirectory() as root:
        folder, place = Path(root, "documents"), Path(root, "data", "library")
        folder.mkdir()
        draw = random.Random(1)
        for i in range(files):
            sentence = f"The {draw.choice(WORDS)} of {draw.choice(WORDS)} {i} was opened in {draw.randint(1850, 2020)}."
            (folder / f"{i:04}.md").write_text(f"# Note {i}\n\n{sentence}")
            os.utime(folder / f"{i:04}.md", (1_600_000_000, 1_600_000_000 + i))
        library = Library.open(place, E5())
        seconds = {"first": _timed(lambda: library.index([folder]))}
        seconds["again"] = min(_timed(lambda: library.index([folder])) for _ in range(5))
        library.close()
        fresh = [Library.open(place, E5()) for _ in range(3)]
        seconds["again, just opened"] = min(_timed(lambda one=one: one.index([folder])) for one in fresh)  # type: ignore[misc]
        command = [sys.executable, "-m", "ui.cli", "index", str(folder), "--data-dir", str(place.parent)]
        seconds["again, by the command"] = min(
            _timed(lambda: subprocess.run(command, cwd=ROOT, check=True, capture_output=True)) for _ in range(3)
        )
        (folder / "0500.md").write_text("# Note 500\n\nIt was closed.")
        seconds["one changed"] = _timed(lambda: fresh[0].index([folder]))
    for name, value in seconds.items():
        print(f"{files} short files, {name}: {value:.3f} s ({seconds['first'] / value:.0f} times as fast as first)")
    return seconds


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
