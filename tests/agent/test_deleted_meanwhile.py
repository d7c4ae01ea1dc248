"""A conversation that another process deletes while a turn runs in it: nothing of that turn stays behind."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing

import pytest

from agent import Agent, Settings
from agent.events import Token
from agent.models.scripted import ScriptedChatModel
from agent.threads import Threads

QUESTION = "How many days of paid leave does an employee have?"
TOLD = "Every employee has 20 days of paid leave a year. [1]"
TABLES = ("threads", "checkpoints", "writes", "past", "asked", "feedback")


def rows(settings: Settings) -> dict[str, int]:
    with sqlite3.connect(settings.data_dir / "threads.db") as db:
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


@pytest.mark.parametrize("stopped", [True, False])
async def test_nothing_of_the_turn_stays(indexed: Settings, stopped: bool) -> None:
    async with (
        Agent.open(indexed, model=ScriptedChatModel(lines=[TOLD])) as agent,
        Threads.open(indexed.data_dir / "threads.db") as beside,
        aclosing(agent.stream(QUESTION, "t", web="off")) as events,  # type: ignore[type-var]
    ):
        async for event in events:
            if isinstance(event, Token):
                break
        await beside.delete("t")
        if not stopped:
            assert [event async for event in events]
    assert set(rows(indexed).values()) == {0}, rows(indexed)
    assert not any(QUESTION.encode() in path.read_bytes() for path in indexed.data_dir.glob("threads.db*"))
