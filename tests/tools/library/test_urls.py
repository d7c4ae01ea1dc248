"""Web pages as documents: read by their content, asked for again sparingly, and given up only when they are gone."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

import pytest

from tools.base import ToolError
from tools.library import Library, Limits, Scope, Watcher
from tools.library import watch as module
from tools.library.load import Loaded
from tools.library.worker import Worker
from tools.web import Egress

MakePdf = Callable[..., bytes]


@dataclass
class Page:
    body: bytes
    type: str = "text/html"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """A real server on this machine. `asked` are the paths with the condition that came along."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                condition = self.headers.get("If-None-Match") or self.headers.get("If-Modified-Since") or ""
                site.asked.append((self.path, condition))
                page = site.pages.get(self.path, Page(b"nothing here", status=404))
                fits = condition and condition in (page.headers.get("ETag"), page.headers.get("Last-Modified"))
                self.send_response(304 if fits and page.status == 200 else page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if not (fits and page.status == 200):
                    self.send_header("Content-Type", page.type)
                    self.send_header("Content-Length", str(len(page.body)))
                self.end_headers()
                if not (fits and page.status == 200):
                    self.wfile.write(page.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def html(text: str, title: str = "A page") -> bytes:
    return f"<!doctype html><title>{title}</title><nav>menu</nav><main><h1>{title}</h1><p>{text}</p></main>".encode()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def library(tmp_path: Path, embedder: object, site: Site) -> Iterator[Library]:
    library = Library.open(tmp_path / "library", embedder, egress=Egress([f"127.0.0.1:{site.port}"]))  # type: ignore[arg-type]
    yield library
    library.close()


def test_a_page_is_a_document(library: Library, site: Site) -> None:
    site.pages["/otters"] = Page(html("Otters live in rivers."), headers={"Last-Modified": formatdate(1_000_000)})
    report = library.index([site.url("/otters#part")], collection="web", owner="Ann")
    assert (report.added, report.failed) == (1, ())
    (document,) = library.documents(Scope.of("web"))
    assert (document.path, document.title, document.type) == (site.url("/otters"), "A page", "html")
    assert (document.source, document.owner, document.modified) == ("url", "Ann", 1_000_000.0)
    found = library.search("otters")[0]
    assert (found.text, found.url) == ("Otters live in rivers.", site.url("/otters"))
    assert library.page_image(document.id, 1) is None


@pytest.mark.parametrize("type", ["application/pdf", "text/html", "application/octet-stream", ""])
def test_the_content_tells_the_type(library: Library, site: Site, make_pdf: MakePdf, type: str) -> None:
    site.pages["/download?id=7"] = Page(make_pdf(["about whales"], ["about otters"]), type)
    assert library.index([site.url("/download?id=7")]).added == 1
    assert (library.documents()[0].type, library.search("otters")[0].page) == ("pdf", 2)


@pytest.mark.parametrize(
    ("path", "type", "body", "kind", "title", "text"),
    [
        ("/notes/read%20me.md", "text/plain", b"# Sea\n\nabout whales", "markdown", "Sea", "about whales"),
        ("/plain.txt", "text/plain", b"about whales", "text", "plain", "about whales"),
        ("/", "text/plain; charset=utf-8", "鯨の話です。".encode(), "text", None, "鯨の話です。"),
        (
            "/sjis",
            "text/html; charset=Shift_JIS",
            "<html><p>鯨の話です。".encode("cp932"),
            "html",
            "sjis",
            "鯨の話です。",
        ),
        # the server's word goes before the page's own
        (
            "/both",
            "text/html; charset=euc-jp",
            "<html><meta charset=utf-8><p>鯨の話。".encode("euc-jp"),
            "html",
            "both",
            "鯨の話。",
        ),
        ("/odd", "text/html; charset=nonsense", "<html><p>鯨の話。".encode(), "html", "odd", "鯨の話。"),
        ("/..%2f..%2fetc%2fpasswd", "text/plain", b"about whales", "text", None, "about whales"),
    ],
)
def test_encodings_and_titles(
    library: Library, site: Site, path: str, type: str, body: bytes, kind: str, title: str | None, text: str
) -> None:
    site.pages[path] = Page(body, type)
    assert library.index([site.url(path)]).failed == ()
    (document,) = library.documents()
    assert document.type == kind
    assert title in (None, document.title)
    assert library.search(text)[0].text == text


@pytest.mark.parametrize("headers", [{"ETag": '"v1"'}, {"Last-Modified": formatdate(1_000_000, usegmt=True)}, {}])
def test_an_unchanged_page_is_asked_for_with_its_mark(library: Library, site: Site, headers: dict[str, str]) -> None:
    site.pages["/a"] = Page(html("about whales"), headers=headers)
    library.index([site.url("/a")])
    report = library.index([site.url("/a")])
    assert (report.unchanged, report.embedded) == (1, 0)
    assert [condition for _, condition in site.asked] == ["", next(iter(headers.values()), "")]
    site.pages["/a"] = Page(html("about otters"), headers={"ETag": '"v2"'})
    assert library.index([site.url("/a")]).replaced == 1
    assert library.search("otters")[0].text == "about otters"
    assert library.reread(library.documents()[0].id).replaced == 1
    assert site.asked[-1][1] == "", "what is read anew is asked for without a condition"


def test_a_removed_page_is_read_in_full_again(library: Library, site: Site) -> None:
    """Its mark must not outlive it: a 304 would leave it missing for ever."""
    site.pages["/a"] = Page(html("about whales"), headers={"ETag": '"v1"'})
    library.index([site.url("/a")])
    library.remove(library.documents()[0].id)
    assert library.sources() == []
    assert library.index([site.url("/a")]).added == 1


def test_not_found_twice_is_gone(library: Library, site: Site) -> None:
    site.pages["/a"] = Page(html("about whales"), headers={"ETag": '"v1"'})
    library.index([site.url("/a")])
    id = library.documents()[0].id
    site.pages["/a"].status = 404
    first = library.index([site.url("/a")])
    assert (first.removed, len(first.failed)) == (0, 1)
    assert [(d.state, d.passages) for d in library.documents()] == [("stale", 1)]
    site.pages["/a"].status = 410
    second = library.index([site.url("/a")])
    assert (second.removed, second.failed) == (1, ())
    assert [(d.state, d.passages) for d in library.documents()] == [("gone", 0)]
    assert library.failures() == []
    with pytest.raises(ToolError, match="library_empty"):
        library.search("whales")
    assert library.index([site.url("/a")]).removed == 0, "gone it is once"
    assert library.index([], rebuild=True).failed == ()
    assert library.verify() == []
    site.pages["/a"].status = 200
    assert library.index([site.url("/a")]).replaced == 1
    assert [(d.id, d.state) for d in library.documents()] == [(id, "indexed")]
    assert library.search("whales")


def test_found_again_in_between_it_is_not_gone(library: Library, site: Site) -> None:
    site.pages["/a"] = Page(html("about whales"))
    for status in (200, 404, 200, 404):
        site.pages["/a"].status = status
        library.index([site.url("/a")])
    assert [d.state for d in library.documents()] == ["stale"]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (Page(b"", status=500), "trouble (500)"),
        (Page(b"", status=429), "trouble (429)"),
        (Page(b"", status=403), "not open to everybody"),
        (Page(b"", status=418), "status 418"),
        (Page(b"", status=302, headers={"Location": "http://127.0.0.1:1/"}), "Port 1 "),
        (Page(b"", status=302, headers={"Location": "http://10.0.0.1/"}), "not on the public Internet"),
        (Page(b""), "empty"),
        (Page(html("")[:30]), "No text"),
        (Page(bytes(range(256)) * 20, "application/zip"), "binary"),
    ],
)
def test_any_other_trouble_keeps_what_there_was(library: Library, site: Site, page: Page, words: str) -> None:
    site.pages["/a"] = Page(html("about whales"))
    library.index([site.url("/a")])
    site.pages["/a"] = page
    report = library.index([site.url("/a")])
    assert words in report.failed[0].reason
    assert [(d.state, d.passages) for d in library.documents()] == [("stale", 1)]
    assert [f.path for f in library.failures()] == [site.url("/a")]
    assert library.search("whales")[0].text == "about whales"


