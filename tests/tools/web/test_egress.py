"""The one way out: what it refuses, and where it connects."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from contextlib import suppress

import httpcore
import pytest
from closed_network import OK, PRIVATE_V4, PRIVATE_V6, PUBLIC, Network, refused

from tools.web.addresses import EgressError, is_public, normal
from tools.web.egress import Egress


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
