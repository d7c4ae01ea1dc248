"""The one way out on a real connection: bodies, limits, deadlines, redirects and TLS."""

from __future__ import annotations

import gzip
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from closed_network import OK, PUBLIC, Network, refused

from tools.web.addresses import EgressError, read
from tools.web.egress import Egress


@contextmanager
def server(answer: Callable[[socket.socket], None], wrap: ssl.SSLContext | None = None) -> Iterator[int]:
    """A real server on a loopback port; `answer` gets each connection after its request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    talk = wrap.wrap_socket(connection, server_side=True) if wrap else connection
                    talk.recv(65536)
                    answer(talk)
                    talk.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.close()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fetch(port: int, path: str = "/", **more: object) -> object:
    return Egress([f"127.0.0.1:{port}"], **more).get(f"http://127.0.0.1:{port}{path}")  # type: ignore[arg-type]


def test_a_real_page() -> None:
    page = reply(
        gzip.compress(b"<p>hello"), "Content-Type: Text/HTML; charset=Shift_JIS", "Content-Encoding: gzip", 'ETag: "x"'
    )
    with server(lambda s: s.sendall(page)) as port:
        got = fetch(port)
        assert (got.status, got.type, got.charset, got.etag, got.body) == (
            200,
            "text/html",
            "shift_jis",
            '"x"',
            b"<p>hello",
        )  # type: ignore[attr-defined]
        refused(lambda: Egress().get(f"http://127.0.0.1:{port}/"))


def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    sent = 0

    def flood(talk: socket.socket) -> None:
        nonlocal sent
        talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        for _ in range(1000):
            sent += talk.send(b"x" * 100_000)

    with server(flood) as port:
        refused(lambda: fetch(port, bytes=1_000_000), "too_large")
    assert sent < 50_000_000


def test_a_body_that_expands_beyond_the_limit() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    with server(lambda s: s.sendall(reply(bomb, "Content-Encoding: gzip"))) as port:
        refused(lambda: fetch(port, bytes=1_000_000), "too_large")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_an_encoding_nobody_asked_for(encoding: str) -> None:
    with server(lambda s: s.sendall(reply(b"x", f"Content-Encoding: {encoding}"))) as port:
        refused(lambda: fetch(port), "garbled")


@pytest.mark.parametrize("cut", ["header", "body", "gzip", "nothing", "noise"])
def test_an_answer_that_is_cut_off_or_garbage(cut: str) -> None:
    whole = reply(gzip.compress(b"y" * 10_000), "Content-Encoding: gzip")
    parts = {
        "header": whole[:20],
        "body": whole[:-5],
        "gzip": reply(gzip.compress(b"y" * 10_000)[:-9], "Content-Encoding: gzip"),
        "nothing": b"",
        "noise": bytes(range(256)) * 9,
    }
    with server(lambda s: s.sendall(parts[cut])) as port, pytest.raises(EgressError) as caught:
        fetch(port)
    assert caught.value.reason in ("garbled", "unreachable")


@pytest.mark.parametrize("slow", ["silent", "header", "body", "resolver"])
def test_the_deadline_holds_for_drips_too(slow: str) -> None:
    ended = threading.Event()

    def drip(talk: socket.socket) -> None:
        talk.sendall({"body": b"HTTP/1.1 200 OK\r\n\r\n", "header": b"HTTP/1.1 200 OK\r\nX: "}.get(slow, b""))
        while slow != "silent" and not ended.wait(0.05):
            talk.sendall(b"x")
        ended.wait(5)

    def resolve(host: str, port: int) -> list[str]:
        if slow == "resolver":
            ended.wait(5)
        return ["127.0.0.1"]

    with server(drip) as port:
        began = time.monotonic()
        egress = Egress([f"slow.example:{port}"], seconds=0.5, resolve=resolve)
        refused(lambda: egress.get(f"http://slow.example:{port}/"), "too_slow")
        took = time.monotonic() - began
        ended.set()
    assert took < 4, "the server would have dripped on until it is told to stop"


@pytest.mark.parametrize("packed", [False, True])
def test_only_the_beginning_of_a_body(packed: bool) -> None:
    body = b"abcdefgh" * 100_000
    page = reply(gzip.compress(body), "Content-Encoding: gzip") if packed else reply(body)
    with server(lambda s: s.sendall(page)) as port:
        egress = Egress([f"127.0.0.1:{port}"], bytes=1000)
        assert egress.get(f"http://127.0.0.1:{port}/", first=12).body == b"abcdefghabcd"


def test_each_address_is_told_before_it_is_asked() -> None:
    moved = b"HTTP/1.1 301 Moved\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"
    network = Network(lambda _: [PUBLIC], [moved, OK])
    told: list[str] = []
    network.egress().get("http://public.example/first", before=told.append)
    assert told == ["http://public.example/first", "http://public.example/next"]

    def stop(url: str) -> None:
        raise LookupError(url)

    network = Network(lambda _: [PUBLIC], [OK])
    with pytest.raises(LookupError):
        network.egress().get("http://public.example/", before=stop)
    assert network.connected == []


def test_a_fetch_may_have_less_time_than_usual() -> None:
    with server(lambda s: time.sleep(1)) as port:
        began = time.monotonic()
        refused(lambda: Egress([f"127.0.0.1:{port}"]).get(f"http://127.0.0.1:{port}/", seconds=0.2), "too_slow")
        assert time.monotonic() - began < 0.9


def test_too_many_redirects() -> None:
    with server(lambda s: s.sendall(reply(b"", "Location: /on", status="302 Found"))) as port:
        refused(lambda: fetch(port), "redirects")


def test_a_redirect_to_another_port_of_this_machine() -> None:
    """Two real servers: the allowed one leads to the one that is not; that one hears nothing."""
    heard: list[bytes] = []
    with server(lambda s: heard.append(b"!") or s.sendall(OK)) as inner:  # type: ignore[func-returns-value]
        place = f"Location: http://127.0.0.1:{inner}/secret"
        with server(lambda s: s.sendall(reply(b"", place, status="307 Temporary Redirect"))) as outer:
            refused(lambda: fetch(outer))
    assert heard == []


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    refused(lambda: fetch(port), "unreachable")
    refused(lambda: Egress(resolve=lambda h, p: []).get("http://example.com/"), "unreachable")

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    refused(lambda: Egress(resolve=unknown).get("http://example.com/"), "unreachable")


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        done = subprocess.run(
            f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x "
            f"-addext subjectAltName=DNS:pinned.example -keyout {tmp_path}/key.pem -out {tmp_path}/cert.pem",
            shell=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("openssl is not there to make a certificate")
        return tmp_path

    def test_the_certificate_is_that_of_the_name_and_the_connection_that_of_the_address(
        self, certificate: Path
    ) -> None:
        names: list[str | None] = []
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        own.sni_callback = lambda _, name, __: names.append(name)
        trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        with server(lambda s: s.sendall(OK), own) as port:
            egress = Egress(
                [f"pinned.example:{port}", f"other.example:{port}"], resolve=lambda h, p: ["127.0.0.1"], trust=trust
            )
            assert egress.get(f"https://pinned.example:{port}/").body == b"hi"
            assert names == ["pinned.example"]
            assert "certificate" in str(refused(lambda: egress.get(f"https://other.example:{port}/"), "unreachable"))

    def test_encryption_is_not_given_up_on_the_way(self, certificate: Path) -> None:
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
        answer = reply(b"", "Location: http://pinned.example/", status="302 Found")
        with server(lambda s: s.sendall(answer), own) as port:
            egress = Egress([f"pinned.example:{port}"], resolve=lambda h, p: ["127.0.0.1"], trust=trust)
            refused(lambda: egress.get(f"https://pinned.example:{port}/"))


def test_no_environment_leads_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    network = Network(lambda _: [PUBLIC], [OK])
    assert network.egress().get("http://example.com/").body == b"hi"
    assert network.connected == [(PUBLIC, 80)]


def test_parts_are_read_once() -> None:
    target = read("https://Example.com/a/../b?c")
    assert (target.scheme, target.host, target.port, target.path) == ("https", "example.com", 443, "/a/../b?c")
