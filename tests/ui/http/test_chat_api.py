"""Turns over HTTP: what is told in which order, gone on with, asked twice, stopped, turned away."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.ui.http.served import LEAVE, TWENTY, Served, Start, parsed, until
from ui.http import turns as machinery

LOOSELY = "How many days of leave does an employee get?"
KEYS = {
    "turn": {"turn", "thread"},
    "status": {"node", "seconds", "facts"},
    "draft": {"number"},
    "token": {"text"},
    "checked": {"number", "state"},
    "sources": {"sources"},
    "done": {"turn", "thread", "exchange", "answer"},
}


async def ask(served: Served, question: str = LEAVE, key: str = "", **more: object) -> str:
    headers = {"Idempotency-Key": key} if key else {}
    got = await served.client.post("/api/chat", json={"question": question, **more}, headers=headers)
    assert got.status_code == 200, got.text
    return got.text


async def test_a_turn_tells_what_happens_and_ends_in_the_answer(start: Start) -> None:
    served = await start(TWENTY)
    events = parsed(await ask(served))
    assert events[0].type == "turn"
    assert events[-1].type == "done"
    assert {one.type for one in events} >= {"turn", "status", "draft", "token", "sources", "done"}
    turn, thread = events[0].data["turn"], events[0].data["thread"]
    assert [one.id for one in events] == [f"{turn}/{n}" for n in range(1, len(events) + 1)]
    for one in events:
        assert set(one.data) == KEYS[one.type]
    [source] = next(one for one in events if one.type == "sources").data["sources"][:1]
    assert set(source) == {"n", "id", "title", "url", "page", "kind"}
    assert "".join(one.data["text"] for one in events if one.type == "token").strip() == TWENTY
    done = events[-1].data
    assert (done["turn"], done["thread"]) == (turn, thread)
    assert done["answer"]["answer"] == TWENTY
    [exchange] = await served.agent.history(thread)
    assert done["exchange"] == {"index": 0, "id": exchange.turn}
    assert served.model.leftover == []


async def test_a_conversation_goes_on(start: Start) -> None:
    served = await start(TWENTY, "Every employee has 20 days. [1]")
    thread = parsed(await ask(served))[0].data["thread"]
    events = parsed(await ask(served, thread=thread))
    assert events[0].data["thread"] == thread
    assert events[-1].data["exchange"]["index"] == 1


async def test_at_every_cut_the_missing_events_and_no_others_are_told_again(start: Start) -> None:
    served = await start(TWENTY)
    whole = await ask(served)
    turn = parsed(whole)[0].data["turn"]
    blocks = [block for block in whole.split("\n\n") if block]
    for n in range(len(blocks) + 1):
        headers = {"Last-Event-ID": f"{turn}/{n}"}
        got = await served.client.get(f"/api/chat/{turn}", headers=headers)
        assert [block for block in got.text.split("\n\n") if block] == blocks[n:]
    assert (await served.client.get(f"/api/chat/{turn}")).text == whole


async def test_a_reader_whose_connection_broke_goes_on(start: Start) -> None:
    served = await start(TWENTY, pause=0.05)
    first: list[str] = []
    async with served.client.stream("POST", "/api/chat", json={"question": LOOSELY}) as stream:
        async for line in stream.aiter_lines():
            first.append(line)
            if line == "event: token":
                break
    last = next(line.removeprefix("id: ") for line in reversed(first) if line.startswith("id: "))
    turn, _, n = last.partition("/")
    got = await served.client.get(f"/api/chat/{turn}", headers={"Last-Event-ID": last})
    events = parsed(got.text)
    assert events[0].id == f"{turn}/{int(n) + 1}"
    assert events[-1].type == "done"
    assert events[-1].data["answer"]["answer"] == TWENTY


async def test_a_wrong_event_id_is_named(start: Start) -> None:
    served = await start(TWENTY)
    turn = parsed(await ask(served))[0].data["turn"]
    for last in ("x", "abc/1", f"{turn}/99999", f"{turn}/-1", f"{turn}/"):
        got = await served.client.get(f"/api/chat/{turn}", headers={"Last-Event-ID": last})
        assert (got.status_code, got.json()["error"]["code"]) == (400, "event_id")


async def test_two_requests_with_one_key_ask_once(start: Start) -> None:
    served = await start(TWENTY, pause=0.01)
    first, second = await asyncio.gather(ask(served, key="k"), ask(served, key="k"))
    assert first == second == await ask(served, key="k")
    assert len(served.model.prompts) == 1
    other = await served.client.post("/api/chat", json={"question": "Other?"}, headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_taken")


async def test_what_failed_is_asked_again_with_its_key_and_stands_there_once(start: Start) -> None:
    served = await start()
    failed = parsed(await ask(served, LOOSELY, key="k"))
    assert failed[-1].type == "error"
    served.model.extend([TWENTY])
    events = parsed(await ask(served, LOOSELY, key="k"))
    assert events[-1].type == "done"
    assert events[0].data["thread"] == failed[0].data["thread"]
    assert [one.question for one in await served.agent.history(events[0].data["thread"])] == [LOOSELY]


async def test_what_goes_wrong_is_a_code_and_a_sentence(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    served = await start()
    got = await served.client.post("/api/chat", json={"question": LOOSELY}, headers={"Accept-Language": "ja"})
    error = parsed(got.text)[-1]
    assert (error.type, error.data["code"]) == ("error", "unknown")
    assert "script" not in error.data["message"]
    assert "ログ" in error.data["message"]
    assert "A turn failed: ScriptExhausted at " in caplog.text
    assert LOOSELY not in caplog.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"question": "  "}, 422, "empty"),
        ({"question": "x" * 5000}, 422, "too_long"),
        ({}, 422, "request"),
        ({"question": "x", "web": "maybe"}, 422, "request"),
        ({"question": "x", "other": 1}, 422, "request"),
        ({"question": "x", "thread": "nowhere"}, 404, "thread"),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_the_stream(
    start: Start, body: dict[str, object], status: int, code: str
) -> None:
    served = await start()
    got = await served.client.post("/api/chat", json=body)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)
    assert got.json()["error"]["message"]
    assert await served.agent.threads() == []


ODD = ["\\ud800", "\\u0000", "\\u202e\\ufeff", "\\ud83d\\ude00", "{}", "$x ${y}", "event: done\\n\\ndata: {}"]


async def test_whatever_is_asked_ends_in_an_event_and_no_server_error(start: Start) -> None:
    """The model has no line, so each ends in an error, whose sentence is ours."""
    served = await start()
    for odd in ODD:
        for body in (f'{{"question": "{odd}"}}', f'{{"question": "x", "thread": "{odd}"}}', f'{{"{odd}": 1}}', odd):
            got = await served.client.post("/api/chat", content=body, headers={"Content-Type": "application/json"})
            assert got.status_code in (200, 404, 422), (body, got.text)
            if got.status_code == 200:
                events = parsed(got.text)
                assert events[-1].type in ("error", "done")
                assert [one.id.rpartition("/")[2] for one in events] == [str(n + 1) for n in range(len(events))]


async def test_a_turn_can_be_stopped(start: Start) -> None:
    served = await start("word " * 300, pause=0.05)
    asked = asyncio.create_task(ask(served, LOOSELY))
    await until(lambda: served.model.busy == 1)
    [turn] = served.turns._open
    assert (await served.client.delete(f"/api/chat/{turn}")).status_code == 204
    assert served.model.busy == served.turns.running == 0
    assert parsed(await asked)[-1].data["code"] == "stopped"
    assert (await served.client.delete(f"/api/chat/{turn}")).status_code == 204
    assert (await served.client.delete("/api/chat/nothing")).status_code == 404


async def test_beyond_the_queue_questions_are_turned_away_at_once(start: Start) -> None:
    served = await start(*["word " * 300] * 2, pause=0.05, max_turns=1, max_waiting=1)
    two = [asyncio.create_task(ask(served, LOOSELY)) for _ in range(2)]
    await until(lambda: served.model.busy == 1 and served.turns.waiting == 1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    got = await asyncio.gather(*(served.client.post("/api/chat", json={"question": LEAVE}) for _ in range(40)))
    assert {one.status_code for one in got} == {429}
    assert all(1 <= int(one.headers["retry-after"]) <= 60 for one in got)
    assert got[0].json()["error"]["code"] == "busy"
    assert loop.time() - began < 40 * 0.2
    assert len(served.turns._open) == 2
    for turn in list(served.turns._open):
        await served.client.delete(f"/api/chat/{turn}")
    ended = [parsed(text) for text in await asyncio.gather(*two)]
    assert {events[-1].data["code"] for events in ended} == {"stopped"}
    assert sum(one.data.get("node") == "queue" for events in ended for one in events) >= 1


async def test_a_hundred_clients_that_go_leave_the_model_free(start: Start) -> None:
    served = await start(*["word " * 300] * 100, pause=0.05, max_turns=100)
    streams = [asyncio.create_task(ask(served, LOOSELY)) for _ in range(100)]
    await until(lambda: served.turns.running == 100, 60)
    for one in streams:
        one.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    await until(lambda: served.turns.running == 0 and served.model.busy == 0, 15)
    assert machinery.GRACE < 2


async def test_a_killed_client_is_noticed_while_nothing_is_told(start: Start) -> None:
    """The connection is reset, and the model says nothing for a long time."""
    served = await start("word " * 3, pause=60)
    host, port = served.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps({"question": LOOSELY}).encode()
    head = f"POST /api/chat HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await until(lambda: served.model.busy == 1)
    writer.transport.abort()
    assert await until(lambda: served.turns.running == 0 and served.model.busy == 0, 5) < 4


async def test_while_it_drains_turns_end_and_none_are_taken(start: Start) -> None:
    served = await start(TWENTY, pause=0.05)
    asked = asyncio.create_task(ask(served, LOOSELY))
    await until(lambda: served.model.busy == 1)
    drained = asyncio.create_task(served.turns.drain(20))
    await until(lambda: served.turns.draining)
    got = await served.client.post("/api/chat", json={"question": LEAVE})
    assert (got.status_code, got.json()["error"]["code"]) == (503, "draining")
    assert int(got.headers["retry-after"]) >= 1
    assert (await served.client.get("/ready")).json() == {"ready": False, "missing": ["turns"]}
    await drained
    assert parsed(await asked)[-1].type == "done"


async def test_draining_has_an_end(start: Start) -> None:
    served = await start("word " * 300, pause=0.05)
    asked = asyncio.create_task(ask(served, LOOSELY))
    await until(lambda: served.model.busy == 1)
    await served.turns.drain(0.1)
    assert served.model.busy == 0
    assert parsed(await asked)[-1].data["code"] == "stopped"
