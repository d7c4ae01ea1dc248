"""A model of the catalogue whose sources are on this machine, and a server that behaves as asked."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from agent.models.catalogue import CatalogueModel

CONTENT = bytes(range(256)) * 4096  # 1 MiB, the bytes of the model that the local sources hold


def make_model(*sources: dict[str, Any], content: bytes = CONTENT, **changes: Any) -> CatalogueModel:
    values: dict[str, Any] = {
        "name": "tiny",
        "title": "Tiny",
        "file": "tiny.gguf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "memory": 1000,
        "licence": "Apache-2.0",
        "languages": ["en"],
        "speed": {"prompt": "fast", "output": "fast"},
        "sources": sources or [{"kind": "url", "url": "http://127.0.0.1:9/tiny.gguf"}],
    }
    return CatalogueModel.model_validate(values | changes)


class Place(ThreadingHTTPServer):
    """A local server; the first part of a path says how it behaves. `asked` keeps path and range of each GET."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str]] = []
        self.hold = threading.Event()

    def url(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{behaviour}/tiny.gguf"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Place

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        behaviour = self.path.split("/")[1]
        ranged = self.headers.get("Range", "")
        self.server.asked.append((behaviour, ranged))
        getattr(self, f"_{behaviour}")(int(m[1]) if (m := re.match(r"bytes=(\d+)-", ranged)) else 0)

    def _send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _ranges(self, start: int) -> None:
        if not start:
            return self._send(200, CONTENT)
        shown = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return self._send(206, CONTENT[start:], Content_Range=shown)

    def _no_ranges(self, start: int) -> None:
        self._send(200, CONTENT)

    def _cut_once(self, start: int) -> None:
        if start:
            return self._ranges(start)
        self._send(200, CONTENT[: len(CONTENT) // 2], len(CONTENT))
        self.close_connection = True
        return None

    def _cut(self, start: int) -> None:
        """Never a byte of what it promises."""
        self._send(200, b"", len(CONTENT))
        self.close_connection = True

    def _stalled(self, start: int) -> None:
        self._send(200, CONTENT[: len(CONTENT) // 4], len(CONTENT))
        self.wfile.flush()
        self.server.hold.wait(20)
        self.close_connection = True

    def _wrong(self, start: int) -> None:
        self._send(200, CONTENT[::-1])

    def _longer(self, start: int) -> None:
        self._send(200, CONTENT + b"!")

    def _endless(self, start: int) -> None:
        """More than there may be, without saying how much."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(CONTENT + b"!" * 4096)
        self.close_connection = True

    def _other_range(self, start: int) -> None:
        if not start:
            return self._send(200, CONTENT)
        return self._send(206, CONTENT[1:], Content_Range=f"bytes 1-{len(CONTENT) - 1}/{len(CONTENT)}")

    def _past_the_end(self, start: int) -> None:
        if start:
            return self._send(416, b"")
        return self._send(200, CONTENT)

    def _missing(self, start: int) -> None:
        self._send(404, b"no such file")

    def _busy(self, start: int) -> None:
        self._send(503, b"later")

    def _redirect(self, start: int) -> None:
        self._send(302, b"", Location="/ranges/tiny.gguf")

    def _elsewhere(self, start: int) -> None:
        self._send(302, b"", Location="http://models.example/tiny.gguf")
