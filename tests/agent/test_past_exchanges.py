"""Long conversations: the checkpoint stays small, the history whole, and what is deleted is gone from the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent import Agent, Settings, ThreadError
from agent.archive import KEPT, SLACK, Archive, exchanges
from agent.digest import Gist
from agent.models.scripted import ScriptedChatModel
from agent.threads import Threads

LONG = 200
GREETING = "Thank you very much!"


def said(n: int) -> list[tuple[str, str]]:
    pairs = ((("user", f"What is the price of article {i}?"), ("assistant", f"It costs {i} euros.")) for i in range(n))
    return [one for pair in pairs for one in pair]


@pytest.fixture
async def agent(settings: Settings) -> AsyncIterator[Agent]:
    model = ScriptedChatModel(lines=["You are welcome."] * 3)
    async with Agent.open(settings, model=model) as opened:
        yield opened


def held(settings: Settings, table: str = "checkpoints") -> int:
    with sqlite3.connect(settings.data_dir / "threads.db") as db:
        [(size,)] = db.execute(f"SELECT sum(length(checkpoint)) FROM {table}")
    return int(size)


async def test_the_history_is_whole_and_the_checkpoint_small(agent: Agent, settings: Settings) -> None:
    thread = agent.new_thread()
    await agent.begin(thread, said(LONG))
    before = held(settings)
    await agent.ask(GREETING, thread)
    history = await agent.history(thread)
    assert [e.question for e in history] == [*(f"What is the price of article {i}?" for i in range(LONG)), GREETING]
    assert history[-1].answer is not None
    assert len(await agent._messages(thread)) == 2 * KEPT
    assert held(settings) < before / 3
    await agent.ask(GREETING, thread)
    assert len(await agent._messages(thread)) == 2 * KEPT + 2, "moved some at a time"
    assert len(await agent.history(thread)) == LONG + 2


async def test_a_short_conversation_is_left_as_it_is(agent: Agent) -> None:
    thread = agent.new_thread()
    await agent.begin(thread, said(KEPT + SLACK - 2))
    await agent.ask(GREETING, thread)
    assert len(await agent._messages(thread)) == 2 * (KEPT + SLACK - 1)
    assert await agent._threads.archive.read(thread) == []


@pytest.mark.parametrize("index", [0, 10, LONG - KEPT - 1, LONG - KEPT, LONG - KEPT + 1, LONG - 1])
async def test_any_question_can_be_asked_again(agent: Agent, index: int) -> None:
    thread = agent.new_thread()
    await agent.begin(thread, said(LONG))
    await agent.ask(GREETING, thread)
    whole = await agent.history(thread)
    await agent.rewind(thread, index)
    assert await agent.history(thread) == whole[:index]
    messages = await agent._messages(thread)
    assert min(index, KEPT if index <= LONG - KEPT else 0) <= len(messages) / 2 <= KEPT, "follow-ups have their history"
    await agent.ask(GREETING, thread)
    assert [e.question for e in await agent.history(thread)] == [*(e.question for e in whole[:index]), GREETING]


async def test_there_is_no_question_behind_the_last(agent: Agent) -> None:
    thread = agent.new_thread()
    await agent.begin(thread, said(LONG))
    await agent.ask(GREETING, thread)
    with pytest.raises(ThreadError):
        await agent.rewind(thread, LONG + 1)
    assert len(await agent.history(thread)) == LONG + 1


async def test_deleting_leaves_no_byte_of_what_was_moved(agent: Agent, settings: Settings) -> None:
    thread = agent.new_thread()
    await agent.begin(thread, [("user", "Where is the zyxomma kept?"), ("assistant", "In the attic."), *said(LONG)])
    await agent.ask(GREETING, thread)
    files = list(settings.data_dir.glob("threads.db*"))
    assert any(b"zyxomma" in file.read_bytes() for file in files)
    await agent.delete(thread)
    assert not any(b"zyxomma" in file.read_bytes() for file in settings.data_dir.glob("threads.db*"))
    assert await agent.history(thread) == []


async def test_what_was_moved_by_halves_is_not_shown_twice(agent: Agent) -> None:
    """Killed after the exchanges were written and before the checkpoint let go of them."""
    thread = agent.new_thread()
    await agent.begin(thread, said(KEPT + SLACK + 3))
    await agent._threads.archive.add(thread, (await agent._messages(thread))[:10])
    assert len(await agent.history(thread)) == KEPT + SLACK + 3
    await agent.ask(GREETING, thread)
    questions = [e.question for e in await agent.history(thread)]
    assert questions == [*(f"What is the price of article {i}?" for i in range(KEPT + SLACK + 3)), GREETING]


async def test_an_exchange_comes_back_as_it_was(tmp_path: Path) -> None:
    messages: list[AnyMessage] = [
        HumanMessage("料金は？", id="a"),
        AIMessage("500円です。", additional_kwargs={"answer": {"standalone": "宿の料金は？", "text": "500円です。"}}),
        HumanMessage("Stopped?", id="b"),
    ]
    async with Threads.open(tmp_path / "threads.db") as threads:
        archive: Archive = threads.archive
        await threads.touch("t", "料金は？")
        await archive.add("t", messages)
        await archive.add("t", messages)
        kept = await archive.read("t")
        assert kept == exchanges(messages)
        assert await archive.gists("t") == [Gist("宿の料金は？", "500円です。"), Gist("Stopped?", "")]
        back = [m for one in kept for m in one.messages()]
        assert [(type(m), m.text, m.additional_kwargs) for m in back] == [
            (type(m), m.text, m.additional_kwargs) for m in messages
        ]
