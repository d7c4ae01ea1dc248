"""The streaming API of a real server: `POST /api/chat`, answered with server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from agent.errors import KotaeError
from ui.conversing.targets import Played, TargetName, joined, seen
from ui.conversing.targets.serving import serving

if TYPE_CHECKING:
    from tools.base import Consent
    from ui.conversing.stage import Stage

PATH = "/api/chat"
_PATIENCE = 600.0
"""Seconds that a server may be silent; a model that is loaded first takes its time."""
_REASONS = ("empty", "too_long")


class ServerEvent(NamedTuple):
    """One server-sent event."""

    id: str
    event: str
    data: dict[str, Any]


class HttpTarget:
    """Sees what the graph shows, as it comes over the wire."""

    name: TargetName = "http"

    def __init__(self, url: str = "") -> None:
        self._url = url.rstrip("/")

    @property
    def elsewhere(self) -> bool:
        return bool(self._url)

    @asynccontextmanager
    async def open(self, stage: Stage) -> AsyncIterator[_Threads]:
        async with self._server(stage) as url, httpx.AsyncClient(base_url=url, timeout=_PATIENCE) as client:
            yield _Threads(client)

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def _server(self, stage: Stage) -> AsyncIterator[str]:
        if self._url:
            yield self._url
            return
        from ui.api import create_app

        async with serving(create_app(stage.agent, chat=False)) as url:
            yield url


class _Threads:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    async def ask(self, question: str, *, thread: str, web: Consent | None) -> Played:
        body = {"question": question, "thread": self._ids.get(thread), "web": web}
        given = {name: value for name, value in body.items() if value is not None}
        began = time.perf_counter()
        kinds: list[str] = []
        end = Played(error="The stream ended before the answer was there.")
        try:
            async with self._client.stream("POST", PATH, json=given) as response:
                if response.status_code != 200:
                    await response.aread()
                    return replace(_refused(response), seconds=time.perf_counter() - began)
                async for one in events(response.aiter_text()):
                    if one.event in ("turn", "done") and one.data.get("thread"):
                        self._ids[thread] = str(one.data["thread"])
                    if kind := kind_of(one):
                        kinds.append(kind)
                    if one.event == "done":
                        end = seen(one.data["answer"], events=joined(kinds), seconds=0.0)
                    elif one.event == "error":
                        end = _failed(one.data, "")
        except httpx.HTTPError as error:
            raise KotaeError(f"{self._client.base_url} does not answer ({type(error).__name__}).") from error
        return replace(end, seconds=time.perf_counter() - began)


async def events(text: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """The events in a stream (HTML standard, section 9.2.6). One without data, such as a comment, is none."""
    name, number = "", ""
    data: list[str] = []
    async for line in _lines(text):
        if not line:
            if data:
                yield ServerEvent(number, name or "message", json.loads("\n".join(data)))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            number = value
        elif field == "data":
            data.append(value)


async def _lines(text: AsyncIterator[str]) -> AsyncIterator[str]:
    """Only these marks end a line; `str.splitlines` knows more, and JSON may hold them."""
    rest = ""
    async for piece in text:
        *whole, rest = (rest + piece).split("\n")
        for line in whole:
            yield line.removesuffix("\r")


def kind_of(one: ServerEvent) -> str:
    """The kind of an event as scripts name it; "" for those that no script can expect."""
    if one.event == "status":
        return f"status:{one.data['node']}" if one.data.get("seconds") is None else ""
    return one.event if one.event in ("draft", "token", "checked", "sources", "done") else ""


def _refused(response: httpx.Response) -> Played:
    try:
        said = response.json()
    except ValueError:
        said = None
    known = isinstance(said, dict) and ("error" in said or "code" in said)
    if response.status_code in (404, 405) and not known:
        raise KotaeError(f"{response.url.copy_with(path='/')} has no streaming API ({PATH}).")
    return _failed(said if isinstance(said, dict) else {}, f"the server answered {response.status_code}")


def _failed(said: dict[str, Any], otherwise: str) -> Played:
    inner = said.get("error") if isinstance(said.get("error"), dict) else said
    assert isinstance(inner, dict)
    code, message = str(inner.get("code") or ""), str(inner.get("message") or "")
    reason = next((reason for reason in _REASONS if code in (reason, f"question_{reason}")), "")
    return Played(error=message or code or otherwise or "an error without a message", reason=reason)
