"""Every route of the application, by everybody who should not get there, and with the ids of somebody else."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.ui.people.conftest import Open
from tests.ui.people.test_people_gate import path_of
from tests.ui.people.town import LEAVE, Town, asked, endpoints

OPEN = re.compile(r"/(?:log(?:in|out)|health|ready|favicon\.ico|assets/.*|widget\.js|widget/.*)")
PAGES = {"/", "/chat", "/chat/", "/language/{language}", "/password"}
TENDING = re.compile(r"/api/(?:library|specialists|insights|settings)/|/api/people|/api/sites|/metrics|/api/\{rest")
READ = {"/api/library/documents/{id}/document", "/api/library/documents/{id}/pages/{page}.png"}


async def test_without_a_login_nothing_is_told(here: Town) -> None:
    client = here.client()
    for method, path in endpoints(here.app):
        got = await client.request(method, path_of(path))
        if OPEN.fullmatch(path):
            told = got.json() if "json" in got.headers.get("content-type", "") else {}
            assert told.get("error", {}).get("code") != "login", path
        elif path in PAGES and method == "GET":
            assert got.status_code == 303
            assert re.fullmatch(r"/login(\?next=[%\w.]+)?", got.headers["location"]), path
        else:
            assert got.status_code == 401, (method, path)
            assert got.json()["error"]["code"] == "login"
            assert got.headers["www-authenticate"] == "Bearer"
            assert got.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("header", ["Bearer kotae_wrong", "bearer kotae_", "Bearer ", "Bearer null"])
async def test_with_a_wrong_key_nothing_is_told_even_beside_a_session(here: Town, header: str) -> None:
    anna = await here.person("Anna", "owner")
    client = here.as_(anna)
    for method, path in endpoints(here.app):
        if not OPEN.fullmatch(path):
            got = await client.request(method, path_of(path), headers={"Authorization": header})
            assert got.status_code in (303, 401), (method, path)


async def test_a_reader_gets_nowhere_else(here: Town) -> None:
    client = here.as_(await here.person("Rin"))
    refused = 0
    for method, path in endpoints(here.app):
        if (method, path) == ("POST", "/login") or path.startswith("/widget"):
            continue  # say themselves that a name, or a page of another site, is not right
        got = await client.request(method, path_of(path), json={})
        if TENDING.match(path) and path not in READ:
            refused += 1
            assert got.status_code == 403, (method, path)
            assert got.json()["error"]["code"] == "forbidden"
        else:
            assert got.status_code not in (401, 403), (method, path)
        if path == "/logout":
            client = here.as_(here.accounts.store.named("Rin"))
    assert refused > 50


async def test_a_refusal_is_in_the_readers_language_and_in_the_shape_of_the_api(here: Town) -> None:
    client = here.client()
    said = (await client.get("/api/threads", headers={"Accept-Language": "ja"})).json()["error"]["message"]
    assert "ログイン" in said
    openai = (await client.get("/v1/models")).json()["error"]
    assert openai["type"] == "invalid_request_error"


@pytest.mark.parametrize("role", ["owner", "editor", "reader"])
async def test_what_is_somebody_elses_is_not_there(here: Town, role: str) -> None:
    anna, ben = await here.person("Anna", "owner"), await here.person("Ben", role)  # type: ignore[arg-type]
    hers, his = here.as_(anna), here.as_(ben)
    done = await asked(hers)
    mine = await asked(his)
    assert mine["thread"] != done["thread"]
    exchange = done["exchange"]["id"]
    kept = await hers.put(f"/api/threads/{done['thread']}/turns/{exchange}/feedback", json={"verdict": "up"})
    assert kept.status_code == 200
    here.accounts.create_key(anna.id, "hers", ["chat"])
    ids = {
        "/api/account/keys/{id}": here.accounts.keys.of(anna.id)[0].id,
        "/api/account/sessions/{id}": here.accounts.sessions.of(anna.id)[0].id,
    }
    checked = 0
    for method, path in endpoints(here.app):
        if not re.search(r"\{(?:thread|turn)\}|^/api/account/.*\{id\}", path):
            continue
        turn = exchange if "feedback" in path else done["turn"]
        there = path.replace("{thread}", done["thread"]).replace("{turn}", turn).replace("{index}", "0")
        visits = path.startswith("/api/insights/")  # what visitors of a site were told, and nobody else
        there = there.replace("{n}", "0" if visits else "1").replace("{id}", ids.get(path, ""))
        foreign = {403} if visits and role == "reader" else {404}
        for client, expected in ((his, foreign), (hers, {404} if visits else {200, 204})):
            if client is hers and method != "GET":
                continue  # what changes something is only tried by who must not
            body = {"verdict": "down"} if method == "PUT" else {"title": "mine"} if method == "PATCH" else None
            got = await client.request(method, there, json=body)
            if client is hers and path.endswith("page.png"):
                continue  # the handbook has no pages
            assert got.status_code in expected, (method, path, got.status_code, got.text)
            if client is his:
                assert "leave" not in got.text
                checked += 1
    assert checked >= 12
    for asks in (
        his.post("/api/chat", json={"question": LEAVE, "thread": done["thread"]}),
        his.post(
            "/v1/chat/completions",
            json={
                "model": "kotae",
                "messages": [{"role": "user", "content": LEAVE}],
                "metadata": {"thread": done["thread"]},
            },
        ),
    ):
        assert (await asks).status_code == 404
    assert [one["id"] for one in (await his.get("/api/threads")).json()["threads"]] == [mine["thread"]]
    assert (await his.get("/api/feedback")).json()["feedback"] == []
    whole = (await hers.get(f"/api/threads/{done['thread']}")).json()
    assert whole["title"] == LEAVE
    assert whole["exchanges"][0]["feedback"]["verdict"] == "up"
    assert len(here.accounts.keys.of(anna.id)) == 1


async def documents(client: httpx.AsyncClient) -> list[dict[str, str]]:
    return (await client.get("/api/documents")).json()["documents"]  # type: ignore[no-any-return]


async def test_a_reader_sees_of_the_library_what_the_owner_says(open_town: Open) -> None:
    here = await open_town()
    anna, ben = await here.person("Anna", "owner"), await here.person("Ben")
    hers, his = here.as_(anna), here.as_(ben)
    document = (await documents(hers))[0]["id"]
    assert await documents(his) == await documents(hers), "all, as long as nothing else is said"
    here.accounts.store.set_role_collections("reader", frozenset({"another"}))
    assert await documents(his) == []
    assert (await his.get("/api/search", params={"q": LEAVE})).json()["passages"] == []
    assert (await his.get("/api/search", params={"q": LEAVE, "collection": "default"})).status_code == 404
    assert (await his.get("/api/collections")).json()["collections"] == []
    for path in (f"/api/documents/{document}", f"/api/library/documents/{document}/document"):
        assert (await his.get(path)).status_code == 404
        assert (await hers.get(path)).status_code == 200
    question = {"model": "kotae", "messages": [{"role": "user", "content": LEAVE}]}
    refused = await his.post("/v1/chat/completions", json=question)
    assert refused.json()["kotae"]["sources"] == []
    here.accounts.store.set_collections(ben.id, frozenset({"default"}))
    assert await documents(his) == await documents(hers), "what is said for one person comes first"
    here.accounts.store.set_collections(ben.id, None)
    assert await documents(his) == []


async def test_a_folder_of_the_server_is_the_owners_to_name(
    here: Town, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("server") / "secret.md"
    secret.write_text("The safe is behind the picture.")
    client = here.as_(await here.person("Eri", "editor"))
    for path, body in (
        ("sources", {"path": str(secret)}),
        ("sources/check", {"path": str(secret)}),
        ("sources/watch", {"path": str(secret), "on": True}),
        ("failures/retry", {"path": str(secret)}),
    ):
        got = await client.post(f"/api/library/{path}", json=body)
        assert got.status_code == 403, path
        assert "owner" in got.json()["error"]


async def test_two_people_know_nothing_of_what_the_other_told(here: Town) -> None:
    anna, ben = await here.person("Anna", "owner"), await here.person("Ben")
    about = here.agent.acting_for(ben.as_asker()).about
    about.switch(True)
    about.keep("I live in Osaka.", "en", "t")
    assert "Osaka" not in (await here.as_(anna).get("/api/memory")).text
    assert "Osaka" in (await here.as_(ben).get("/api/memory")).text


async def test_what_readers_say_teaches_nobody(here: Town) -> None:
    people = [await here.person("Anna", "owner"), await here.person("Eri", "editor"), await here.person("Rin")]
    assert [person.as_asker().teaches for person in people] == [True, True, False]


async def test_the_insights_open_nobody_elses_conversation(here: Town) -> None:
    anna, eri = await here.person("Anna", "owner"), await here.person("Eri", "editor")
    threads = {one.name: (await asked(here.as_(one)))["thread"] for one in (anna, eri)}
    for one, other in ((anna, eri), (eri, anna)):
        got = await here.as_(one).get("/api/insights/list", params={"which": "all"})
        assert threads[one.name] in got.text
        assert threads[other.name] not in got.text
