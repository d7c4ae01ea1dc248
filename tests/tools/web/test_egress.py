"""The one way out: what it refuses, where it connects, and when it gives up."""

from __future__ import annotations

import gzip
import ipaddress
import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpcore
import pytest

from tools.web.addresses import EgressError, is_public, normal, read
from tools.web.egress import Egress

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
PUBLIC = "93.184.215.14"

PRIVATE_V4 = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.254 "
    "169.254.169.254 169.254.0.1 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.170 192.0.2.1 192.31.196.1 "
    "192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 "
    "203.0.113.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 168.63.129.16"
).split()
PRIVATE_V6 = (
    ":: ::1 ::2 ::7f00:1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1::1 "
    "2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:a00:1::1 2002:808:808::1 2620:4f:8000::1 "
    "3fff::1 5f00::1 fc00::1 fd00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 ff0e::1 4000::1 8000::1"
).split()


def spellings(address: str) -> Iterator[str]:
    """Ways to write an IPv4 address that some program somewhere understands."""
    a, b, c, d = (int(part) for part in address.split("."))
    number = int(ipaddress.IPv4Address(address))
    yield from (
        address,
        f"{number}",
        f"0x{number:x}",
        f"0{number:o}",
        f"0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a}.{b}.{c * 256 + d}",
        f"{a}.{b * 65536 + c * 256 + d}",
        f"{a}.{b}.{c}.0x{d:x}",
        f"{a:03}.{b:03}.{c:03}.{d:03}",
        f"{address}.",
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[64:ff9b::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        address.replace(".", "。"),
        "".join(chr(0xFF10 + int(char)) if char.isdigit() else char for char in address),
        "".join(f"%{ord(char):02x}" for char in address),
    )


BAD_FORMS = [
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "data:text/plain,hi",
    "//example.com/",
    "example.com",
    "http:example.com",
    "http:/example.com",
    "http:///example.com",
    "https://",
    "http://?x",
    "http://user@example.com/",
    "http://user:password@example.com/",
    "http://@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1@example.com/",
    "http://127.0.0.1#@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\.example.com/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\r\nHost: other",
    "http://example\t.com/",
    "http://example.com\x00.evil.com/",
    "http://example..com/",
    "http://.example.com/",
    "http://-example.com/",
    "http://example.com:0/",
    "http://example.com:22/",
    "http://example.com:8080/",
    "https://example.com:8443/",
    "http://example.com:99999/",
    "http://example.com:-80/",
    "http://example.com:80:80/",
    "http://example.com:８０/",
    "http://example.com:+80/",
    "http://[::1",
    "http://::1/",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[v1.x]/",
    "http://[127.0.0.1]/",
    "http://1.2.3/",
    "http://1.2.3.4.5/",
    "http://example.1/",
    "http://example.0x1/",
    "http://999.1.1.1/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 130 + "com/",
    "http://example.com/" + "a" * 5000,
    "http://xn--a.com\u2028/",
    "http://ex\u200bample.com:81/",
    "http://localhost:80\ud800/",
]
NAMES_OF_PRIVATE = ["localhost", "localhost.", "LOCALHOST", "metadata.google.internal", "router.lan", "例え.テスト"]


def corpus() -> list[str]:
    """URLs of which none may be connected to; private names are resolved by `Network`."""
    urls = list(BAD_FORMS)
    for scheme, address in itertools.product(("http", "https"), PRIVATE_V6):
        urls.append(f"{scheme}://[{address}]/")
    for address in PRIVATE_V4:
        urls += [f"http://{spelling}/latest/meta-data/" for spelling in spellings(address)]
    urls += [f"{scheme}://{name}/" for scheme in ("http", "https") for name in NAMES_OF_PRIVATE]
    urls += [f"http://to-{address.replace('.', '-')}.example.com/" for address in PRIVATE_V4]
    urls += [f"http://to6-{i}.example.com/" for i in range(len(PRIVATE_V6))]
    return list(dict.fromkeys(urls))


class Network:
    """A resolver and a connector that know everything that was asked of them, and connect to nobody."""

    def __init__(self, answers: Callable[[str], Sequence[str]] | None = None, replies: Sequence[bytes] = ()) -> None:
        self._answers = answers or self.private
        self._replies = list(replies)
        self.resolved: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.sent = b""

    @staticmethod
    def private(host: str) -> list[str]:
        if host.startswith("to-"):
            return [PUBLIC, host.partition(".")[0].removeprefix("to-").replace("-", ".")]
        if host.startswith("to6-"):
            return [PRIVATE_V6[int(host.partition(".")[0].removeprefix("to6-"))]]
        return ["127.0.0.1"]

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        return self._answers(host)

    def connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        self.connected.append((address, port))
        if not self._replies:
            raise httpcore.ConnectError("nobody is there")
        stream = httpcore.MockStream([self._replies.pop(0), b""])
        write = stream.write

        def keep(buffer: bytes, timeout: float | None = None) -> None:
            self.sent += buffer
            write(buffer, timeout)

        stream.write = keep  # type: ignore[method-assign]
        return stream

    def egress(self, **more: object) -> Egress:
        return Egress(resolve=self.resolve, connect=self.connect, **more)  # type: ignore[arg-type]


def refused(act: Callable[[], object], reason: str = "refused") -> EgressError:
    with pytest.raises(EgressError) as caught:
        act()
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_corpus_is_large() -> None:
    assert len(corpus()) >= 500


def test_no_url_of_the_corpus_is_connected_to() -> None:
    network = Network(replies=[OK] * 10_000)
    egress = network.egress()
    for url in corpus():
        refused(lambda: egress.get(url))  # noqa: B023
    assert network.connected == []


def test_no_redirect_leads_to_the_corpus() -> None:
    """The same corpus, each behind a page of a public server, and behind a chain of three."""
    for hops, url in itertools.product((1, 3), corpus()):
        if any(char in url for char in "\r\n"):
            continue  # cannot stand in a header
        chain = [f"http://public.example/{i}" for i in range(hops - 1)] + [url]
        replies = [
            b"HTTP/1.1 302 Found\r\nLocation: " + place.encode("utf-8", "replace") + b"\r\nContent-Length: 0\r\n\r\n"
            for place in chain
        ]
        network = Network(lambda host: [PUBLIC] if host == "public.example" else Network.private(host), [*replies, OK])
        with suppress(EgressError):
            network.egress().get("http://public.example/")
        assert {address for address, _ in network.connected} <= {PUBLIC}, url
        assert {port for _, port in network.connected} <= {80, 443}, url


def test_a_name_that_changes_its_address_is_connected_to_where_it_was_checked() -> None:
    """Rebinding: the first answer is public, every later one is not. There is no second question."""
    answers = itertools.chain([[PUBLIC]], itertools.repeat(["127.0.0.1"]))
    network = Network(lambda _: next(answers), [OK])
    assert network.egress().get("http://rebinding.example/").body == b"hi"
    assert network.resolved == ["rebinding.example"]
    assert network.connected == [(PUBLIC, 80)]
    assert b"Host: rebinding.example\r\n" in network.sent
    # a redirect to itself is another hop, which is checked again
    answers = itertools.chain([[PUBLIC]], itertools.repeat(["127.0.0.1"]))
    moved = b"HTTP/1.1 301 Moved\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
    network = Network(lambda _: next(answers), [moved, OK])
    refused(lambda: network.egress().get("http://rebinding.example/"))
    assert network.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize("address", [*PRIVATE_V4, *PRIVATE_V6, "nonsense", "", "1.2.3", "fe80::1%1", "2606:4700::1%1"])
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2001:4860:4860::8888"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "spelt"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("https://example.com:443/a?b=c#d", "https://example.com/a?b=c"),
        ("http://example.com.:80/", "http://example.com/"),
        ("https://日本語.jp/頁?問=答", "https://xn--wgv71a119e.jp/%E9%A0%81?%E5%95%8F=%E7%AD%94"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
        ("  https://example.com/a%20b  ", "https://example.com/a%20b"),
        ("http://a_b.example.com/%zz", "http://a_b.example.com/%zz"),
    ],
)
def test_one_spelling(url: str, spelt: str) -> None:
    assert normal(url) == spelt == normal(spelt)


