"""A site on this machine: pages in both languages and old encodings, a robots.txt, redirects, and traps."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.web import Egress

PAGES = Path(__file__).parent / "pages"
ENCODED = {
    "news_ja": ("cp932", "text/html"),
    "blog_ja": ("euc_jis_2004", "text/html; charset=EUC-JP"),
}
"""Pages that are not sent in UTF-8, and what their headers say of them."""
SCRIPT_ONLY = b"<!doctype html><title>App</title><div id=root></div><script>render('all the text')</script>"


@dataclass
class Reply:
    body: bytes = b""
    type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before anything is sent."""
    drips: bool = False
    """Sends a byte now and then and never ends."""


def page(name: str) -> Reply:
    """One of the pages in `pages`, as its site would send it."""
    encoding, type = ENCODED.get(name, ("utf-8", "text/html"))
    return Reply((PAGES / f"{name}.html").read_text("utf-8").encode(encoding), type)


def article(title: str, *paragraphs: str, head: str = "", language: str = "en") -> Reply:
    """A small page with a menu around its text."""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return Reply(
        f'<!doctype html><html lang="{language}"><head><title>{title}</title>{head}</head><body>'
        f'<nav><a href="/">Start</a></nav><main><h1>{title}</h1>{text}</main>'
        "<footer>Imprint</footer></body></html>".encode()
    )


def moved(to: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": to})


class Site:
    """Serves `pages` by path; everything else is missing. `asked` are the paths in their order, `agents` who asked."""

    def __init__(self, pages: dict[str, Reply] | None = None) -> None:
        self.pages = pages or {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.ended = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.agents.add(self.headers["User-Agent"])
                with contextlib.suppress(OSError):
                    self._send(site.pages.get(self.path, Reply(b"nothing here", status=404)))

            def _send(self, reply: Reply) -> None:
                site.ended.wait(reply.delay)
                self.send_response(reply.status)
                if reply.type:
                    self.send_header("Content-Type", reply.type)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if not reply.drips:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                while reply.drips and not site.ended.wait(0.05):
                    self.wfile.write(b"x")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def egress(self, *hosts: str, **more: Any) -> Egress:
        """A way out that leads to this site alone, by these names too."""
        names = [f"{host}:{self.port}" for host in ("127.0.0.1", *hosts)]
        return Egress(names, resolve=lambda host, port: ["127.0.0.1"], **more)

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def serving(pages: dict[str, Reply] | None = None) -> Iterator[Site]:
    site = Site(pages)
    try:
        yield site
    finally:
        site.close()


def traps() -> dict[str, Reply]:
    """Pages that must cost little and end as `Unread`, by their path."""
    return {
        "/loop": moved("/loop"),
        "/there": moved("/back"),
        "/back": moved("/there"),
        "/drip": Reply(b"<p>", drips=True),
        "/slow": Reply(b"<p>late", delay=30),
        "/huge": Reply(b"<p>" + b"words " * 3_000_000),
        "/bomb": Reply(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"}),
        "/picture": Reply(b"\x89PNG\r\n\x1a\n", "image/png"),
        "/program": Reply(b"MZ\x90", "application/octet-stream"),
        "/archive-as-html": Reply(b"PK\x03\x04" + bytes(2000), "text/html"),
        "/archive-as-text": Reply(b"PK\x03\x04" + bytes(2000), "text/plain"),
        "/broken.pdf": Reply(b"%PDF-1.7\n" + b"nonsense " * 50, "application/pdf"),
        "/login": Reply(b"<p>Log in", status=401),
        "/paywall": Reply(b"<p>Pay", status=402),
        "/missing": Reply(b"<p>Not here", status=404),
        "/limited": Reply(b"<p>Too many", status=429),
        "/down": Reply(b"<p>Oops", status=503),
        "/teapot": Reply(b"<p>Short and stout", status=418),
        "/script": Reply(SCRIPT_ONLY),
        "/empty": Reply(b""),
        "/nested": Reply(b"<html><body>" + b"<div>" * 40_000 + b"deep"),
    }


def clock() -> float:
    """2026-01-02 03:04:05 UTC, always."""
    return 1767323045.0
