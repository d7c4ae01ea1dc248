"""A network of the tests' own behind the one way out, and what it says when it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpcore
import pytest

from tools.web.addresses import EgressError
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
