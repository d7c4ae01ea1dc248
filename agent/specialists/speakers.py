"""Which model speaks for a specialist, and what it is asked with.

A specialist is a base model with an adapter. The base is the configured model if that is the very same file; otherwise
another model is opened beside it, for all specialists of that base; or a server holds both.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from agent.errors import ModelMissing, ModelUnusable
from agent.models.catalogue import Catalogue
from agent.models.chat import ChatModel, Meter
from agent.models.connect import Target, reach, resolve
from agent.settings import Settings
from agent.specialists.base_files import BaseFiles
from tools.specialist.card import ADAPTER, Card, Remote
from tools.specialist.example import Message

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

log = logging.getLogger(__name__)

_IDLE: Final = 300.0
"""Seconds after which another base model, when nobody asks it, gives its memory back."""
_LOOK: Final = 2.0
"""Seconds that a server is given to show that it is there."""
_SEEN: Final = 30.0
"""Seconds for which that is believed."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Code = Literal["", "base_missing", "base_other", "no_server"]


class Voice(Protocol):
    """A version of a specialist, as far as it is asked."""

    @property
    def card(self) -> Card: ...
    @property
    def folder(self) -> Path: ...


@dataclass
class _Other:
    """A model beside the configured one."""

    model: ChatModel
    asking: int = 0
    used: float = field(default_factory=time.monotonic)


class Speakers:
    """Asks specialists. Methods that ask raise `ModelError` and nothing else, like `ChatModel`.

    `messages` end with the user. The card's prompt and its examples are put in front unless they are there: a first
    message of the system takes the place of the prompt. The reply is held to the card's answers or schema.
    `anew`: see `ChatModel`.
    """

    def __init__(self, settings: Settings, model: ChatModel) -> None:
        """`model` is the configured one; it is not closed here."""
        self._settings = settings
        self._model = model
        self._files = BaseFiles(settings)
        self._others: dict[str, _Other] = {}
        self._seen: dict[str, tuple[float, bool]] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def base(self) -> str:
        """SHA-256 of the configured model; empty where it is no file of this machine."""
        return self._files.configured()

    def base_path(self, card: Card) -> Path | None:
        """The file of the card's base model, if it is here."""
        return self._files.path(card.base) if card.base is not None else None

    def usable(self, card: Card) -> Code:
        """Empty, or why nobody can speak for the card: `base_missing` (the base model is not on this machine),
        `base_other` (another model goes by its name now, so that it must be trained again), `no_server`.

        Looks at the disk, and once in a while for up to two seconds at a server; loads nothing.
        """
        if card.remote is not None:
            return "" if self._is_there(card.remote) else "no_server"
        if card.base is None:
            return "" if not card.adapter or self._files.configured() else "base_missing"
        return "" if self._files.find(card.base) is not None else self._files.lack(card.base)

    async def warm(self, versions: Sequence[Voice]) -> None:
        """Load the configured model with the adapters of these specialists at once, rather than one by one when they
        are asked. An adapter that cannot be loaded is left for its first question to tell."""
        mine = await asyncio.to_thread(self._files.configured)
        near = [v for v in versions if v.card.base is not None and v.card.base.sha256 == mine]
        adapters = [v.folder / ADAPTER for v in near if v.card.adapter == ADAPTER]
        try:
            await self._model.warm(adapters)
        except (ModelMissing, ModelUnusable) as error:
            if not adapters:
                raise
            log.warning("the specialists are not loaded ahead: %s", error)
            await self._model.warm()

    async def stream(
        self,
        version: Voice,
        messages: Sequence[BaseMessage | Message],
        *,
        max_tokens: int,
        meter: Meter,
        anew: bool = False,
    ) -> AsyncGenerator[str, None]:
        """What it says, piece by piece; one of few `answers` comes whole. Closing the iterator stops it."""
        card = version.card
        async with self._at(version) as (model, adapter):
            pieces = model.stream(
                _asked(card, messages),
                max_tokens=max_tokens,
                meter=meter,
                adapter=adapter,
                schema=_schema(card),
                anew=anew,
            )
            async with aclosing(pieces) as stream:  # type: ignore[type-var]
                if card.answers:
                    yield _unquoted("".join([piece async for piece in stream]), card.answers)
                    return
                async for piece in stream:
                    yield piece

    async def write(
        self,
        version: Voice,
        messages: Sequence[BaseMessage | Message],
        *,
        max_tokens: int,
        meter: Meter,
        anew: bool = False,
    ) -> str:
        """All that it says, stripped."""
        stream = self.stream(version, messages, max_tokens=max_tokens, meter=meter, anew=anew)
        async with aclosing(stream) as pieces:
            return "".join([piece async for piece in pieces]).strip()

    async def yes(self, version: Voice, messages: Sequence[BaseMessage | Message], *, meter: Meter) -> float:
        """The probability with which it says yes; see `ChatModel.yes`."""
        async with self._at(version) as (model, adapter):
            return await model.yes(_asked(version.card, messages), meter=meter, adapter=adapter)

    async def close(self, *, patient: bool = False) -> None:
        """Let all models go but the configured one; see `ChatModel.close`."""
        with self._lock:
            others, self._others = list(self._others.values()), {}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for other in others:
            await other.model.close(patient=patient)

    @asynccontextmanager
    async def _at(self, version: Voice) -> AsyncIterator[tuple[ChatModel, Path | None]]:
        """The model that speaks, and the adapter that it is asked with."""
        card = version.card
        adapter = version.folder / ADAPTER if card.adapter == ADAPTER else None
        target = await asyncio.to_thread(self._target, card)
        if target is None:
            yield self._model, adapter
            return
        other = self._enter(target)
        try:
            yield other.model, adapter
        finally:
            with self._lock:
                other.asking -= 1
                other.used = time.monotonic()
                self._watch()

    def _target(self, card: Card) -> Target | None:
        """The model to open; None for the configured one."""
        if card.remote is not None:
            return Target("server", card.remote.url.rstrip("/"), card.remote.model)
        if card.base is None or card.base.sha256 == self._files.configured():
            return None
        found = self._files.find(card.base)
        if found is not None:
            return found
        named = card.base.name or "its base model"
        if self._files.lack(card.base) == "base_other":
            raise ModelUnusable(
                f"The specialist {card.name} was trained on another {named} than there is now: train it again with "
                f"`kotae specialist train {card.name}`."
            )
        raise ModelMissing(
            f"The specialist {card.name} was trained on {named}, which is not on this machine: get it with "
            f"`kotae models pull`, or train it again with `kotae specialist train {card.name}`."
        )

    def _enter(self, target: Target) -> _Other:
        with self._lock:
            key = f"{target.value}#{target.model}"
            other = self._others.get(key)
            if other is None:
                settings = self._settings if target.where != "server" else _for_server(self._settings, target.value)
                origin = "`remote` in the card of the specialist"
                other = self._others[key] = _Other(ChatModel(lambda: reach(target, settings, origin)))
            other.asking += 1
            return other

    def _watch(self) -> None:
        """Look again when the next of the others may have been idle for long."""
        if self._timer is None and self._others:
            self._timer = threading.Timer(_IDLE, self._close_idle)
            self._timer.daemon = True
            self._timer.start()

    def _close_idle(self) -> None:
        with self._lock:
            self._timer = None
            late = time.monotonic() - _IDLE
            idle = [key for key, other in self._others.items() if not other.asking and other.used <= late]
            gone = [self._others.pop(key) for key in idle]
            self._watch()
        for other in gone:
            asyncio.run(other.model.close())

    def _is_there(self, remote: Remote) -> bool:
        """Whether anything answers at the address, however it does."""
        import httpx

        when, there = self._seen.get(remote.url, (0.0, False))
        if not when or time.monotonic() - when > _SEEN:
            try:
                local = (urlsplit(remote.url).hostname or "") in _LOOPBACK
                httpx.get(f"{remote.url.rstrip('/')}/models", timeout=_LOOK, trust_env=not local)
                there = True
            except (httpx.HTTPError, httpx.InvalidURL):
                there = False
            self._seen[remote.url] = (time.monotonic(), there)
        return there


