"""The page's side of the specialists' routes, for tests that ask a real registry over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_agent import FakeAgent
from library_parts import open_library
from specialist_parts_of_page import LOSSES, Trainer, rows, settings, study

from agent.specialists.study import Specialists
from ui import strings
from ui.api import create_app

BASE = "http://127.0.0.1:7860"
SAME = {"origin": BASE}
API = "/api/specialists"
EN, JA = strings.load("en"), strings.load("ja")
ORDER = {"name": "doors", "description": ["What to do with a door"]}


class Page:
    """The page's side of the routes. `seen` is all that it was told."""

    def __init__(self, client: httpx.AsyncClient, home: Path) -> None:
        self.client = client
        self.home = home
        self.seen: list[str] = []

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        query = {"lang": "en", **given.pop("query", {})}
        got = await self.client.request(method, f"{API}/{path}", params=query, headers=SAME, **given)
        if got.headers.get("content-type", "").startswith(("text", "application/json")):
            self.seen.append(got.text)
        return got

    async def text(self, path: str, **query: Any) -> str:
        got = await self.ask("GET", path, query=query)
        assert got.status_code == 200, got.text
        return got.text

    async def send(self, path: str, body: Any = None, method: str = "POST", **query: Any) -> httpx.Response:
        return await self.ask(method, path, json=body, query=query)

    async def upload(self, name: str, content: bytes, path: str = "uploads", **query: Any) -> httpx.Response:
        return await self.ask("POST", path, content=content, query={"name": name, **query})

    async def file(self, content: bytes | None = None, name: str = "doors.jsonl") -> dict[str, str]:
        got = await self.upload(name, rows() if content is None else content)
        assert got.status_code == 200, got.text
        return dict(got.json())

    async def train(self, **given: Any) -> httpx.Response:
        return await self.send("train", {**ORDER, **given})

    async def done(self) -> str:
        """The work as it is shown when nothing is left to do."""
        for _ in range(1000):
            found = (await self.ask("GET", "work")).json()
            if not found["busy"]:
                return str(found["html"])
            await asyncio.sleep(0.02)
        raise AssertionError("the work never ended")

    async def halfway(self) -> dict[str, Any]:
        """The work when half of the steps are done."""
        for _ in range(1000):
            found: dict[str, Any] = (await self.ask("GET", "work")).json()
            if f"{LOSSES // 2} of {LOSSES}" in found["html"]:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("the training never came so far")

    async def trained(self, **given: Any) -> str:
        got = await self.train(**{"files": [await self.file()], **given})
        assert got.status_code == 200, got.text
        return await self.done()


@asynccontextmanager
async def opened(folder: Path, made: Specialists) -> AsyncIterator[Page]:
    agent = FakeAgent(settings(folder), {})
    agent.library = open_library(folder / "data")  # type: ignore[assignment]
    agent.study = made
    agent.rows = rows(30).decode().splitlines(keepends=True)
    app = create_app(agent, chat=False)  # type: ignore[arg-type]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client,
    ):
        yield Page(client, folder)
    agent.library.close()  # type: ignore[attr-defined]


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
async def page(tmp_path: Path, trainer: Trainer) -> AsyncIterator[Page]:
    async with opened(tmp_path, study(settings(tmp_path), trainer)) as one:
        yield one
        # nothing that the page is told says where things lie on this machine
        assert not [text for text in one.seen if str(tmp_path) in text or "/tmp" in text]


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "data" / "specialist-orders").rglob("*") if path.is_file()]
