"""The one way out: every page that Kotae fetches is fetched here.

A name is resolved once, every address it has must be public, and the connection goes to the very address that was
checked, under the name (for certificate and `Host`). Redirects are followed by hand, each checked like the first
address. Size, expansion, time and redirects are bounded. No cookies, no passwords, no proxies.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any

from tools.web import retry_after
from tools.web.addresses import PORTS, EgressError, Target, host_and_port, is_public, moved_to, normal, read

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from httpcore import NetworkStream

__all__ = ["Egress", "EgressError", "Response", "normal"]

Resolve = Callable[[str, int], Sequence[str]]
"""Name and port to addresses; raises `OSError`."""
Connect = Callable[[str, int, float], "NetworkStream"]
"""Address, port and seconds to a connection; raises what httpcore's backend raises."""

USER_AGENT = "Kotae"
"""What every server hears, and what a robots.txt, `X-Robots-Tag` or `<meta>` may name."""
_ADDRESSES = 3
"""So many addresses of a name are tried."""
_MOVED = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True)
class Response:
    """What a server answered. `url` is where it was found after redirects."""

    url: str
    status: int
    type: str
    """The media type in lower case, without parameters."""
    charset: str
    etag: str
    last_modified: str
    body: bytes
    retry_after: float = 0.0
    """Seconds for which the server asks to be left alone."""
    robots: tuple[str, ...] = ()
    """Each `X-Robots-Tag`."""


