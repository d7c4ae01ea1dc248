"""Conversations, feedback, search and the library as JSON; readiness, figures, the description."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from tests.ui.fake_agent import FakeAgent, settings
from tests.ui.http.served import LEAVE, TWENTY, Served, Start, parsed
from tools.base import ToolError
from ui.api import create_app
from ui.http import asker
from ui.http.asker import authorise


async def asked(served: Served) -> dict[str, Any]:
    got = await served.client.post("/api/chat", json={"question": LEAVE})
    done: dict[str, Any] = parsed(got.text)[-1].data
    return done


async def test_conversations_are_listed_read_changed_and_deleted(start: Start) -> None:
    served = await start(TWENTY)
    done = await asked(served)
    thread = done["thread"]
    [row] = (await served.client.get("/api/threads")).json()["threads"]
    assert (row["id"], row["title"], row["web"]) == (thread, LEAVE, None)
    whole = (await served.client.get(f"/api/threads/{thread}")).json()
    [exchange] = whole["exchanges"]
    assert exchange["question"] == LEAVE
    assert exchange["answer"] == done["answer"]
    assert exchange["id"] == done["exchange"]["id"]
    path = f"/api/threads/{thread}/turns/{exchange['id']}/feedback"
    assert (await served.client.put(path, json={"verdict": "up"})).status_code == 200
    assert (await served.client.get(f"/api/threads/{thread}")).json()["exchanges"][0]["feedback"]["verdict"] == "up"
    [said] = (await served.client.get("/api/feedback", params={"verdict": "up"})).json()["feedback"]
    assert (said["thread"], said["turn"]) == (thread, exchange["id"])
    changed = await served.client.patch(f"/api/threads/{thread}", json={"title": "Leave", "web": "off"})
    assert (changed.json()["title"], changed.json()["web"]) == ("Leave", "off")
    assert (await served.client.patch(f"/api/threads/{thread}", json={"web": None})).json()["web"] is None
    assert (await served.client.patch(f"/api/threads/{thread}", json={"title": " "})).status_code == 422
    assert (await served.client.delete(f"/api/threads/{thread}")).status_code == 204
    for method in ("GET", "DELETE"):
        got = await served.client.request(method, f"/api/threads/{thread}")
        assert (got.status_code, got.json()["error"]["code"]) == (404, "thread")
    assert (await served.client.get(f"/api/chat/{done['turn']}")).status_code == 404, "what it told is gone too"


async def test_the_library_is_read_within_what_may_be_read(start: Start) -> None:
    served = await start(collections=("default",))
    found = (await served.client.get("/api/search", params={"q": LEAVE, "k": 2})).json()
    assert len(found["passages"]) == 2
    assert "20 days" in found["passages"][0]["text"]
    listed = (await served.client.get("/api/documents", params={"count": 2})).json()
    assert (listed["total"], len(listed["documents"])) == (3, 2)
    one = listed["documents"][0]
    assert (await served.client.get(f"/api/documents/{one['id']}")).json() == one
    [collection] = (await served.client.get("/api/collections")).json()["collections"]
    assert (collection["name"], collection["documents"]) == ("default", 3)
    assert (await served.client.get("/api/specialists")).json() == {"specialists": []}
    for path in ("/api/documents/nothing", "/api/documents?collection=private", "/api/search?q=x&collection=private"):
        assert (await served.client.get(path)).status_code == 404
    assert (await served.client.get("/api/search", params={"q": ""})).json()["error"]["code"] == "empty"
    assert (await served.client.get("/api/search")).status_code == 422


async def test_ready_says_what_is_missing(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await start()
    got = await served.client.get("/ready")
    assert (got.status_code, got.json()) == (200, {"ready": True, "missing": []})

    def broken() -> None:
        raise ToolError("library_broken", "a secret path")

    monkeypatch.setattr(served.agent.library, "status", broken)
    monkeypatch.setattr(served.agent.context.model, "_connection", None)
    got = await served.client.get("/ready")
    assert (got.status_code, got.json()) == (503, {"ready": False, "missing": ["model", "library"]})


async def test_the_figures_are_prometheus_and_tell_nothing_of_anybody(start: Start) -> None:
    served = await start(TWENTY)
    done = await asked(served)
    await served.client.post("/api/chat", json={"question": "How many days of leave does an employee get?"})
    text = (await served.client.get("/metrics")).text
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["kotae_turns_total", (("outcome", "answered"), ("route", "library"))] == 1
    assert samples["kotae_turns_total", (("outcome", "failed"), ("route", "none"))] == 1
    assert samples["kotae_turn_seconds_count", ()] == 2
    assert samples["kotae_tokens_total", (("kind", "completion"),)] > 0
    assert samples["kotae_turns_running", ()] == samples["kotae_turns_waiting", ()] == 0
    assert samples["kotae_turns_turned_away_total", (("reason", "busy"),)] == 0
    assert not [word for word in ("leave", done["turn"], done["thread"]) if word in text]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return create_app(FakeAgent(settings(tmp_path_factory.mktemp("app")), {}), chat=False)  # type: ignore[arg-type]


def api_routes(app: FastAPI) -> list[APIRoute]:
    ours = [route for route in _flat(app.routes) if isinstance(route, APIRoute)]
    return [route for route in ours if route.endpoint.__module__.startswith("ui.http.")]


def _flat(routes: Any) -> list[Any]:
    """Routes, those of included routers too."""
    found: list[Any] = []
    for route in routes:
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        found += _flat(inner) if inner else [route]
    return found


def test_every_route_asks_who_asks(app: FastAPI) -> None:
    routes = api_routes(app)
    assert len(routes) >= 17
    for route in routes:
        assert authorise in [one.call for one in route.dependant.dependencies], route.path
    assert authorise is asker.authorise


async def test_the_description_is_valid_and_so_is_every_example(start: Start) -> None:
    served = await start()
    got = await served.client.get("/api/openapi.json")
    described = got.json()
    validate(described)
    assert {"/api/chat", "/api/chat/{turn}", "/v1/chat/completions", "/api/search", "/metrics"} <= set(
        described["paths"]
    )
    checked = 0
    for schema in described["components"]["schemas"].values():
        for example in schema.get("examples", []):
            Draft202012Validator({**schema, "components": described["components"]}).validate(example)
            checked += 1
    assert checked >= 9


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
async def test_pages_of_other_sites_may_not_ask(start: Start, path: str) -> None:
    served = await start()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await served.client.post(path, json={}, headers=headers)).status_code == 403
    assert (await served.client.post(path, json={})).status_code == 422, "a program that is no browser says neither"
