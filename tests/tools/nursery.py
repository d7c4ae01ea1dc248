"""Children of a process that is forked from a warm one and may be killed at any moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path


class Nursery:
    """Runs a script that says "ready", and then for each line it reads forks a child, tells its number, and at its end
    its exit code. `parts`: the folder that the script finds as its argument."""

    def __init__(self, script: str, parts: Path, root: Path, **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(parts)],
            env={**os.environ, "PYTHONPATH": str(root), **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, *told: object, kill_after: float | None = None) -> int:
        """The exit code of a child that is told this, negative for the signal that ended it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\t".join(map(str, told)) + "\n")
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
