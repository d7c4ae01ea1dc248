"""Forged requests through all that reads pages: every connection is recorded, and none leaves the policy.

`test_egress` has the forms that any program meets; here are those that only some programs read as an address, and the
ways in which a page, a redirect, a robots.txt or a name server may lead on.
"""

from __future__ import annotations

import ipaddress
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpcore
import pytest
from closed_network import PRIVATE_V4, PRIVATE_V6, PUBLIC

from tools.web import Egress, EgressError
from tools.web.fetch import Outcome, Page, PageReader, Unread

PUBLIC_V6 = "2606:4700:4700::1111"
INSIDE = {(address, port) for address in (PUBLIC, PUBLIC_V6) for port in (80, 443)}
"""Where a connection may go in these tests."""
PAGE = "<!doctype html><title>Public</title><main><p>Everybody may read this page, which is long enough.</p></main>"
VICTIMS = "127.0.0.1 169.254.169.254 10.0.0.1 192.168.1.1 172.16.0.1 100.100.100.200 0.0.0.0 224.0.0.1".split()
DIGITS = {
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "full width": "０１２３４５６７８９",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
    "subscript": "₀₁₂₃₄₅₆₇₈₉",
    "bold": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "double struck": "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",
    "Arabic": "٠١٢٣٤٥٦٧٨٩",
    "Devanagari": "०१२३४५६७८९",
}
DOTS = "．。｡"


def v4_spellings(address: str) -> Iterator[str]:
    number = int(ipaddress.IPv4Address(address))
    a, b, c, d = (int(part) for part in address.split("."))
    for digits, dot in itertools.product(DIGITS.values(), (".", *DOTS)):
        yield address.translate({ord("0") + i: digit for i, digit in enumerate(digits)}).replace(".", dot)
    yield f"0X{number:X}"
    yield f"0x{number:08X}"
    yield f"{number + 2**32}"
    yield f"0{number:o}".upper()
    yield f"00000000{a:o}.{b}.{c}.{d}"
    yield f"0{a:o}.0x{b:x}.{c}.0{d:o}"
    yield f"{a}.0x{b:x}{c:02x}{d:02x}"
    yield f"{a + 256}.{b}.{c}.{d}"
    yield f"%{ord(address[0]):02x}{address[1:]}"
    yield address.replace(".", "%2E")
    yield address.replace(".", "%e3%80%82")
    yield f"{address}.."
    yield address.replace(".", ".\u200b", 1)
    yield address.replace(".", "\u00ad.", 1)
    yield f"public.example@{address}"
    yield f"public.example:80@{address}"
    yield f"public.example%40{address}"
    yield f"public.example\\@{address}"
    yield f"public.example\t@{address}"
    yield f"{address}:80\\@public.example"
    yield f"[{address}]"
    yield f"[::{address}]"
    yield f"[::FFFF:{address}]"
    yield f"[0:0:0:0:0:ffff:{address}]"
    yield f"[::ffff:0:{address}]"
    yield f"[64:FF9B::{address}]"
    yield f"[64:ff9b:1::{address}]"
    yield f"[2002:{number >> 16:X}:{number & 0xFFFF:X}::]"
    yield f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}:0:0:{~number >> 16 & 0xFFFF:x}:{~number & 0xFFFF:x}]"
    yield f"[fe80::5efe:{address}]"


