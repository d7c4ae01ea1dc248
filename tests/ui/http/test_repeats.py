"""A question that is sent again with its key when the server has started anew: it is not asked again."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing
from itertools import groupby
from pathlib import Path

import httpx
import pytest

from agent import Agent, Asker, Settings
from agent.repeats import LASTS, Key
from tests.ui.http.served import LEAVE, TWENTY, PacedModel, Served, Sse, parsed, serving

OTHER = "What does the uniform cost?"


@pytest.fixture
def settings(tmp_path: Path, library: Path) -> Settings:
    (tmp_path / "library").symlink_to(library)
    return Settings(data_dir=tmp_path, models_dir=tmp_path, web="off")


async def post(served: Served, question: str = LEAVE, key: str = "k", **body: object) -> httpx.Response:
    headers = {"Idempotency-Key": key}
    return await served.client.post("/api/chat", json={"question": question, **body}, headers=headers)


async def asked(settings: Settings, **body: object) -> list[Sse]:
    """Ask once, and let the server end."""
    async with serving(settings, PacedModel(lines=[TWENTY])) as served:
        return parsed((await post(served, **body)).text)  # type: ignore[arg-type]


def change(settings: Settings, statement: str) -> int:
    with sqlite3.connect(settings.data_dir / "threads.db") as db:
        return db.execute(statement).rowcount


async def test_the_answer_that_was_given_is_found(settings: Settings) -> None:
    before = await asked(settings)
    async with serving(settings, PacedModel(lines=[])) as served:
        got = await post(served)
        events = parsed(got.text)
        assert [one.type for one in events] == ["turn", "sources", "done"]
        for name in ("thread", "exchange", "answer"):
            assert events[-1].data[name] == before[-1].data[name], name
        turn = events[0].data["turn"]
        assert [one.id for one in events] == [f"{turn}/{n}" for n in (1, 2, 3)]
        again = await served.client.get(f"/api/chat/{turn}", headers={"Last-Event-ID": f"{turn}/2"})
        assert parsed(again.text) == events[-1:]
        assert (await post(served)).text == got.text
        assert len(await served.agent.history(events[0].data["thread"])) == 1
        assert served.model.prompts == []


@pytest.mark.parametrize("body", [{"question": OTHER}, {"web": "off"}, {"thread": "same"}])
async def test_with_another_question_the_key_is_taken(settings: Settings, body: dict[str, str]) -> None:
    before = await asked(settings)
    if "thread" in body:
        body = {"thread": before[0].data["thread"]}
    async with serving(settings, PacedModel(lines=[])) as served:
        got = await post(served, **body)  # type: ignore[arg-type]
        assert (got.status_code, got.json()["error"]["code"]) == (409, "key_taken")


async def test_what_goes_on_with_a_conversation_is_found_too(settings: Settings) -> None:
    async with serving(settings, PacedModel(lines=[TWENTY] * 2)) as served:
        thread = parsed((await post(served, key="first")).text)[0].data["thread"]
        before = parsed((await post(served, key="second", thread=thread)).text)
    async with serving(settings, PacedModel(lines=[])) as served:
        after = parsed((await post(served, key="second", thread=thread)).text)
        assert after[-1].data["exchange"] == before[-1].data["exchange"]
        assert after[-1].data["exchange"]["index"] == 1


@pytest.mark.parametrize("gone", ["deleted", "rewound", "expired"])
async def test_what_is_gone_is_asked_again(settings: Settings, gone: str) -> None:
    thread = (await asked(settings))[0].data["thread"]
    async with serving(settings, PacedModel(lines=[TWENTY])) as served:
        if gone == "deleted":
            await served.client.delete(f"/api/threads/{thread}")
        elif gone == "rewound":
            await served.agent.rewind(thread, 0)
        else:
            change(settings, f"UPDATE repeats SET at = at - {LASTS}")
        events = parsed((await post(served)).text)
        assert events[-1].type == "done"
        assert len(served.model.prompts) == 1
    assert change(settings, "DELETE FROM repeats") == 1


async def test_another_row_takes_along_what_has_expired(settings: Settings) -> None:
    await asked(settings)
    async with serving(settings, PacedModel(lines=[TWENTY] * 2)) as served:
        change(settings, f"UPDATE repeats SET at = at - {LASTS}")
        await post(served, key="another")
        await post(served, key="")
    assert change(settings, "DELETE FROM repeats") == 1


async def test_a_key_is_for_whoever_used_it(settings: Settings) -> None:
    async with Agent.open(settings, model=PacedModel(lines=[TWENTY])) as agent:
        async with aclosing(agent.stream(LEAVE, "t", key=Key("k", "what"))) as events:  # type: ignore[type-var]
            assert [event async for event in events]
        found = await agent.answered("k")
        assert found is not None
        assert (found.asked, found.thread, found.index, found.answer.text) == ("what", "t", 0, TWENTY)
        assert await agent.acting_for(Asker("person:ben")).answered("k") is None


async def test_a_key_costs_one_statement_and_no_commit(settings: Settings) -> None:
    said: list[str] = []
    counts = []
    async with Agent.open(settings, model=PacedModel(lines=[TWENTY] * 3)) as agent:
        await agent._threads._db.set_trace_callback(said.append)
        for thread, key in (("a", None), ("b", None), ("c", Key("k", "what"))):
            said.clear()
            async with aclosing(agent.stream(LEAVE, thread, key=key)) as events:  # type: ignore[type-var]
                assert [event async for event in events]
            # what a trigger does is told as another statement of the same text
            counts.append((len([one for one, _ in groupby(said)]), said.count("COMMIT")))
    assert counts[2] == (counts[1][0] + 1, counts[1][1])