class Egress:
    """Fetches pages under the policy above. Usable from any thread."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        seconds: float = 30.0,
        bytes: int = 20 * 2**20,
        redirects: int = 5,
        resolve: Resolve | None = None,
        connect: Connect | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """`allow` names servers (`host` or `host:port`) that may be private or listen elsewhere. `seconds` bound a
        whole fetch, redirects and all, `bytes` its body after expansion. `resolve` and `connect` reach the network.
        """
        self._allowed = frozenset(map(host_and_port, allow))
        self._seconds = seconds
        self._bytes = bytes
        self._redirects = redirects
        self._resolve = resolve or _resolve
        self._connect = connect or _connect
        self._trust = trust

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float = math.inf,
        first: int = 0,
        before: Callable[[str], None] | None = None,
    ) -> Response:
        """The answer of a server, whatever its status, within `seconds` if these are fewer than usual.

        Only the `first` bytes of a body that is longer, if any are named. `before` hears each address on the way before
        it is asked, and stops the fetch by raising. Raises `EgressError`.
        """
        deadline = time.monotonic() + min(self._seconds, seconds)
        target = read(url)
        for _ in range(self._redirects + 1):
            if before is not None:
                before(target.url)
            response, moved = self._once(target, headers or {}, deadline, first)
            if moved is None:
                return response
            following = moved_to(target, moved)
            if (target.scheme, following.scheme) == ("https", "http"):
                raise EgressError("refused", f"{target.host} leads to an address without encryption: read that itself.")
            target = following
        raise EgressError("redirects", f"The page was moved more than {self._redirects} times: give its last address.")

    def _once(
        self, target: Target, headers: Mapping[str, str], deadline: float, first: int
    ) -> tuple[Response, str | None]:
        """One request: the answer, and where it leads if it is a redirect."""
        import httpcore

        addresses = self._checked(target, deadline)
        backend = _pinned(self._connect, addresses, deadline)
        sent = {
            "Host": target.authority,
            "User-Agent": USER_AGENT,
            "Accept": "text/html, application/pdf;q=0.9, */*;q=0.8",
            "Accept-Encoding": "gzip",
            "Connection": "close",
            **headers,
        }
        left = max(0.01, deadline - time.monotonic())
        try:
            with (
                backend as network,
                httpcore.ConnectionPool(ssl_context=self._trusted(target), network_backend=network) as pool,
                pool.stream(
                    "GET",
                    httpcore.URL(
                        scheme=target.scheme.encode(),
                        host=target.host.encode(),
                        port=target.port,
                        target=target.path.encode(),
                    ),
                    headers=[(name.encode(), value.encode("latin-1", "replace")) for name, value in sent.items()],
                    extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)},
                ) as answer,
            ):
                given = Message()
                for name, value in answer.headers:
                    given.add_header(name.decode("latin-1"), value.decode("utf-8", "replace"))
                moved = given["location"] if answer.status in _MOVED else None
                body = b"" if moved else self._body(answer.iter_stream(), given, first)
        except EgressError:
            raise
        except Exception as error:
            raise _explained(error, target, deadline) from error
        if time.monotonic() >= deadline:
            raise _too_slow(target)
        response = Response(
            url=target.url,
            status=answer.status,
            type=given.get_content_type() if given["content-type"] else "",
            charset=given.get_content_charset() or "",
            etag=given["etag"] or "",
            last_modified=given["last-modified"] or "",
            body=body,
            retry_after=retry_after.seconds(given["retry-after"] or "", given["date"] or ""),
            robots=tuple(given.get_all("x-robots-tag", ())),
        )
        return response, moved

    def _checked(self, target: Target, deadline: float) -> list[str]:
        """The addresses that a connection may go to."""
        trusted = (target.host, target.port) in self._allowed or (
            (target.host, None) in self._allowed and target.port in PORTS.values()
        )
        if not trusted and target.port not in PORTS.values():
            raise EgressError("refused", f"Port {target.port} is none of web pages (80 and 443): use another address.")
        addresses = [target.host] if target.literal else list(self._within(deadline, target))
        if not addresses:
            raise EgressError("unreachable", f"There is no server {target.host}: check its spelling.")
        if not trusted and not all(map(is_public, addresses)):
            raise EgressError(
                "refused",
                f"{target.host} is not on the public Internet: if it is yours, name it in the setting egress_allow.",
            )
        return addresses[:_ADDRESSES]

    def _within(self, deadline: float, target: Target) -> Sequence[str]:
        """The addresses of a name; a name server may take longer than anybody waits."""
        found: list[Sequence[str]] = []
        failed: list[OSError] = []

        def ask() -> None:
            try:
                found.append(self._resolve(target.host, target.port))
            except (OSError, UnicodeError) as error:
                failed.append(error if isinstance(error, OSError) else OSError(str(error)))

        thread = threading.Thread(target=ask, name="egress-resolve", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if failed:
            raise EgressError(
                "unreachable", f"The server {target.host} was not found: check its spelling and the network."
            ) from failed[0]
        if not found:
            raise _too_slow(target)
        return found[0]

    def _trusted(self, target: Target) -> ssl.SSLContext | None:
        if target.scheme == "http":
            return None
        if self._trust is None:
            import httpx

            self._trust = httpx.create_ssl_context()
        return self._trust

    def _body(self, parts: Iterator[bytes], given: Message, first: int) -> bytes:
        """The body, expanded, as far as it is allowed to grow or wanted."""
        encoding = (given["content-encoding"] or "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise EgressError("garbled", f"The server sent the page packed in a way nobody asked for ({encoding}).")
        unpack: Any = zlib.decompressobj(31) if "gzip" in encoding else None
        body = bytearray()
        for part in parts:
            room = self._bytes - len(body) + 1
            body += part[:room] if unpack is None else unpack.decompress(part, room)
            if 0 < first <= len(body):
                return bytes(body[:first])
            if len(body) > self._bytes:
                raise EgressError(
                    "too_large", f"The page is larger than {self._bytes / 2**20:.0f} MB: save it and index the file."
                )
        if unpack is not None and not unpack.eof and body:
            raise EgressError("garbled", "The page arrived cut off: try again later.")
        return bytes(body)


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(address: str, port: int, seconds: float) -> NetworkStream:
    import httpcore

    return httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)


@contextlib.contextmanager
def _pinned(connect: Connect, addresses: Sequence[str], deadline: float) -> Iterator[Any]:
    """A network that knows only these addresses, whatever name it is asked for, and is cut off at the deadline."""
    import httpcore

    held: list[socket.socket] = []

    class Pinned(httpcore.NetworkBackend):
        def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> NetworkStream:
            last: Exception | None = None
            for address in addresses:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                try:
                    stream = connect(address, port, left)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    last = error
                    continue
                if isinstance(raw := stream.get_extra_info("socket"), socket.socket):
                    held.append(raw.dup())
                return stream
            raise last or httpcore.ConnectTimeout

    def cut() -> None:
        for raw in held:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)

    # a server that sends a byte now and then never runs into the timeout of one reading
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield Pinned()
    finally:
        timer.cancel()
        for raw in held:
            raw.close()


def _too_slow(target: Target) -> EgressError:
    return EgressError("too_slow", f"{target.host} took too long to answer: try again later.")


def _explained(error: Exception, target: Target, deadline: float) -> EgressError:
    import httpcore

    if isinstance(error, httpcore.TimeoutException) or time.monotonic() >= deadline:
        return _too_slow(target)
    if isinstance(error, httpcore.ConnectError) and "certificate" in str(error).lower():
        return EgressError("unreachable", f"The certificate of {target.host} is not valid: check the address.")
    if isinstance(error, httpcore.NetworkError):
        return EgressError("unreachable", f"{target.host} cannot be reached: check the network, or try again later.")
    return EgressError("garbled", f"{target.host} answered something that is no web page: try again later.")
