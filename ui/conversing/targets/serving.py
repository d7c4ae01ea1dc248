"""A server of this program on a free loopback port, for as long as a script is played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn

from ui.serve import listen

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve `app`; gives its address, without a slash at the end. It answers when this is entered."""
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
        server = _Quiet(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            # its connections do not outlive the script, even one that Ctrl-C ended
            await asyncio.shield(asyncio.wait([running], timeout=10))


class _Quiet(uvicorn.Server):
    """Ctrl-C belongs to whoever plays the script."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
