"""The child process that parses untrusted files, and the parent's end of it.

A request is a line of JSON, a reply eight bytes of length and then a line of JSON (text) or a picture. The child has
limits of memory and processor time and may write no file; the parent kills it when a file takes too long. One child
serves a whole run; after a crash the next request starts another.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tools.library.load import Limits, Loaded, LoadError
from tools.library.records import DocumentType

_HEADER = 8
_DEFAULTS = Limits()


class Worker:
    """Reads files in a child process. Not thread-safe: one thread, one worker."""

    def __init__(self, limits: Limits = _DEFAULTS) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, type: DocumentType) -> Loaded:
        """The text of a PDF or HTML file. Raises `LoadError`, also when the child died or took too long."""
        reply = json.loads(self._ask({"do": "read", "path": str(path), "type": type}))
        if "error" in reply:
            raise LoadError(reply["error"])
        return Loaded(reply["text"], reply["title"], reply["type"], tuple(reply["pages"]))

    def page(self, path: Path, page: int, highlight: str | None, scale: float) -> bytes | None:
        """A page of a PDF as PNG; None when there is no such page. Raises `LoadError`."""
        order = {"do": "page", "path": str(path), "page": page, "highlight": highlight, "scale": scale}
        reply = self._ask(order)
        if reply.startswith(b"{"):
            raise LoadError(json.loads(reply)["error"])
        return reply or None

    def close(self) -> None:
        """End the child. Closing twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, order: dict[str, Any]) -> bytes:
        process = self._process = self._process or _start()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        # starting the child counts too, so a slow machine gets some seconds more
        timer = threading.Timer(self._limits.seconds + 5, kill)
        timer.start()
        try:
            process.stdin.write(json.dumps({**order, "limits": asdict(self._limits)}).encode() + b"\n")
            process.stdin.flush()
            size = int.from_bytes(_exactly(process.stdout, _HEADER), "big")
            if size > self._limits.characters * 4 + 2**26:
                raise EOFError
            return _exactly(process.stdout, size)
        except (EOFError, OSError) as error:
            process.kill()
            self.close()
            if late.is_set():
                raise LoadError(
                    f"Reading it took longer than {self._limits.seconds:.0f} seconds, so it was given up: "
                    "export it again, or split it."
                ) from error
            raise LoadError(
                "Reading it took too much memory or crashed the reader: export it again, or split it."
            ) from error
        finally:
            timer.cancel()


def _start() -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[2]
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "tools.library.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env={**kept, "PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _reply(order: dict[str, Any]) -> bytes:
    limits = Limits(**order["limits"])
    path = Path(order["path"])
    try:
        _restrain(limits)
        if path.stat().st_size > limits.bytes:
            raise LoadError("The file grew beyond the limit while it was read: index again.")
        data = path.read_bytes()
        if order["do"] == "page":
            from tools.library.pdf import page_png

            return page_png(data, order["page"], order["highlight"], order["scale"]) or b""
        if order["type"] == "pdf":
            from tools.library.pdf import read_pdf

            loaded = read_pdf(data, path, limits)
        else:
            from tools.library.html import read_html

            loaded = read_html(data, path)
            if len(loaded.text) > limits.characters:
                raise LoadError(f"The page holds more than {limits.characters:,} characters of text: split it.")
    except LoadError as error:
        return json.dumps({"error": str(error)}).encode()
    except FileNotFoundError:
        return json.dumps({"error": "The file vanished while it was indexed: index again."}).encode()
    except MemoryError:
        return json.dumps({"error": "Reading it takes too much memory: split it."}).encode()
    except Exception as error:
        cause = f"{type(error).__name__}"
        return json.dumps({"error": f"The file could not be read ({cause}): export it again."}).encode()
    # a lone surrogate of a broken font cannot leave the process
    return json.dumps(asdict(loaded), ensure_ascii=False).encode("utf-8", "replace")


def _restrain(limits: Limits) -> None:
    """Bound the next request; a system without `resource` has the parent's clock alone."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime + limits.seconds) + 5
    # only the soft limit moves, so that the next request can move it again
    for kind, amount in (
        (resource.RLIMIT_AS, limits.memory + _own_size()),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        resource.setrlimit(kind, (amount, hard))


_started_with = 0


def _own_size() -> int:
    global _started_with
    if not _started_with:
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            _started_with = pages * os.sysconf("SC_PAGESIZE")
        except (OSError, ValueError):
            _started_with = 2**30
    return _started_with


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a parser prints may look like a reply
    for line in sys.stdin.buffer:
        reply = _reply(json.loads(line))
        out.write(len(reply).to_bytes(_HEADER, "big") + reply)
        out.flush()


if __name__ == "__main__":
    main()
