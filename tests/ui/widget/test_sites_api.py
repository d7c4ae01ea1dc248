"""What the page of sites asks for: it says what is wrong beside the field, and what is deleted is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ui.http.served import Served, Start
from tests.ui.widget.test_widget_api import SAID, Visitor, keep
from ui import cli
from ui.widget.sites import Sites

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
WANTED: dict[str, Any] = {"name": "Shop", "origins": ["https://shop.example"], "collections": ["default"]}


async def send(served: Served, method: str, path: str, body: Any = None, language: str = "en") -> tuple[int, Any]:
    response = await served.client.request(method, f"/api/sites/{path}", json=body, params={"lang": language})
    kind = response.headers.get("content-type", "")
    return response.status_code, response.json() if kind.startswith("application/json") else response.text


async def test_a_site_is_made_shown_changed_and_removed(start: Start) -> None:
    served = await start()
    _, made = await send(served, "POST", "new", WANTED)
    status, form = await send(served, "GET", f"{made['id']}/form")
    assert status == 200
    assert f"{served.url}/widget.js" in form
    assert made["id"] in form
    assert "https://shop.example" in form
    changed = {**WANTED, "name": "Store", "daily": 7, "look": {"accent": "#aa0000"}}
    assert (await send(served, "PUT", made["id"], changed))[0] == 200
    _, listed = await send(served, "GET", "list")
    assert "Store" in listed
    assert "0 of 7 questions today" in listed
    assert (await send(served, "DELETE", made["id"]))[0] == 200
    for method, path in (("GET", f"{made['id']}/form"), ("PUT", made["id"]), ("DELETE", made["id"])):
        assert (await send(served, method, path, WANTED))[0] == 404


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"origins": ["https://*.shop.example"]}, "origins", "pattern"),
        ({"origins": ["https://shop.example/cart"]}, "origins", "too much"),
        ({"origins": ["shop.example"]}, "origins", "https://"),
        ({"origins": [f"https://a{n}.example" for n in range(60)]}, "origins", "at most 50"),
        ({"name": " "}, "name", "name"),
        ({"name": "x" * 101}, "name", "100"),
        ({"daily": 0}, "daily", "not fit"),
        ({"daily_each": 1.5}, "daily_each", "not fit"),
        ({"web": "maybe"}, "web", "not fit"),
        ({"look": {"accent": "red"}}, "look.accent", "not fit"),
        ({"look": {"texts": {"en": {"title": "x" * 81}}}}, "look.texts.en.title", "at most 80"),
        ({"look": {"texts": {"en": {"suggestions": ["x"] * 7}}}}, "look.texts.en.suggestions", "at most 6"),
        ({"look": {"texts": {"fr": {}}}}, "look.texts.fr.[key]", "not fit"),
    ],
)
async def test_what_does_not_fit_is_said_beside_its_field(
    start: Start, changes: dict[str, Any], field: str, said: str
) -> None:
    served = await start()
    status, told = await send(served, "POST", "new", {**WANTED, **changes})
    assert (status, told["field"]) == (422, field)
    assert said in told["error"]
    _, japanese = await send(served, "POST", "new", {**WANTED, **changes}, "ja")
    assert japanese["error"] != told["error"]
    assert Sites(served.agent.settings.data_dir).all() == []


async def test_a_logo_is_kept_served_and_taken_away(start: Start) -> None:
    served = await start()
    site = keep(served)
    path = f"/api/sites/{site.id}/logo"
    assert (await served.client.put(path, content=b"<svg onload=alert(1)>")).status_code == 422
    assert (await served.client.get(f"/widget/{site.id}/logo")).status_code == 404
    assert (await served.client.put(path, content=PNG)).json() == {"logo": "image/png"}
    found = await served.client.get(f"/widget/{site.id}/logo")
    assert (found.content, found.headers["content-type"]) == (PNG, "image/png")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert (await served.client.put(path, content=b"")).json() == {"logo": ""}
    assert (await served.client.get(f"/widget/{site.id}/logo")).status_code == 404


async def test_the_preview_is_what_the_widget_would_be_sent(start: Start) -> None:
    served = await start()
    look = {"accent": "#112233", "texts": {"ja": {"title": "お店"}}, "language": "ja"}
    _, seen = await send(served, "POST", "new/preview", look)
    assert (seen["session"]["title"], seen["session"]["accent"]) == ("お店", "#112233")
    assert "営業" in str(seen["exchanges"])
    assert (await send(served, "POST", "new/preview", {"accent": "url(x)"}))[0] == 422


async def test_a_site_that_is_removed_takes_its_visitors_conversations_along(start: Start) -> None:
    served = await start(SAID, SAID, SAID)
    gone, stays = keep(served), keep(served, name="Other")
    for _ in range(2):
        await (await Visitor(served, gone).come()).ask()
    other = await Visitor(served, stays).come()
    thread = (await other.ask())["thread"]
    assert (await send(served, "DELETE", gone.id))[1] == {"conversations": 2}
    assert len((await other.send("history", {"thread": thread})).json()["exchanges"]) == 1
    rest = b"".join(path.read_bytes() for path in served.agent.settings.data_dir.glob("threads.db*"))
    assert gone.id.encode() not in rest


async def test_no_other_page_changes_a_site(start: Start) -> None:
    served = await start()
    site = keep(served)
    head = {"Origin": "https://shop.example"}
    for method, path in (("POST", "new"), ("PUT", site.id), ("DELETE", site.id), ("PUT", f"{site.id}/logo")):
        response = await served.client.request(method, f"/api/sites/{path}", json=WANTED, headers=head)
        assert response.status_code == 403
    assert Sites(served.agent.settings.data_dir).all() == [site]


def test_from_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))

    def kotae(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["site", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    assert "kotae site add" in kotae()[2]
    assert kotae("add", "Shop", "--origin", "https://shop.example/cart")[0] == 1
    assert kotae("add", "Shop", "--origin", "https://shop.example", "--collection", "none")[0] == 1
    code, line, _ = kotae("add", "Shop", "--origin", "https://shop.example/", "--url", "https://chat.example")
    assert code == 0
    [site] = Sites(tmp_path / "data").all()
    assert line.strip() == f'<script src="https://chat.example/widget.js" data-site="{site.id}" async></script>'
    assert site.origins == ("https://shop.example",)
    assert f"{site.id}\tShop\thttps://shop.example" in kotae("list")[1]
    assert '"origins"' in kotae("list", "--json")[1]
    assert kotae("show", "Shop")[1].startswith('<script src="http://127.0.0.1:7860/')
    assert kotae("remove", "Nothing")[0] == 1
    assert "Deleted Shop" in kotae("remove", site.id)[1]
    assert Sites(tmp_path / "data").all() == []


async def test_the_line_for_the_pages_names_where_visitors_reach_kotae(start: Start) -> None:
    served = await start(public_url="https://chat.example.org")
    site = keep(served)
    _, form = await send(served, "GET", f"{site.id}/form")
    assert "https://chat.example.org/widget.js" in form
    assert served.url not in form
