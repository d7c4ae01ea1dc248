"""Logging in and out: sessions and their cookies, where the login leads, how often it may be tried."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from tests.ui.people.conftest import Open
from tests.ui.people.town import BASE, LEAVE, PASSWORD, Town, asked
from ui.people import sessions, throttle
from ui.people.login import local

WORDS = "Name and password do not match."


async def login(client: httpx.AsyncClient, name: str = "Anna", password: str = PASSWORD, **more: str) -> httpx.Response:
    return await client.post("/login", data={"name": name, "password": password, **more})


async def test_the_page_leads_to_the_login_and_back(here: Town) -> None:
    await here.person("Anna", "owner")
    client = here.client()
    led = await client.get("/chat/ja/?thread=t&view=library")
    assert led.headers["location"] == f"/login?next={quote('/chat/ja/?thread=t&view=library', safe='')}"
    page = await client.get(led.headers["location"])
    assert 'value="/chat/ja/?thread=t&amp;view=library"' in page.text
    got = await login(client, next="/chat/ja/?thread=t&view=library")
    assert (got.status_code, got.headers["location"]) == (303, "/chat/ja/?thread=t&view=library")
    assert (await client.get("/api/threads")).status_code == 200
    again = await client.get("/login?next=/chat/en/")
    assert (again.status_code, again.headers["location"]) == (303, "/chat/en/")


@pytest.mark.parametrize("name", ["anna", "  ANNA ", "Ａｎｎａ"])
async def test_a_name_is_found_however_it_is_typed(here: Town, name: str) -> None:
    await here.person("Anna")
    assert (await login(here.client(), name)).status_code == 303


async def test_neither_says_which_of_the_two_was_wrong(here: Town) -> None:
    await here.person("Anna")
    wrong, unknown = await login(here.client(), password="not this one"), await login(here.client(), name="Nobody")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text == unknown.text
    assert WORDS in wrong.text
    assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize(
    ("url", "cookie"),
    [
        (None, "kotae_session={}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"),
        ("https://kotae.example.org", "__Host-kotae={}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax; Secure"),
    ],
)
async def test_the_cookie(open_town: Open, url: str | None, cookie: str) -> None:
    here = await open_town(public_url=url)
    await here.person("Anna")
    set_cookie = (await login(here.client())).headers["set-cookie"]
    token = set_cookie.partition("=")[2].partition(";")[0]
    assert set_cookie == cookie.format(token)
    assert len(token) == 43, "32 bytes"
    database = (here.agent.settings.data_dir / "people.db").read_bytes()
    assert token.encode() not in database
    assert (here.agent.settings.data_dir / "people.db").stat().st_mode & 0o077 == 0


async def test_a_session_that_was_there_before_is_not_taken_over(here: Town) -> None:
    """Session fixation: whoever plants a cookie does not know the one that counts after the login."""
    anna, eve = await here.person("Anna"), await here.person("Eve")
    planted = here.accounts.sessions.begin(eve.id)
    client = here.client(cookies={"kotae_session": planted})
    got = await login(client)
    assert planted not in got.headers["set-cookie"]
    assert here.accounts.sessions.find(planted) is None
    assert [one.person for one in here.accounts.sessions.of(anna.id)] == [anna.id]
    unknown = here.client(cookies={"kotae_session": "chosen-by-somebody"})
    assert "chosen-by-somebody" not in (await login(unknown)).headers["set-cookie"]


async def test_sessions_end(here: Town) -> None:
    anna = await here.person("Anna")
    client = here.as_(anna)
    for _ in range(4):
        here.clock.now += sessions.IDLE - 60
        assert (await client.get("/api/threads")).status_code == 200, "whoever comes back in time stays"
    here.clock.now += sessions.LONGEST - 4 * (sessions.IDLE - 60) + 1
    assert (await client.get("/api/threads")).status_code == 401, "but not for ever"
    client = here.as_(anna)
    here.clock.now += sessions.IDLE + 1
    assert (await client.get("/api/threads")).status_code == 401


async def test_logging_out_ends_the_session_on_the_server(here: Town) -> None:
    anna = await here.person("Anna")
    token = here.accounts.sessions.begin(anna.id)
    got = await here.client(cookies={"kotae_session": token}).post("/logout")
    assert (got.status_code, got.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in got.headers["set-cookie"]
    assert (await here.client(cookies={"kotae_session": token}).get("/api/threads")).status_code == 401


async def test_a_new_password_ends_every_session_but_the_new_one(here: Town) -> None:
    anna = await here.person("Anna")
    one, other = here.as_(anna), here.as_(anna)
    form = {"password": PASSWORD, "new": "two whales in the bath", "again": "two whales in the bath"}
    got = await one.post("/password", data=form)
    assert got.status_code == 303
    assert (await other.get("/api/threads")).status_code == 401
    assert (await one.get("/api/threads")).status_code == 200
    assert (await login(here.client())).status_code == 401
    assert (await login(here.client(), password=form["new"])).status_code == 303


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"password": "wrong", "new": "two whales in the bath", "again": "two whales in the bath"}, 401, "not right"),
        ({"password": PASSWORD, "new": "two whales in the bath", "again": "another"}, 422, "both times"),
        ({"password": PASSWORD, "new": "short", "again": "short"}, 422, "too short"),
        ({"password": PASSWORD, "new": "password123", "again": "password123"}, 422, "first that are tried"),
    ],
)
async def test_a_password_that_is_not_taken(here: Town, form: dict[str, str], status: int, said: str) -> None:
    client = here.as_(await here.person("Anna"))
    got = await client.post("/password", data=form)
    assert got.status_code == status
    assert said in got.text
    assert (await client.get("/api/threads")).status_code == 200


async def test_a_password_from_somebody_else_is_for_the_first_login_only(here: Town) -> None:
    owner = here.as_(await here.person("Anna", "owner"))
    made = await owner.post("/api/people", json={"name": "Rin", "role": "reader"})
    given = made.text.partition("<code>")[2].partition("</code>")[0]
    client = here.client()
    assert (await login(client, "Rin", given)).headers["location"] == "/password"
    assert (await client.get("/chat/en/")).headers["location"] == "/password"
    refused = await client.get("/api/threads")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "password_due")
    form = {"password": given, "new": "three whales in the bath", "again": "three whales in the bath"}
    assert (await client.post("/password", data=form)).status_code == 303
    assert (await client.get("/api/threads")).status_code == 200


PATHS = ["/", "/chat/en/", "/chat/ja/?thread=abc&view=library", "/language/ja", "/password"]
ELSEWHERE = [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/%0d%0aSet-Cookie:x=1\r\n",
    "javascript:alert(1)", "chat/en/", "", "/chat/en/\n", "/\t/evil.example", "///evil.example/chat/", "/login",
    "/logout", "/api/threads", "/chat/../../evil\\", "/chat/en/" + "x" * 3000, "http:/evil.example", "/ /evil.example",
    "/chat/日本", "/chat/en/@evil.example:", "/;@evil.example",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_where_the_login_may_lead(path: str) -> None:
    assert local(path) == path


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_where_it_may_not(here: Town, path: str) -> None:
    assert local(path) in ("", "/chat/en/@evil.example:")
    await here.person("Anna")
    target = (await login(here.client(), next=path)).headers["location"]
    assert httpx.URL(BASE).join(target).host == "127.0.0.1"
    assert target.startswith("/chat/en/")


async def test_guessing_is_slowed_for_a_name_from_wherever_it_comes(here: Town) -> None:
    await here.person("Anna")
    for _ in range(throttle.FREE):
        assert (await login(here.client(), password="wrong wrong")).status_code == 401
    for waited in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        got = await login(here.client())
        assert got.status_code == 429, "the right one has to wait as well, or the wait would tell"
        assert got.headers["retry-after"] == str(waited)
        assert f"{waited} seconds" in got.text
        assert (await login(here.client(), name="Ben", password="wrong")).status_code == 401
        here.clock.now += waited
        assert (await login(here.client(), password="wrong wrong")).status_code == 401
        here.accounts._throttle._counts.pop(("address", "127.0.0.1"))
    here.clock.now += 300
    assert (await login(here.client())).status_code == 303
    assert (await login(here.client(), password="wrong wrong")).status_code == 401, "and it begins anew"


async def test_guessing_is_slowed_for_an_address_whatever_the_name(here: Town) -> None:
    for n in range(throttle.FREE_ADDRESS):
        assert (await login(here.client(), name=f"n{n}")).status_code == 401
    assert (await login(here.client(), name="another")).status_code == 429


async def test_unknown_names_cost_a_hash_as_well(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await here.person("Anna")
    verified: list[str] = []
    hasher = type(here.accounts._passwords._hasher)
    verify = hasher.verify

    def noted(self: object, stored: str, given: str) -> bool:
        verified.append(stored)
        return bool(verify(self, stored, given))

    monkeypatch.setattr(hasher, "verify", noted)
    await login(here.client(), password="wrong")
    await login(here.client(), name="Nobody")
    assert [one.startswith("$argon2id$") for one in verified] == [True, True]


@pytest.mark.parametrize(
    ("url", "host", "origin", "taken"),
    [
        (None, BASE, BASE, True),
        (None, BASE, "https://evil.example", False),
        (None, BASE, "null", False),
        (None, BASE, "http://127.0.0.1:7861", False),
        (None, BASE, "https://127.0.0.1:7860", False),
        ("https://kotae.example.org", "http://kotae.example.org", "https://kotae.example.org", True),
        ("https://kotae.example.org", "http://kotae.example.org", "http://kotae.example.org", False),
        ("https://kotae.example.org", "http://kotae.example.org", "https://evil.kotae.example.org", False),
        ("https://kotae.example.org", "http://kotae.example.org", "https://kotae.example.org.evil.example", False),
        ("https://kotae.example.org", BASE, "https://kotae.example.org", False),
    ],
)
async def test_a_change_with_a_cookie_comes_from_our_own_pages(
    open_town: Open, url: str | None, host: str, origin: str, taken: bool
) -> None:
    here = await open_town(public_url=url)
    anna = await here.person("Anna", "owner")
    client = here.as_(anna, base_url=host, headers={"Origin": origin})
    for path in ("/api/account/keys", "/api/memory", "/logout"):
        got = await client.post(path, json={"name": "k", "scopes": ["chat"], "on": True})
        assert (got.status_code == 403) is not taken, path
    assert (await login(here.client(base_url=host, headers={"Origin": origin}))).status_code == (303 if taken else 403)


@pytest.mark.parametrize(
    ("given", "host", "known"),
    [
        ({}, "http://kotae.example.org", False),
        ({"public_url": "https://kotae.example.org"}, "http://kotae.example.org", True),
        ({"public_url": "https://kotae.example.org"}, "http://evil.example.org", False),
        ({"hosts": ("kotae.intranet",)}, "http://kotae.intranet:7860", True),
        ({"hosts": ("kotae.intranet",)}, "http://x.kotae.intranet:7860", False),
    ],
)
async def test_which_names_it_answers_to(open_town: Open, given: dict[str, object], host: str, known: bool) -> None:
    here = await open_town(**given)
    assert ((await here.client(base_url=host).get("/health")).status_code == 200) is known


async def test_an_address_that_was_connected_to_is_answered_and_a_name_is_not(here: Town) -> None:
    def came_in(address: str) -> httpx.AsyncClient:
        async def app(scope, receive, send):  # type: ignore[no-untyped-def]
            await here.app({**scope, "server": (address, 7860)}, receive, send)

        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://192.168.1.5:7860")

    async with came_in("192.168.1.5") as right, came_in("192.168.1.6") as wrong, came_in("evil.example") as named:
        assert (await right.get("/health")).status_code == 200
        assert (await wrong.get("/health")).status_code == 421
        assert (await named.get("/health", headers={"Host": "evil.example:7860"})).status_code == 421


async def test_only_pages_with_a_form_may_send_one(here: Town) -> None:
    client = here.as_(await here.person("Anna"))
    for path, allowed in (("/login", "'self'"), ("/password", "'self'"), ("/api/account", "'none'")):
        policy = (await client.get(path)).headers["content-security-policy"]
        assert f"form-action {allowed};" in policy
        assert "script-src 'self' 'nonce-" in policy


async def test_the_name_of_somebody_is_shown_as_text(here: Town) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    client = here.as_(await here.person(hostile, "owner"))
    for path in ("/password", "/api/account", "/api/people"):
        got = await client.get(path)
        assert "<img" not in got.text
        assert "&lt;img" in got.text
    led = here.client()
    got = await led.get("/login", params={"next": '/chat/"><script>alert(1)</script>'})
    assert "<script" not in got.text


async def test_who_sat_at_the_machine_is_the_first_owner(open_town: Open) -> None:
    from agent.asker import OWNER

    here = await open_town("Every employee has 20 days of paid leave a year. [1]")
    reader = await here.person("Rin")
    first, second = await here.person("Anna", "owner"), await here.person("Ben", "owner")
    assert (first.as_asker(), second.asker, reader.asker) == (OWNER, f"person:{second.id}", f"person:{reader.id}")
    await here.agent.ask(LEAVE)
    assert len((await here.as_(first).get("/api/threads")).json()["threads"]) == 1
    assert len((await here.as_(second).get("/api/threads")).json()["threads"]) == 0


async def test_who_is_removed_is_gone_with_everything(here: Town) -> None:
    anna, ben = await here.person("Anna", "owner"), await here.person("Ben")
    hers, his = here.as_(anna), here.as_(ben)
    await asked(his, LEAVE)
    await asked(hers, LEAVE)
    key = here.accounts.create_key(ben.id, "his", ["chat"])
    about = here.agent.acting_for(ben.as_asker()).about
    about.switch(True)
    about.keep("I live in Osaka.", "en", "t")
    got = await hers.delete(f"/api/people/{ben.id}")
    assert got.status_code == 200
    assert "Ben" not in got.text
    assert (await his.get("/api/threads")).status_code == 401
    assert here.accounts.keys.find(key) is None
    assert await here.agent.acting_for(ben.as_asker()).threads() == []
    assert len(await here.agent.threads()) == 1
    folder = here.agent.settings.data_dir
    assert not [path for path in (folder / "askers").rglob("*") if path.is_file()]
    assert ben.id.encode() not in (folder / "people.db").read_bytes()
    assert (await hers.delete(f"/api/people/{anna.id}")).json()["error"]["code"] == "yourself"


async def test_the_last_owner_stays_one(here: Town) -> None:
    anna, eri = await here.person("Anna", "owner"), await here.person("Eri", "editor")
    client = here.as_(anna)
    got = await client.patch(f"/api/people/{anna.id}", json={"role": "reader"})
    assert (got.status_code, got.json()["error"]["code"]) == (409, "last_owner")
    assert (await client.patch(f"/api/people/{eri.id}", json={"role": "owner"})).status_code == 200
    assert (await client.patch(f"/api/people/{anna.id}", json={"role": "reader"})).status_code == 200
    assert (await client.get("/api/people")).status_code == 403, "at once, in the session that is open"
