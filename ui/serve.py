"""`kotae serve`: the page and the API, until Ctrl-C or SIGTERM; on a loopback address unless there are accounts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import logging
import signal
import socket
import webbrowser
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from agent.errors import KotaeError, SettingsError

if TYPE_CHECKING:
    from agent import Agent
    from agent.settings import Settings
    from ui.http.turns import Turns

log = logging.getLogger(__name__)

_GRACE = 3
"""Seconds that open connections get to end; the page's event streams never end by themselves."""
DRAIN = 20
"""Seconds that the turns of the API get to end before that."""


def serve(settings: Settings, open_browser: bool = False, ready: Callable[[str], None] | None = None) -> None:
    """Serve until told to stop. `ready` is called with the address as soon as it answers.

    Raises `SettingsError` for an address that other machines could reach where nobody has to log in, and where nobody
    could log in as owner; `KotaeError` when the port is in use.
    """
    public = settings.accounts == "on"
    if public:
        expect_owner(settings)
    listener = listen(settings.host, settings.port, public=public)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"{settings.public_url or f'http://{host}:{listener.getsockname()[1]}'}/"

    def started() -> None:
        if ready is not None:
            ready(url)
        if open_browser:
            webbrowser.open(url)

    with contextlib.closing(listener), contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(settings, listener, started))


def expect_owner(settings: Settings) -> None:
    """Raises `SettingsError` where nobody could log in as owner."""
    from ui.people.database import Database
    from ui.people.store import Store

    db = Database(settings.data_dir)
    with contextlib.closing(db):
        if not Store(db).has_owner():
            raise SettingsError(
                "Nobody could log in yet: run kotae people add NAME --role owner, then kotae serve again."
            )


def listen(host: str, port: int, *, public: bool = False) -> socket.socket:
    """A socket that listens on a loopback address, on any if it is to be `public`; see `serve` for what it raises."""
    if not public and not _is_loopback(host):
        raise SettingsError(
            f"Other machines could reach {host}, and nobody has to log in: run kotae settings set accounts on, then "
            "kotae people add NAME --role owner; or set host to 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        free = _next_free(host, port)
        hint = f"; port {free} is free: kotae serve --port {free}" if free else ""
        raise KotaeError(f"Port {port} on {host} cannot be used ({error.strerror}){hint}.") from error
    return listener


async def _run(settings: Settings, listener: socket.socket, started: Callable[[], None]) -> None:
    from agent import Agent
    from tools.library import Watcher
    from ui.api import create_app

    async with Agent.open(settings) as agent:
        watcher = Watcher(agent.library)
        app = create_app(agent, watcher=watcher)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        server = _Server(config, started, app.state.turns)
        warming = asyncio.create_task(_warm_up(agent))
        if settings.watch == "on":
            watcher.start()
        try:
            await server.serve(sockets=[listener])
        finally:
            warming.cancel()
            await asyncio.to_thread(watcher.stop)


async def _warm_up(agent: Agent) -> None:
    """Make the model ready while the first visitor reads the page. What is wrong is told to whoever asks first."""
    try:
        await agent.warm_up()
    except KotaeError as error:
        log.info("not warmed up: %s", error)
    _settle()


def _settle() -> None:
    """Keep what is loaded out of later garbage collections: going through those hundreds of thousands of objects stops
    every turn for a quarter of a second."""
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """Told to end, it takes no more turns and ends when those that run have ended, or at once when told again.

    Uvicorn sends the process its SIGTERM again once it has ended, which would end it before the agent behind it
    is closed; this one only ends.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], turns: Turns) -> None:
        super().__init__(config)
        self._ready = ready
        self._turns = turns
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        caught = (signal.SIGINT, signal.SIGTERM)
        for number in caught:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._told_to_end, number)
        try:
            yield
        finally:
            for number in caught:
                with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                    loop.remove_signal_handler(number)

    def _told_to_end(self, number: signal.Signals) -> None:
        if self._ending is not None:
            self.handle_exit(number, None)
            return
        self._ending = asyncio.create_task(self._drain(number))

    async def _drain(self, number: signal.Signals) -> None:
        await self._turns.drain(DRAIN)
        self.handle_exit(number, None)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _next_free(host: str, port: int) -> int | None:
    """The next port after `port` that is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port + 1, min(port + 50, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    return None
