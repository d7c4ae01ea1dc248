"""The embedded model as it is spoken to: with the adapters that it has loaded, and with others after a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.errors import ModelError, ModelUnavailable, ModelUnusable
from agent.models.adapters import Adapter, check
from agent.models.beginnings import Beginnings
from agent.models.embedded import EmbeddedServer
from agent.models.slots import Slots
from agent.models.turnstile import Turnstile

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

_ADAPTERS: Final = 8
"""Loaded at once, at most; the least recently used goes."""
_PATIENCE: Final = 120.0
"""Seconds that requests under way are given to end before another adapter is loaded."""
_AGAIN: Final = 60.0
"""Seconds after which an adapter that could not be loaded is tried again: the model is away while it is."""
_SLOWEST: Final = 10
"""Tokens a second that the embedded model reads at the very least; a prompt that takes longer is given up."""

Speak = Callable[[EmbeddedServer], "tuple[BaseChatModel, Callable[[], None]]"]


class Served:
    """A running server and the way to ask it. See `agent.models.chat.Connection`.

    A request is made inside `entered`, in a slot of `slot`. llama.cpp loads no adapter while it runs: for one that
    is missing, `entered` waits until the requests under way have ended, loads the model anew with it, and goes on.
    """

    origin = "the setting `model`"
    formats = True

    def __init__(self, server: EmbeddedServer, name: str, folder: Path, speak: Speak | None = None) -> None:
        self.name = name
        self.beginnings = Beginnings(server, folder)
        self._server = server
        self._speak = speak or _by_openai
        self._turnstile = Turnstile()
        self._used: dict[Adapter, float] = {}
        self._refused: dict[Adapter, tuple[float, str]] = {}
        self._closed = False
        self._begin()

    @property
    def embedded(self) -> Served:
        return self

    @property
    def runs(self) -> int:
        """How often the model was loaded: what it had read before is gone."""
        return self._server.runs

    def close(self) -> None:
        self._closed = True
        self._let_go()
        self._server.stop()

    async def ended(self) -> None:
        """Wait for the requests under way, but not for ever."""
        with suppress(TimeoutError):
            if await self._turnstile.shut(_PATIENCE):
                self._turnstile.open()

    @asynccontextmanager
    async def entered(self, path: Path | None) -> AsyncIterator[Adapter | None]:
        """The adapter of that file is loaded, and stays so until the end. Raises `ModelError`."""
        while True:
            wanted = Adapter.of(path) if path is not None else None
            async with self._turnstile.through():
                if self._closed or (self._server.running and (wanted is None or wanted in self._server.loaded)):
                    if wanted is not None:
                        self._used[wanted] = time.monotonic()
                    yield wanted
                    return
            await self._load([wanted] if wanted is not None else [])

    async def load(self, paths: Sequence[Path]) -> None:
        """Have these adapters loaded, all at once. Raises `ModelError` when one of them cannot be."""
        wanted = [Adapter.of(path) for path in paths[-_ADAPTERS:]]
        while not self._closed and (missing := [one for one in wanted if one not in self._server.loaded]):
            await self._load(missing)

    @contextmanager
    def slot(self, voice: Adapter | None, messages: Sequence[BaseMessage]) -> Iterator[dict[str, Any]]:
        """What the body of a request must say, inside `entered`."""
        if not self._server.loaded:
            yield {"cache_prompt": True}
            return
        lora = [{"id": n, "scale": float(adapter == voice)} for n, adapter in enumerate(self._server.loaded)]
        with self._slots.take(voice, messages) as number:
            yield {"cache_prompt": True, "lora": lora, "id_slot": number}

    def note(self, number: int, messages: Sequence[BaseMessage]) -> None:
        """The model alone has read `messages` in that slot."""
        self._slots.note(number % self._server.slots, messages)

    async def _load(self, missing: list[Adapter]) -> None:
        """Have these loaded too, or find that somebody else has loaded something meanwhile."""
        for adapter in missing:
            when, why = self._refused.get(adapter, (0.0, ""))
            if why and time.monotonic() - when < _AGAIN:
                raise ModelUnusable(why)
            if self._server.head is not None:
                await asyncio.to_thread(check, adapter.path, self._server.path, self._server.head)
        try:
            mine = await self._turnstile.shut(_PATIENCE)
        except TimeoutError as error:
            raise ModelUnavailable(
                "The specialist is loaded when the answers under way are written; try again in a minute."
            ) from error
        if mine:
            # It ends, and opens the turnstile, even if whoever asked for it is gone.
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._take, missing))

    def _take(self, missing: list[Adapter]) -> None:
        try:
            if self._closed:
                return
            new = {adapter.path for adapter in missing}
            kept = [adapter for adapter in self._server.loaded if adapter.path not in new and _is_there(adapter)]
            kept.sort(key=lambda adapter: self._used.get(adapter, 0.0), reverse=True)
            self._let_go()
            try:
                self._server.take([adapter.path for adapter in [*kept[: _ADAPTERS - len(missing)], *missing]])
            except ModelError as error:
                if len(missing) == 1:
                    self._refused[missing[0]] = (time.monotonic(), str(error))
                raise
            finally:
                self._begin()
                if self._closed:
                    self._server.stop()
        finally:
            self._turnstile.open()

    def _begin(self) -> None:
        """Speak to the server that runs now."""
        self._slots = Slots(self._server.slots, self._server.voices)
        self.model, self._let_go = self._speak(self._server)


def _is_there(adapter: Adapter) -> bool:
    try:
        return Adapter.of(adapter.path) == adapter
    except ModelError:
        return False


def _by_openai(server: EmbeddedServer) -> tuple[BaseChatModel, Callable[[], None]]:
    import openai
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    timeout = openai.Timeout(max(120.0, server.context / _SLOWEST), connect=5.0)
    # Proxies of the environment must not see the key, nor the documents.
    sync = openai.DefaultHttpxClient(trust_env=False, timeout=timeout)
    model = ChatOpenAI(
        model=server.path.stem,
        base_url=f"{server.url}/v1",
        api_key=SecretStr(server.key),
        temperature=0,
        stream_usage=True,
        max_retries=0,
        timeout=timeout,
        # its own limit is 120 s without a piece, which a long prompt on a slow machine takes
        stream_chunk_timeout=timeout.read,
        http_client=sync,
        http_async_client=openai.DefaultAsyncHttpxClient(trust_env=False, timeout=timeout),
        # A kept connection belongs to the event loop that opened it; to open one on loopback costs nothing.
        default_headers={"Connection": "close"},
        extra_body={"cache_prompt": True},
    )
    return model, sync.close
