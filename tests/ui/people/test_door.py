"""The door in front of Gradio: what of an open page belongs to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from agent import Settings
from tests.ui.people.town import CHEAP, PASSWORD
from ui.people.accounts import Accounts
from ui.people.door import Door

PAGE = "/chat/en/gradio_api"


async def inside(scope: Any, receive: Any, send: Any) -> None:
    visitor = scope["state"]["visitor"]
    await PlainTextResponse(visitor.asker.name)(scope, receive, send)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(Settings(data_dir=tmp_path, models_dir=tmp_path, accounts="on"), hasher=CHEAP)


async def test_the_events_of_an_open_page_are_for_whoever_opened_it(accounts: Accounts) -> None:
    transport = httpx.ASGITransport(Door(inside, accounts))
    clients = []
    for name in ("Anna", "Ben"):
        person, _ = await accounts.add(name, "owner", PASSWORD)
        cookies = {accounts.cookie: accounts.sessions.begin(person.id)}
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=cookies))
    hers, his = clients
    assert (await hers.get(f"{PAGE}/heartbeat/abc")).text == "owner"
    for path in ("heartbeat/abc", "queue/data?session_hash=abc"):
        assert (await his.get(f"{PAGE}/{path}")).status_code == 404
        assert (await hers.get(f"{PAGE}/{path}")).status_code == 200
    assert (await his.get(f"{PAGE}/queue/data?session_hash=xyz")).text.startswith("person:")
    assert (await hers.get(f"{PAGE}/queue/data?session_hash=xyz")).status_code == 404
    for client in clients:
        await client.aclose()


async def test_without_accounts_whoever_comes_is_the_owner() -> None:
    transport = httpx.ASGITransport(Door(inside, None))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.delete("/api/anything")).text == "owner"
        assert (await client.get(f"{PAGE}/heartbeat/abc", headers={"Authorization": "Bearer x"})).text == "owner"
