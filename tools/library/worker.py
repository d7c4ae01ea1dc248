"""The child process that reads untrusted files, and the parent's end of it.

A request is a line of JSON. A reply is a letter, eight bytes of length, and then what the letter says: `T` a line of
JSON and the text, `E` a sentence, `I` a picture; before it, any number of `P` (pages done and pages there are) while
pages are recognised. A small letter says that the child is worn out, its memory much larger than a new one's. The child
has limits of memory and processor time and may write no file; the parent kills it when a file takes too long. One
child serves a whole run; after a crash or when it is worn out the next request starts another.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from tools.library.load import Limits, Loaded, LoadError

_HEADER = 9
_FIELDS = 2**24
"""Bytes of a reply besides its text: title and the beginnings of pages."""
_PICTURE = 2**26
_DEFAULTS = Limits()


class Worker:
    """Reads files in a child process. Not thread-safe: one thread, one worker.

    `scanning` hears how many pages of a scan are recognised, of how many.
    """

    def __init__(self, limits: Limits = _DEFAULTS, scanning: Callable[[int, int], None] | None = None) -> None:
        self._limits = limits
        self._scanning = scanning
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path) -> Loaded:
        """The text of a file. Raises `LoadError`, also when the child died or took too long."""
        return self._loaded({"do": "read", "path": os.path.abspath(path)})

    def page_of_web(self, path: Path, url: str, html: bool, seconds: float) -> Loaded:
        """The main text of a page that was fetched from `url`, read within `seconds`; `html` if it was sent as that.

        Raises `LoadError` as `read` does.
        """
        return self._loaded({"do": "web", "path": os.path.abspath(path), "url": url, "html": html}, seconds)

    def warm(self) -> None:
        """Start the child and load what pages of the web need, which takes longer than reading most pages."""
        self._ask({"do": "warm", "path": ""}, 0)

    def page(self, path: Path, page: int, highlight: str | None, scale: float) -> bytes | None:
        """A page of a PDF as PNG; None when there is no such page. Raises `LoadError`."""
        order = {"do": "page", "path": os.path.abspath(path), "page": page, "highlight": highlight, "scale": scale}
        return self._ask(order, _PICTURE) or None

    @property
    def running(self) -> bool:
        """Whether there is a child."""
        return self._process is not None

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

    def _loaded(self, order: dict[str, Any], seconds: float | None = None) -> Loaded:
        fields, _, text = self._ask(order, self._limits.characters * 4 + _FIELDS, seconds).partition(b"\n")
        found = json.loads(fields)
        return Loaded(text.decode(), **{**found, "pages": tuple(found["pages"])})

    def _ask(self, order: dict[str, Any], most: int, seconds: float | None = None) -> bytes:
        limits = self._limits
        if seconds is not None:
            limits = replace(limits, seconds=min(limits.seconds, max(0.0, seconds)), scanned_seconds=0)
        with _Clock(limits.seconds, limits.scanned_seconds) as clock:
            process = self._process = self._process or _start()
            clock.watch(process)
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps({**order, "limits": vars(limits)}).encode() + b"\n")
                process.stdin.flush()
                while True:
                    header = _exactly(process.stdout, _HEADER)
                    kind, size = header[:1].upper(), int.from_bytes(header[1:], "big")
                    if size > (most if kind in b"TI" else 4096):
                        raise EOFError
                    reply = _exactly(process.stdout, size)
                    if header[:1] != kind:
                        self.close()
                    if kind == b"E":
                        raise LoadError(reply.decode())
                    if kind != b"P":
                        return reply
                    clock.extend(limits.page_seconds)
                    if self._scanning is not None:
                        self._scanning(*json.loads(reply))
            except (EOFError, OSError, ValueError) as error:
                process.kill()
                self.close()
                if clock.late:
                    raise LoadError(
                        f"Reading it took longer than {clock.given:.0f} seconds, so it was given up: "
                        "export it again, or split it."
                    ) from error
                raise LoadError(
                    "Reading it took too much memory or crashed the reader: export it again, or split it."
                ) from error
            except LoadError:
                raise
            except BaseException:  # stopped between two pages: the rest of the reply is for nobody
                process.kill()
                self.close()
                raise


class _Clock:
    """Kills the child after `seconds`, or later if it recognises pages, but after `total` seconds whatever it says."""

    def __init__(self, seconds: float, total: float) -> None:
        self.given = seconds
        self._end = time.monotonic() + max(seconds, total)
        self._deadline = time.monotonic() + seconds
        self._done = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.late = False

    def __enter__(self) -> _Clock:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread is not None:
            self._thread.join()

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Begin to watch; the time since the clock was made, in which the child started, counts already."""
        self._process = process
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def extend(self, seconds: float) -> None:
        """The recognition of a page begins and may take so long."""
        self.given = seconds
        self._deadline = min(time.monotonic() + seconds, self._end)

    def _wait(self) -> None:
        assert self._process is not None
        while (left := self._deadline - time.monotonic()) > 0:
            if self._done.wait(left):
                return
        self.late = True
        self._process.kill()