V6_SPELLINGS = (
    *("[::1%25lo] [::1%lo] [fe80::1%25eth0] [FE80::1%251] [2606:4700:4700::1111%25eth0]").split(),
    *("[0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [::%31] ::1 [::1]. [::1 ::1]").split(),
    *("[FD00:EC2::254] [fd00:0ec2:0000::0254] [FF02::1] [::ffff:7F00:0001] [0:0::7f00:1]").split(),
)
NAMES = (
    *("localhost. LocalHost ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u00adalhost localhost.localdomain ip6-localhost").split(),
    *("127.0.0.1.nip.example 169-254-169-254.nip.example metadata metadata.google.internal instance-data").split(),
    *("kubernetes.default.svc router.local printer.lan xn--e1afmkfd.xn--p1ai ß.example ﬁles.example İ.example").split(),
)
"""The name server of these tests says 127.0.0.1 to all of them."""
FORMS = (
    *(
        "file:///etc/passwd file://public.example/etc/passwd gopher://public.example:70/_x dict://public.example/"
    ).split(),
    *("ftp://public.example/ ldap://public.example/ jar:http://public.example!/ view-source:http://127.0.0.1/").split(),
    *("http:127.0.0.1/ http:/127.0.0.1/ http:///127.0.0.1/ //127.0.0.1/ \\\\127.0.0.1\\ http:\\\\127.0.0.1/").split(),
    *(f"http://public.example:{port}/" for port in (0, 1, 22, 25, 53, 110, 445, 3306, 5432, 6379, 8080, 9200, 65536)),
    *("http://public.example:80:22/ http://public.example:０x50/ http://public.example:²²/ http://:80/").split(),
)


def corpus() -> list[str]:
    urls = [f"http://{spelling}/latest/" for address in VICTIMS for spelling in v4_spellings(address)]
    urls += [f"{scheme}://{host}/" for scheme in ("http", "https") for host in (*V6_SPELLINGS, *NAMES)]
    urls += [f"http://mixed-{i}.example/" for i in range(len(PRIVATE_V4) + len(PRIVATE_V6))]
    return list(dict.fromkeys((*urls, *FORMS)))


class Stream(httpcore.NetworkStream):
    """A server on the other end, which answers by what it is asked."""

    def __init__(self, answer: Callable[[str, str], bytes]) -> None:
        self._answer = answer
        self._heard = b""
        self._left: bytes | None = None

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._heard += buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left is None:
            request, _, headers = self._heard.decode("latin-1").partition("\r\n")
            host = next(line[6:] for line in headers.split("\r\n") if line.lower().startswith("host: "))
            self._left = self._answer(host, request.split(" ")[1])
        sent, self._left = self._left[:max_bytes], self._left[max_bytes:]
        return sent

    def start_tls(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        return self

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None


class World:
    """A name server and servers. `connected` is every connection that was made, `asked` what these servers heard."""

    def __init__(self, moves: Callable[[str, str], str | None] = lambda host, path: None) -> None:
        self._moves = moves
        self._lock = threading.Lock()
        self.flips = 0
        self.connected: list[tuple[str, int]] = []
        self.asked: list[str] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        if host.startswith("mixed-"):
            private = (*PRIVATE_V4, *PRIVATE_V6)[int(host.removeprefix("mixed-").partition(".")[0])]
            return [PUBLIC, private, PUBLIC_V6]
        if host.startswith("flips"):
            with self._lock:
                self.flips += 1
                return [PUBLIC] if self.flips % 2 else ["127.0.0.1"]
        return [PUBLIC, PUBLIC_V6] if host.startswith(("public", "xn--wgv71a119e")) else ["127.0.0.1"]

    def connect(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        with self._lock:
            self.connected.append((address, port))
        return Stream(self._said)

    def _said(self, host: str, path: str) -> bytes:
        with self._lock:
            self.asked.append(f"{host}{path}")
        if (place := self._moves(host, path)) is not None:
            head = b"HTTP/1.1 302 Found\r\nLocation: " + place.encode("utf-8", "replace")
            return head + b"\r\nContent-Length: 0\r\n\r\n"
        if path == "/robots.txt":
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        return f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n{PAGE}".encode()

    def egress(self) -> Egress:
        return Egress(resolve=self.resolve, connect=self.connect)

    async def read(self, urls: Sequence[str]) -> list[Outcome]:
        reader = PageReader(self.egress(), readers=1)
        try:
            return [outcome for at in range(0, len(urls), 50) for outcome in await reader.read(urls[at : at + 50], 20)]
        finally:
            reader.close()


CONTROLS = [
    "http://public.example/",
    "https://public.example/",
    "HTTP://PUBLIC.example.:80/a",
    "https://public.example:443/b",
    "https://日本語.jp/",
    f"http://{PUBLIC}/c",
    "http://⑨③．①⑧④．②①⑤．①④/d",
    f"http://[{PUBLIC_V6}]/e",
    "http://public.example#@127.0.0.1/",
    "http://public.example/?http://127.0.0.1/",
]
"""Addresses that are read: a test that connects to nobody would pass with no code at all."""


def test_the_corpus_is_large() -> None:
    assert len(corpus()) >= 500


async def test_public_pages_are_read() -> None:
    world = World()
    outcomes = await world.read(CONTROLS)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Page)] == [Unread(CONTROLS[8], "duplicate")]
    assert set(world.connected) == INSIDE - {(PUBLIC_V6, 443)}


