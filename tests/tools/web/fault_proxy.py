"""A proxy that stands before a server and does to every connection what its `fault` says."""

from __future__ import annotations

import contextlib
import gzip
import random
import socket
import socketserver
import struct
import threading
from typing import Literal, get_args

Fault = Literal[
    "none",
    "202",
    "403",
    "429",
    "500",
    "503",
    "reset",
    "drip",
    "garbage",
    "endless",
    "silence",
    "type",
    "truncated",
    "loop",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""`none` passes everything on."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
_REASONS = {
    "202": b"202 Accepted",
    "403": b"403 Forbidden",
    "429": b"429 Too Many Requests",
    "500": b"500 Error",
    "503": b"503 Service Unavailable",
}


class FaultProxy(socketserver.ThreadingTCPServer):
    """`connections` counts what reached it; every connection is one request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, upstream: tuple[str, int], fault: Fault = "none") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.fault: Fault = fault
        self.connections = 0
        self.retry_after = ""
        """What a refusal says of when to come back."""
        self.once = False
        """Only the first connection has the fault."""
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_close(self) -> None:
        self.closing.set()
        super().server_close()

    def handle_error(self, *args: object) -> None:
        """Clients that hang up are what this is for."""


class _Handler(socketserver.BaseRequestHandler):
    server: FaultProxy
    request: socket.socket

    def handle(self) -> None:
        self.server.connections += 1
        with contextlib.suppress(OSError):
            sound = self.server.once and self.server.connections > 1
            self._do("none" if sound else self.server.fault, self._asked())

    def _asked(self) -> bytes:
        """The whole request."""
        asked = b""
        while b"\r\n\r\n" not in asked and (part := self.request.recv(65536)):
            asked += part
        head, _, body = asked.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length and (part := self.request.recv(65536)):
            asked, body = asked + part, body + part
        return asked

    def _do(self, fault: Fault, asked: bytes) -> None:
        send = self.request.sendall
        if fault == "none":
            with socket.create_connection(self.server.upstream) as upstream:
                upstream.sendall(asked)
                while part := upstream.recv(65536):
                    send(part)
        elif fault in _REASONS:
            later = f"Retry-After: {self.server.retry_after}\r\n".encode() if self.server.retry_after else b""
            send(b"HTTP/1.1 " + _REASONS[fault] + b"\r\nContent-Length: 0\r\nConnection: close\r\n" + later + b"\r\n")
        elif fault == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "drip":
            send(_HEAD + b"\r\n")
            while not self.server.closing.wait(0.05):
                send(b"<")
        elif fault == "garbage":
            send(random.Random(len(asked)).randbytes(5000))
        elif fault == "endless":
            send(_HEAD + b"\r\n<html>")
            while not self.server.closing.is_set():
                send(b"<p>more</p>" * 5000)
        elif fault == "silence":
            self.server.closing.wait(60)
        elif fault == "type":
            body = b"\x89PNG\r\n\x1a\n" + bytes(3000)
            send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n")
            send(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        elif fault == "truncated":
            body = gzip.compress(bytes(range(256)) * 40, compresslevel=0)[:3000]
            send(_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        else:
            place = asked.split(b" ", 2)[1]
            send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + place + b"\r\n\r\n")