def _start() -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[2]
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "tools.library.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env={
            **kept,
            "PYTHONPATH": str(root),
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # without arenas of its own for each thread, what a file took is given back
            "MALLOC_ARENA_MAX": "2",
        },
    )


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _reply(order: dict[str, Any], tell: Callable[[bytes, bytes], None]) -> tuple[bytes, bytes]:
    """(letter, content) of the reply to a request."""
    from tools.library.formats import Source, read

    limits = Limits(**order["limits"])
    path = Path(order["path"])

    def scanning(done: int, total: int) -> None:
        _restrain(limits.page_seconds, limits.scanned_memory)
        tell(b"P", json.dumps([done, total]).encode())

    try:
        _restrain(limits.seconds, limits.memory)
        if order["do"] == "warm":
            import_module("tools.library.formats.web").warm()
            return b"I", b""
        with path.open("rb") as file:
            data = file.read(limits.bytes + 1)
        if len(data) > limits.bytes:
            raise LoadError("The file grew beyond the limit while it was read: index again.")
        if order["do"] == "page":
            from tools.library.formats.pdf import page_png

            return b"I", page_png(data, order["page"], order["highlight"], order["scale"]) or b""
        source = Source(data, path, limits, scanning=scanning)
        if order["do"] == "web":
            from tools.library.formats.web import read_web

            loaded = read_web(source, order["url"], html=order["html"])
        else:
            loaded = read(source)
        fields = {name: value for name, value in vars(loaded).items() if name != "text"}
        fields["title"] = loaded.title[:1000]
        # a lone surrogate of a broken font cannot leave the process, and NUL ends a text in SQLite
        return b"T", json.dumps(fields).encode() + b"\n" + loaded.text.replace("\0", " ").encode("utf-8", "replace")
    except LoadError as error:
        return b"E", str(error).encode("utf-8", "replace")[:4096]
    except FileNotFoundError:
        return b"E", b"The file vanished while it was indexed: index again."
    except PermissionError:
        return b"E", b"The file may not be read: change its permissions."
    except MemoryError:
        return b"E", b"Reading it takes too much memory: split it."
    except RecursionError:
        return b"E", b"It is nested too deeply to be read: export it again, or save it as text."
    except Exception as error:
        cause = f"{type(error).__name__}"
        return b"E", f"The file could not be read ({cause}): export it again.".encode()


def _restrain(seconds: float, memory: int) -> None:
    """Bound what comes next; a system without `resource` has the parent's clock alone."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    # all cores may work for a page, so this is only what stops a child whose parent died
    cpu = int(used.ru_utime + used.ru_stime + max(0.0, seconds) * (os.cpu_count() or 1)) + 5
    # only the soft limit moves, so that the next request can move it again
    for kind, amount in (
        (resource.RLIMIT_AS, memory + _size()),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            amount = min(amount, hard)
        resource.setrlimit(kind, (amount, hard))


def _size() -> int:
    """Bytes of address space of this process, 1 GB where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        return pages * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError):
        return 2**30


def main() -> None:
    """Serve requests until the parent closes the pipe."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that a parser prints may look like a reply

    def tell(kind: bytes, content: bytes) -> None:
        out.write(kind + len(content).to_bytes(_HEADER - 1, "big") + content)
        out.flush()

    fresh = _size()
    for line in sys.stdin.buffer:
        kind, content = _reply(json.loads(line), tell)
        # the recogniser stays loaded, which is a gigabyte that is not wasted
        allowed = 3 * 2**29 if "onnxruntime" in sys.modules else 2**29
        tell(kind.lower() if _size() > fresh + allowed else kind, content)


if __name__ == "__main__":
    main()