def test_a_connection_outside_would_be_noticed() -> None:
    world = World()
    Egress(["127.0.0.1"], resolve=world.resolve, connect=world.connect).get("http://127.0.0.1/")
    assert set(world.connected) - INSIDE


def test_the_way_out_connects_to_none() -> None:
    world = World()
    for url in corpus():
        with pytest.raises(EgressError) as caught:
            world.egress().get(url)
        assert caught.value.reason == "refused", url
    assert world.connected == []


async def test_the_reader_connects_to_none() -> None:
    world = World()
    urls = corpus()
    outcomes = await world.read(urls)
    assert [outcome for outcome in outcomes if outcome != Unread(outcome.url, "refused")] == []
    assert [outcome.url for outcome in outcomes] == urls
    assert world.connected == []


REDIRECTS = [url for url in corpus() if url.isprintable() and not url.startswith("\\")]


@pytest.mark.parametrize("hops", [1, 3])
async def test_no_redirect_of_a_page_leads_out(hops: int) -> None:
    """Each address behind a public page, and behind a chain of three."""

    def moves(host: str, path: str) -> str | None:
        if path == "/robots.txt":
            return None
        number, left = (int(part) for part in path.strip("/").split("-"))
        return REDIRECTS[number] if left <= 1 else f"http://public{left}.example/{number}-{left - 1}"

    world = World(moves)
    outcomes = await world.read([f"http://public.example/{i}-{hops}" for i in range(len(REDIRECTS))])
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Unread)} <= {"refused", "garbled"}
    assert sum(isinstance(outcome, Page) for outcome in outcomes) == 0
    assert len(world.connected) > len(REDIRECTS)
    assert set(world.connected) <= INSIDE


async def test_no_robots_txt_leads_out() -> None:
    def moves(host: str, path: str) -> str | None:
        return REDIRECTS[int(host[6:].partition(".")[0])] if path == "/robots.txt" else None

    world = World(moves)
    outcomes = await world.read([f"http://public{i}.example/" for i in range(len(REDIRECTS))])
    # three are no addresses by themselves: they lead to another path of the same server, which has no rules there
    assert [outcome.reason for outcome in outcomes if isinstance(outcome, Unread)] == ["refused"] * (len(REDIRECTS) - 3)
    assert set(world.connected) <= INSIDE


async def test_a_name_that_changes_between_robots_txt_and_page() -> None:
    """Rebinding: the name server says another address each time it is asked."""
    world = World()
    assert await world.read(["http://flips.example/x"]) == [Unread("http://flips.example/x", "refused")]
    assert world.connected == [(PUBLIC, 80)]
    assert world.asked == ["flips.example/robots.txt"]


async def test_a_name_that_changes_at_every_hop() -> None:
    world = World(lambda host, path: None if path == "/robots.txt" else f"{path}x")
    urls = [f"http://flips{i}.example/{i}" for i in range(40)]
    outcomes = await world.read(urls)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Page)]
    assert set(world.connected) == {(PUBLIC, 80)}


@pytest.mark.parametrize(
    "place", ["//127.0.0.1/", "//localhost", "http:127.0.0.1", "///127.0.0.1/", "/\\127.0.0.1/", "?@127.0.0.1", "#", ""]
)
async def test_relative_redirects(place: str) -> None:
    world = World(lambda host, path: place if path == "/x" else None)
    await world.read(["http://public.example/x"])
    assert world.connected
    assert set(world.connected) <= INSIDE
