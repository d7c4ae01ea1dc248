"""Keys: what each opens, how long, and what the gate and the shield ask of a program."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import httpx
import pytest

from tests.ui.fake_agent import FakeAgent, settings
from tests.ui.people.conftest import Open
from tests.ui.people.town import BASE, LEAVE, PASSWORD, TWENTY, Town, asked, bearer
from ui.api import create_app
from ui.people.roles import SCOPES

OPENS = {
    "chat": [("POST", "/api/chat"), ("GET", "/v1/models"), ("POST", "/v1/chat/completions")],
    "read": [("GET", "/api/threads"), ("GET", "/api/search?q=leave"), ("GET", "/api/library/overview")],
    "write": [("PATCH", "/api/threads/t"), ("POST", "/api/library/collections"), ("DELETE", "/api/threads/t")],
    "metrics": [("GET", "/metrics")],
}
NEVER = [
    ("GET", "/chat/en/"), ("GET", "/api/people"), ("POST", "/api/people"), ("POST", "/api/account/keys"),
    ("GET", "/api/account"), ("GET", "/api/memory"), ("POST", "/password"), ("GET", "/api/nothing"),
]  # fmt: skip


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_opens_what_it_is_for(here: Town, scope: str) -> None:
    client = here.with_key(await here.person("Anna", "owner"), scope)
    for kind, requests in OPENS.items():
        for method, path in requests:
            got = await client.request(method, path, json={"question": "", "name": ""})
            assert (got.status_code == 403) is (kind != scope), (method, path, got.text)
            if got.status_code == 403:
                assert got.json()["error"]["code"] == "key_scope"
    for method, path in NEVER:
        assert (await client.request(method, path)).status_code == 403, (method, path)


async def test_a_key_is_no_more_than_its_person(here: Town) -> None:
    client = here.with_key(await here.person("Rin"), *SCOPES)
    assert (await client.get("/metrics")).status_code == 403
    assert (await client.get("/api/library/overview")).status_code == 403
    assert (await client.get("/api/threads")).status_code == 200


async def test_a_program_asks_in_the_name_of_its_person(here: Town) -> None:
    anna = await here.person("Anna", "owner")
    program = here.with_key(anna, "chat")
    done = await asked(program)
    assert [one["id"] for one in (await here.as_(anna).get("/api/threads")).json()["threads"]] == [done["thread"]]
    answered = await program.post(
        "/v1/chat/completions", json={"model": "kotae", "messages": [{"role": "user", "content": LEAVE}]}
    )
    assert TWENTY in answered.json()["choices"][0]["message"]["content"]


async def test_a_program_is_no_browser_and_a_browser_is_no_program(here: Town) -> None:
    anna = await here.person("Anna", "owner")
    secret = here.accounts.create_key(anna.id, "k", ["write"])
    elsewhere = {"Origin": "https://app.example", **bearer(secret)}
    body = {"title": "x"}
    assert (await here.client().patch("/api/threads/t", json=body, headers=elsewhere)).status_code == 404
    assert (await here.as_(anna).patch("/api/threads/t", json=body, headers=elsewhere)).status_code == 403
    neither = await here.client().patch("/api/threads/t", json=body, headers={"Origin": "https://app.example"})
    assert neither.status_code == 403


async def test_without_accounts_a_key_opens_nothing_to_other_sites(tmp_path: Path) -> None:
    app = create_app(FakeAgent(settings(tmp_path), {}), chat=False)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        headers = {"Origin": "https://evil.example", **bearer("kotae_x")}
        assert (await client.patch("/api/threads/t", json={"title": "x"}, headers=headers)).status_code == 403
        assert (await client.get("/login")).status_code == 404
        assert (await client.get("/api/people")).status_code == 404


async def test_keys_end(here: Town) -> None:
    anna = await here.person("Anna", "owner")
    short, long = (here.accounts.create_key(anna.id, "k", ["read"], days) for days in (1, None))
    client = here.client()
    assert (await client.get("/api/threads", headers=bearer(short))).status_code == 200
    here.clock.now += 86_401
    assert (await client.get("/api/threads", headers=bearer(short))).status_code == 401
    assert (await client.get("/api/threads", headers=bearer(long))).status_code == 200
    keys = here.accounts.keys.of(anna.id)
    assert [key.used is not None for key in keys] == [True, True]
    assert (await here.as_(anna).delete(f"/api/account/keys/{keys[1].id}")).status_code == 200
    assert (await client.get("/api/threads", headers=bearer(long))).status_code == 401


async def test_a_key_is_shown_once(here: Town) -> None:
    client = here.as_(await here.person("Anna"))
    made = await client.post("/api/account/keys", json={"name": "script", "scopes": ["chat", "read"], "days": 30})
    secret = re.search(r"kotae_[\w-]{43}", made.text)
    assert secret is not None
    assert (await here.client().get("/api/threads", headers=bearer(secret[0]))).status_code == 200
    after = await client.get("/api/account")
    assert "script" in after.text
    assert secret[0] not in after.text
    assert secret[0].encode() not in (here.agent.settings.data_dir / "people.db").read_bytes()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "", "scopes": ["chat"]}, "key_name"),
        ({"name": "x" * 81, "scopes": ["chat"]}, "key_name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["everything"]}, "scopes"),
        ({"name": "x", "scopes": ["chat"], "days": 0}, "days"),
        ({"name": "x", "scopes": ["chat"], "days": 10**9}, "days"),
    ],
)
async def test_a_key_that_is_not_made(here: Town, body: dict[str, object], code: str) -> None:
    got = await here.as_(await here.person("Anna")).post("/api/account/keys", json=body)
    assert (got.status_code, got.json()["error"]["code"]) == (422, code)


async def test_nothing_secret_is_in_the_log(open_town: Open, caplog: pytest.LogCaptureFixture) -> None:
    """50 canaries through what can go wrong: wrong logins, wrong keys and cookies, broken bodies, a broken file."""
    caplog.set_level(logging.INFO)
    here = await open_town()
    anna = await here.person("Anna", "owner")
    browser, client = here.as_(anna), here.client()
    canaries = [f"canary{n:02}secret" for n in range(50)]
    for n, canary in enumerate(canaries):
        here.clock.now += 300
        match n % 5:
            case 0:
                await client.post("/login", data={"name": canary, "password": canary})
            case 1:
                await client.get("/api/threads", headers=bearer(f"kotae_{canary}"))
            case 2:
                await client.get("/api/threads", headers={"Cookie": f'kotae_session={canary}; a="{canary}'})
            case 3:
                form = {"password": canary, "new": canary, "again": canary}
                await browser.post("/password", data=form)
                await browser.post("/api/people", json={"name": canary, "role": canary, "password": canary})
                await browser.post("/api/people", content=b'{"name": "' + canary.encode())
            case 4:
                await browser.post("/api/people", json={"name": canary, "role": "reader", "password": canary})
                await browser.post(f"/api/people/{canary}/password")
    here.accounts.close()
    (here.agent.settings.data_dir / "people.db").write_bytes(b"no database at all" * 100)
    for canary in canaries:
        here.clock.now += 300
        got = await client.post("/login", data={"name": canary, "password": PASSWORD})
        assert got.status_code == 500
        assert (await client.get("/api/threads", headers=bearer(f"kotae_{canary}"))).status_code == 500
    told = "\n".join(record.getMessage() + str(record.exc_info) for record in caplog.records if record.name != "httpx")
    assert not [canary for canary in canaries if canary in told]