def test_addresses_that_are_refused_are_reported(library: Library, site: Site) -> None:
    site.pages["/a"] = Page(html("about whales"))
    bad = ["http://127.0.0.1:1/", "http://user@example.com/", "http://169.254.169.254/latest/", "https://0x7f000001/"]
    report = library.index([*bad, site.url("/a")])
    assert (report.added, len(report.failed)) == (1, 4)


def test_a_page_beyond_the_limits(tmp_path: Path, embedder: object, site: Site) -> None:
    site.pages["/big"] = Page(html("word " * 100_000))
    small = Library(
        tmp_path / "small",
        embedder,
        Limits(),
        Egress([f"127.0.0.1:{site.port}"], bytes=100_000),  # type: ignore[arg-type]
    )
    assert "larger than" in small.index([site.url("/big")]).failed[0].reason


def test_a_page_that_was_read_in_part_says_so_and_is_read_again(
    library: Library, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = "Only the first 500 scanned pages were read: split the file."
    monkeypatch.setattr(Worker, "read", lambda self, path: Loaded("about whales", "Whales", "pdf", (0,), missing))
    site.pages["/a"] = Page(b"%PDF-1.4", "application/pdf", headers={"ETag": "x"})
    for tries in (1, 2):
        (failure,) = library.index([site.url("/a")]).failed
        assert (failure.partial, failure.tries, failure.reason) == (True, tries, missing)
        assert library.documents()[0].state == "partial"
    assert site.asked == [("/a", ""), ("/a", "")]
    monkeypatch.undo()
    site.pages["/a"] = Page(html("about whales"))
    assert library.index([site.url("/a")]).failed == ()
    assert (library.documents()[0].state, library.failures()) == ("indexed", [])


def test_nothing_of_a_page_stays_on_the_disk_but_the_library(library: Library, site: Site, tmp_path: Path) -> None:
    site.pages["/a"] = Page(html("about whales"))
    before = {path for path in tmp_path.rglob("*") if library.folder not in path.parents}
    library.index([site.url("/a")])
    assert {path for path in tmp_path.rglob("*") if library.folder not in path.parents} - {library.folder} == before - {
        library.folder
    }


def test_a_watched_page_is_read_on_its_schedule(library: Library, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK", 0.05)
    monkeypatch.setattr("tools.library.sources.SHORTEST", 0.2)
    site.pages["/often"] = Page(html("about whales"), headers={"ETag": '"1"'})
    site.pages["/seldom"] = Page(html("about otters"))
    library.index([site.url("/often")], every=0.2)
    library.index([site.url("/seldom")], every=3600)
    watcher = Watcher(library)
    watcher.start()
    deadline = time.monotonic() + 15
    while sum(path == "/often" for path, _ in site.asked) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert set(watcher.status().pages) == {site.url("/often"), site.url("/seldom")}
    assert watcher.stop()
    assert [path for path, _ in site.asked].count("/seldom") == 1
    assert [condition for path, condition in site.asked if path == "/often"][1:4] == ['"1"'] * 3