def _for_server(settings: Settings, url: str) -> Settings:
    """The key of the configured server or provider goes to nobody else because a card says so."""
    try:
        configured = resolve(settings.model, Catalogue.load())
    except ModelMissing:
        return settings
    same = configured.where == "server" and urlsplit(configured.value)[:2] == urlsplit(url)[:2]
    theirs = configured.where in ("server", "provider") and not same
    return settings.model_copy(update={"api_key": None}) if theirs else settings


def _asked(card: Card, messages: Sequence[BaseMessage | Message]) -> list[BaseMessage]:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    said = [kinds[m.role](m.content) if isinstance(m, Message) else m for m in messages]
    front: list[BaseMessage] = [SystemMessage(card.prompt)] if card.prompt else []
    if said and said[0].type == "system":
        front, said = [said[0]], said[1:]
    shots = [m for s in card.shots for m in (HumanMessage(s.question), AIMessage(s.answer))]
    there = [(m.type, m.text) for m in said[: len(shots)]] == [(m.type, m.text) for m in shots]
    return [*front, *([] if there else shots), *said]


def _schema(card: Card) -> dict[str, Any] | None:
    return {"type": "string", "enum": list(card.answers)} if card.answers else card.schema_


def _unquoted(said: str, answers: Sequence[str]) -> str:
    """An answer that a server has put into quotes, because JSON wants them."""
    said = said.strip()
    if said in answers:
        return said
    try:
        text = json.loads(said)
    except ValueError:
        return said
    return text if isinstance(text, str) else said
