"""Addresses of pages, and which addresses of the network are the public Internet. One reading of a URL serves all."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

EgressReason = Literal["refused", "unreachable", "too_slow", "too_large", "redirects", "garbled"]

PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_SAFE = "/?:@!$&'()*+,;=-._~%[]"

# The registries of special-purpose addresses of IANA, as of 2025. Python's own `is_global` is asked too, but it has
# changed from version to version and calls multicast and addresses that only wrap another one global.
_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
        "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 "
        "203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 "
        # public by its number, but answered by the machine's own cloud host
        "168.63.129.16/32".split(),
    )
)
_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is public lies in here: mapped, NAT64, local, multicast and loopback addresses do not."""
_V6_SPECIAL = tuple(
    map(
        ipaddress.IPv6Network,
        # protocols (Teredo, ORCHID, benchmarks), documentation twice, 6to4, AS112
        "2001::/23 2001:db8::/32 3fff::/20 2002::/16 2620:4f:8000::/48".split(),
    )
)


class EgressError(Exception):
    """A page could not be fetched. `str(error)` is one sentence: what is wrong and what to do."""

    def __init__(self, reason: EgressReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """Where a request goes: every part of a URL, read once."""

    scheme: str
    host: str
    """In lower case and ASCII; an IPv6 address without its brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def literal(self) -> bool:
        """Whether the host is an address itself and no name."""
        return ":" in self.host or self.host.rpartition(".")[2].isdigit()

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address in its one spelling."""
        return f"{self.scheme}://{self.authority}{self.path}"


def read(url: str) -> Target:
    """The parts of a URL. Raises `EgressError("refused")` for one that no program may read in another way."""
    url = url.strip()
    if len(url) > 4096:
        raise EgressError("refused", "The address is longer than 4,096 characters: use a shorter one.")
    if _UNSAFE.search(url):
        raise EgressError("refused", "The address holds blanks, backslashes or invisible characters: copy it again.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise EgressError("refused", f"The address is not valid ({error}): copy it again.") from error
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not url[len(scheme) :].startswith("://"):
        raise EgressError("refused", "Only addresses that begin with https:// or http:// can be read.")
    if "@" in parts.netloc:
        raise EgressError("refused", "The address holds a user name or password: leave it out.")
    path = quote(parts.path or "/", safe=_SAFE)
    query = quote(parts.query, safe=_SAFE)
    if port is None:
        port = PORTS[scheme]
    return Target(scheme, _host(parts.netloc), port, urlunsplit(("", "", path, query, "")))


def moved_to(target: Target, location: str) -> Target:
    """Where a redirect leads. Raises `EgressError("refused")` as `read` does."""
    location = location.strip()
    if _UNSAFE.search(location):  # joining would take some of these out
        raise EgressError("refused", f"{target.host} leads to an address that is not valid: give the page's own.")
    try:
        url = urljoin(target.url, location)
    except ValueError as error:
        raise EgressError(
            "refused", f"{target.host} leads to an address that is not valid ({error}): give the page's own."
        ) from error
    return read(url)


def normal(url: str) -> str:
    """A URL in its one spelling, without its fragment. Raises `EgressError("refused")`."""
    return read(url).url


def host_and_port(entry: str) -> tuple[str, int | None]:
    """`host` or `host:port` as the owner writes it. Raises `EgressError("refused")`."""
    if re.search(r"[/?#]", entry):
        raise EgressError("refused", "Name the server alone, as in intranet or 192.168.1.7:8080.")
    host, port = read(f"http://{entry}/").host, re.search(r":(\d+)$", entry)
    return host, int(port[1]) if port and not entry.endswith(f"[{host}]") else None


def is_public(address: str) -> bool:
    """Whether this is an address of the public Internet that stands for itself and for no other."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in _V4)
    return ip.is_global and ip in _V6 and not any(ip in network for network in _V6_SPECIAL) and ip.scope_id is None


def _host(netloc: str) -> str:
    if netloc.startswith("["):
        literal = netloc[1:].partition("]")[0]
        try:
            return str(ipaddress.IPv6Address("" if "%" in literal else literal))
        except ValueError as error:
            raise EgressError("refused", "The address names no valid IPv6 address: write it in full.") from error
    name = netloc.partition(":")[0].lower()
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise EgressError("refused", "The name of the server is not valid: check its spelling.") from error
    name = name.removesuffix(".")
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise EgressError("refused", "The name of the server is not valid: check its spelling.")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 are all read as 127.0.0.1 somewhere
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError as error:
            raise EgressError("refused", "Write the address as four numbers, as in 192.0.2.1.") from error
    return name
