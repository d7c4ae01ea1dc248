"""The registry of turns alone, over an agent that plays them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from agent.asker import OWNER, Asker
from tests.ui.fake_agent import FakeAgent, Play, answer, settings
from tests.ui.http.served import until
from ui.http import turns as module
from ui.http.turn import Asked, Ended, Failed, Queued, Turn
from ui.http.turns import KeyTaken, Refused, Turns

A, B = Asker("a"), Asker("b")
QUICK, SLOW = Asked("quick"), Asked("slow")


@pytest.fixture
def agent(tmp_path: Path) -> FakeAgent:
    plays: dict[str, Play | Callable[[], Play]] = {
        "quick": Play(answer("At nine.")),
        "slow": Play(answer("At ten."), draft="word " * 50, pause=0.05),
    }
    return FakeAgent(settings(tmp_path), plays)


def turns_of(agent: FakeAgent, running: int = 2, waiting: int = 2) -> Turns:
    return Turns(agent, running, waiting)  # type: ignore[arg-type]


async def last_of(turn: Turn) -> object:
    async with aclosing(turn.read()) as parts:
        return [event async for events in parts for _, event in events][-1]


async def test_a_turn_is_there_for_its_asker_only(agent: FakeAgent) -> None:
    turns = turns_of(agent)
    turn = turns.start(QUICK, A, key="k")
    assert isinstance(await last_of(turn), Ended)
    assert turns.find(turn.id, A) is turn
    assert turns.find(turn.id, B) is None
    assert turns.start(QUICK, A, key="k") is turn
    assert turns.start(QUICK, B, key="k") is not turn
    with pytest.raises(KeyTaken):
        turns.start(SLOW, A, key="k")
    await turns.drain(5)


async def test_nobody_but_the_owner_takes_more_than_half_of_the_places(agent: FakeAgent) -> None:
    turns = turns_of(agent, running=1, waiting=3)
    greedy = [turns.start(QUICK, A) for _ in range(2)]
    with pytest.raises(Refused):
        turns.start(QUICK, A)
    others = [turns.start(QUICK, B), turns.start(QUICK, OWNER)]
    assert all(isinstance(one, Ended) for one in await asyncio.gather(*map(last_of, [*greedy, *others])))
    assert [turns.start(QUICK, OWNER) for _ in range(4)]
    await turns.drain(5)


async def test_those_that_wait_come_in_order(agent: FakeAgent) -> None:
    turns = turns_of(agent, running=1, waiting=3)
    asked = [turns.start(QUICK, OWNER) for _ in range(4)]
    with pytest.raises(Refused) as caught:
        turns.start(QUICK, OWNER)
    assert (caught.value.why, caught.value.after >= 1) == ("busy", True)
    assert all(isinstance(one, Ended) for one in await asyncio.gather(*map(last_of, asked)))
    ahead = [
        event.ahead for turn in asked for event in turn.events if isinstance(event, Queued) and event.seconds is None
    ]
    assert ahead == [0, 1, 2]


async def test_a_turn_that_nobody_reads_ends_and_one_that_somebody_comes_back_to_does_not(agent: FakeAgent) -> None:
    turns = turns_of(agent)
    lonely, visited = turns.start(SLOW, A, grace=0.2), turns.start(SLOW, A, grace=0.2)
    for _ in range(4):
        async with aclosing(visited.read()) as parts:
            await anext(parts)
        await asyncio.sleep(0.1)
    await until(lambda: lonely.outcome == "stopped")
    assert visited.outcome is None
    assert isinstance(await last_of(visited), Ended)
    assert agent.stopped == ["slow"]


async def test_what_was_told_is_kept_for_a_while_and_for_so_many(
    agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_TURNS", 3)
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.3)
    turns = turns_of(agent)
    ended = []
    for n in range(5):
        ended.append(turns.start(QUICK, A, key=f"k{n}"))
        await last_of(ended[-1])
    await turns.drain(1)
    assert [turns.find(turn.id, A) is not None for turn in ended] == [False, False, True, True, True]
    await until(lambda: turns.find(ended[-1].id, A) is None)
    assert turns._keys == {}


async def test_a_turn_that_is_stopped_before_its_first_step_is_over(agent: FakeAgent) -> None:
    turns = turns_of(agent)
    turn = turns.start(QUICK, A)
    await turns.stop(turn)
    assert await last_of(turn) == Failed("stopped")
    assert (turns.running, turns.waiting) == (0, 0)
    await turns.drain(1)


async def test_a_reader_hears_that_there_is_nothing_new(agent: FakeAgent) -> None:
    turns = turns_of(agent)
    turn = turns.start(SLOW, A)
    async with aclosing(turn.read(beat=0.01)) as parts:
        assert [] in [await anext(parts) for _ in range(5)]
    await turns.drain(0)
    assert turn.outcome == "stopped"
