"""Whole turns with the catalogue's small model: `pytest -m live`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agent import Agent, Done, Draft, ModelMissing, Settings, Token

pytestmark = pytest.mark.live


@pytest_asyncio.fixture
async def live(indexed: Settings) -> AsyncIterator[Agent]:
    settings = Settings(data_dir=indexed.data_dir, web="off", model="small")
    async with Agent.open(settings) as agent:
        try:
            await agent.start_model()
        except ModelMissing as missing:
            pytest.skip(str(missing))
        yield agent


async def test_a_lookup_in_english(live: Agent) -> None:
    answer = await live.ask("How many days of paid leave does an employee have?")
    assert not answer.refused
    assert "20" in answer.text
    assert answer.sources[0].passage.title == "Staff handbook of Aoba Railway"
    assert answer.usage.prompt > 0
    assert answer.usage.completion > 0
    assert all(s.cites for s in answer.sentences if s.supported)


async def test_a_lookup_in_japanese(live: Agent) -> None:
    answer = await live.ask("チェックアウトは何時ですか")
    assert answer.language == "ja"
    assert "11" in answer.text or answer.refused
    assert answer.sources[0].passage.title == "あおば旅館のご案内"


async def test_what_all_prompts_begin_with_is_not_read_again(live: Agent) -> None:
    """The first call finds the worked examples in the prompt cache, and each later one the sources as well."""
    answer = await live.ask("In which year did the Hakuba line open?")
    assert answer.usage.cached > 300 * answer.usage.calls
    assert answer.usage.prompt < 400


async def test_stopping_a_turn_frees_the_model(live: Agent) -> None:
    async for event in live.stream("In which year did the Hakuba line open, and how long is it?", "a"):
        if isinstance(event, Token | Draft):
            break
    events = [e async for e in live.stream("Hello!", "b")]
    assert isinstance(events[-1], Done)


async def test_two_parts_are_answered_one_after_the_other(live: Agent) -> None:
    answer = await live.ask("In which year did the Hakuba line open? And how often is the uniform cleaned?")
    assert not answer.refused
    assert [step.node for step in answer.steps].count("gather") == 2
    assert "1932" in answer.text or "second Friday" in answer.text


async def test_the_answer_in_japanese(live: Agent) -> None:
    answer = await live.ask("In which year did the Hakuba line open? Answer in Japanese.")
    assert answer.language == "ja"
    assert answer.standalone == "In which year did the Hakuba line open?"
    assert answer.refused or "1932" in answer.text