@pytest.mark.parametrize(
    ("allow", "url", "open_"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8001/", False),
        ("127.0.0.1:8000", "http://127.0.0.1/", False),
        ("intranet", "http://intranet/", True),
        ("intranet", "https://INTRANET./", True),
        ("intranet", "http://intranet:8080/", False),
        ("intranet", "http://sub.intranet/", False),
        ("intranet:8080", "http://intranet:8080/", True),
        ("[::1]:8000", "http://[::1]:8000/", True),
        ("[::1]", "http://[::1]/", True),
        ("[::1]", "http://[::1]:8000/", False),
    ],
)
def test_what_the_owner_allows(allow: str, url: str, open_: bool) -> None:
    network = Network(lambda _: ["10.0.0.7"], [OK])
    egress = network.egress(allow=[allow])
    if open_:
        assert egress.get(url).body == b"hi"
    else:
        refused(lambda: egress.get(url))
    assert bool(network.connected) == open_


def test_a_second_address_is_tried() -> None:
    network = Network(lambda _: ["93.184.215.14", "93.184.215.15"], [OK])
    connect = network.connect

    def first_fails(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        if not network.connected:
            network.connected.append((address, port))
            raise httpcore.ConnectError("down")
        return connect(address, port, seconds)

    egress = Egress(resolve=network.resolve, connect=first_fails)
    assert egress.get("http://example.com/").body == b"hi"
    assert [address for address, _ in network.connected] == ["93.184.215.14", "93.184.215.15"]


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
