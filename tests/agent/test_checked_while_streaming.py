"""A sentence is checked as soon as it ends, while the model writes the next one."""

from __future__ import annotations

from agent import Agent, Settings
from agent.events import Checked, Event, Token
from agent.models.scripted import ScriptedChatModel
from agent.state import Answer, Support

LEAVE = "How many days of paid leave does an employee have?"
TRUE = "Every employee has 20 days of paid leave a year. [1]"
FALSE = "The bonus is 900 euros. [1]"


async def streamed(settings: Settings, *lines: str) -> tuple[list[Event], Answer, list[str]]:
    model = ScriptedChatModel(lines=list(lines))
    async with Agent.open(settings, model=model) as agent:
        events = [event async for event in agent.stream(LEAVE, agent.new_thread())]
    assert model.leftover == []
    return events, events[-1].answer, model.prompts  # type: ignore[union-attr]


async def test_each_sentence_is_told_of_before_the_next_one_is_complete(indexed: Settings) -> None:
    events, answer, _ = await streamed(
        indexed, f"{TRUE} {FALSE} The uniform is cleaned every second Friday. [1]", "The sources do not say."
    )
    [first, second] = [i for i, event in enumerate(events) if isinstance(event, Checked)]
    assert [events[first], events[second]] == [Checked(1, "supported"), Checked(2, "removed")]
    written = ["".join(e.text for e in events[:i] if isinstance(e, Token)) for i in (first, second)]
    assert FALSE not in written[0]
    assert FALSE in written[1]
    assert "second Friday" not in written[1]
    assert "900" not in answer.text


async def test_what_was_seen_while_streaming_is_not_looked_at_again(indexed: Settings) -> None:
    """The model's yes is asked for once, for the sentence that the rules leave open."""
    _, answer, prompts = await streamed(indexed, f"{TRUE} Staff may rest for some twenty days in a year. [1]", "yes")
    assert len(prompts) == 2
    assert [s.state for s in answer.sentences] == ["supported", "partly"]


async def test_a_model_that_goes_round_in_circles_is_stopped(indexed: Settings) -> None:
    events, answer, _ = await streamed(indexed, " ".join([TRUE] * 30))
    assert sum(TRUE.count(e.text) > 0 for e in events if isinstance(e, Token)) < 4 * len(TRUE.split())
    assert answer.text == TRUE


def test_what_the_reader_is_told_of_a_sentence() -> None:
    assert Support("a", (1,), True, "similarity").state == "supported"
    assert Support("a", (1,), True, "model").state == "partly"
    assert Support("a", (1,), False, "model").state == "removed"
