"""A promoted `grounded` specialist reads the passages for the nodes that judge and answer, and for no other."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from speaking_parts import BANK, DECLINED, LEAVE, TOLD, Heard, Opens, promoted, removed
from speaking_parts import based as based
from speaking_parts import opens as opens

from agent import Settings
from agent.models.chat import Meter
from agent.prompts import examples
from agent.specialists.reader import Reader
from tools.specialist.card import Card

READS = Card(
    name="reading",
    description="Answers from passages, and says when they hold no answer",
    examples=("How many days of paid leave does an employee have?",),
    use="grounded",
    metric="grounded",
    date="2026-01-01T00:00:00+00:00",
)
LOOSELY = "How many days of leave does an employee get?"
"""The same in words that leave a doubt, so that the nearest sentence is not quoted at once."""
TUNNEL = "How long is the longest tunnel of the Azumi line?"
"""The judge asks the model whether the passages hold the answer."""
KIZAKI = "The longest tunnel is the Kizaki tunnel. [1]"
WORKED = examples("en")[0].question


async def test_judge_and_answer_read_with_it_and_small_talk_does_without(based: Settings, opens: Opens) -> None:
    promoted(based, READS)
    heard = Heard("yes", KIZAKI, "Hello! What would you like to know?")
    async with opens(based, heard) as agent:
        answer = await agent.ask(TUNNEL)
        await agent.ask("Hello!")
    assert heard.voices == ["reading", "reading", ""]
    assert (answer.route, answer.specialist, answer.text) == ("library", "", KIZAKI), "it is Kotae that answers"
    assert answer.notices == ()
    assert not any(WORKED in prompt for prompt in heard.prompts[:2]), "it has learned what they show"


@pytest.mark.parametrize(
    ("languages", "voices"), [((), ["reading"] * 2), (("en",), ["reading"] * 2), (("ja",), [""] * 2)]
)
async def test_it_reads_for_questions_in_its_languages(
    languages: tuple[str, ...], voices: list[str], based: Settings, opens: Opens
) -> None:
    promoted(based, READS.model_copy(update={"languages": languages}))
    heard = Heard("yes", KIZAKI)
    async with opens(based, heard) as agent:
        assert (await agent.ask(TUNNEL)).text == KIZAKI
    assert heard.voices == voices


async def test_no_question_is_sent_to_it(based: Settings, opens: Opens) -> None:
    promoted(based, READS)
    async with opens(based, Heard(TOLD)) as agent:
        assert "specialist:reading" not in await agent.places()
        assert agent.context.specialists.names == ()
        assert (await agent.ask(LEAVE)).route == "library", "although the question is an example of its card"


async def test_a_revision_is_written_with_it_and_verified_without(based: Settings, opens: Opens) -> None:
    promoted(based, READS.model_copy(update={"figures": {"yes_slope": 0.0}}))  # whose yes says nothing
    heard = Heard("yes", "Every employee has 70 days of leave. [1]", "Quite some. [1]", "no")
    async with opens(based, heard) as agent:
        await agent.ask(LOOSELY)
    asked = [prompt.rsplit("\n\n", 1)[-1] for prompt in heard.prompts]
    assert [text.split()[0] for text in asked] == ["Do", "Answer", "Answer", "Do"]
    assert "Statement: Quite some." in heard.prompts[-1]
    assert heard.voices == ["reading", "reading", "reading", ""], "that a sentence is carried the base model says"


async def test_it_is_asked_where_the_base_model_need_not_be(based: Settings, opens: Opens) -> None:
    heard = Heard(TOLD, "no")
    async with opens(based, heard) as agent:
        assert not (await agent.ask(LOOSELY)).refused
        promoted(based, READS)
        refused = await agent.ask(LOOSELY)
    assert refused.refused
    assert heard.voices == ["", "reading"]


async def test_promotion_and_rollback_count_from_the_next_turn_on(based: Settings, opens: Opens) -> None:
    heard = Heard(TOLD, TOLD, TOLD)
    async with opens(based, heard) as agent:
        await agent.ask(LEAVE)
        promoted(based, READS)
        await agent.ask(LEAVE)
        removed(based, "reading")
        await agent.ask(LEAVE)
    assert heard.voices == ["", "reading", ""]


async def test_one_for_another_model_is_left_alone(based: Settings, opens: Opens) -> None:
    promoted(based, READS, base="0" * 64)
    heard = Heard(TOLD)
    async with opens(based, heard) as agent:
        answer = await agent.ask(LEAVE)
    assert heard.voices == [""]
    assert answer.notices == (), "the reader can do nothing about it; `kotae doctor` tells the owner"


async def test_an_adapter_that_cannot_be_loaded_leaves_the_base_to_answer(based: Settings, opens: Opens) -> None:
    promoted(based, READS)
    heard = Heard("yes", KIZAKI, refuses=["reading"])
    async with opens(based, heard) as agent:
        answer = await agent.ask(TUNNEL)
    assert (answer.text, answer.notices) == (KIZAKI, ())
    assert heard.voices == ["", ""]
    assert all(WORKED in prompt for prompt in heard.prompts)


async def test_of_two_the_latest_reads(based: Settings, opens: Opens) -> None:
    promoted(based, READS.model_copy(update={"name": "later", "date": "2026-02-01T00:00:00+00:00"}))
    promoted(based, READS)
    heard = Heard(TOLD)
    async with opens(based, heard) as agent:
        await agent.ask(LEAVE)
    assert heard.voices == ["later"]


async def test_it_is_loaded_ahead_with_the_others(based: Settings, opens: Opens) -> None:
    promoted(based, READS)
    promoted(based, BANK)
    heard = Heard("Expired.")
    async with opens(based, heard) as agent:
        await agent.warm_up()
        assert sorted(heard.loaded) == ["banking", "reading"]
        await agent.ask(DECLINED)
    assert heard.voices == ["banking"], "who answers alone reads nothing"


@pytest.mark.parametrize(
    ("figures", "yes"),
    [({}, 0.8), ({"yes_slope": 2.0}, 16 / 17), ({"yes_offset_ja": -math.log(4)}, 0.5), ({"yes_offset_en": -9.0}, 0.8)],
)
async def test_the_card_says_how_its_yes_is_to_be_taken(
    figures: dict[str, float], yes: float, based: Settings, opens: Opens
) -> None:
    promoted(based, READS.model_copy(update={"figures": figures}))
    async with opens(based, Heard()) as agent:
        reader = agent.context.specialists.reader
    assert reader.adapter is not None
    assert reader.weighed(0.8, "ja") == pytest.approx(yes)
    assert Reader().weighed(0.8, "ja") == 0.8


async def test_the_judge_takes_it_so() -> None:
    """A "yes" is worth as much as the card says, a probability of the base model as much as ever."""
    asked = Heard("yes", "yes", "yes", refuses=["reading"])
    model = asked.chat()
    folder = Path("specialists/reading/versions/1/adapter.gguf")
    other = Path("specialists/other/versions/1/adapter.gguf")
    assert await Reader().yes(model, [], Meter()) == 1.0
    assert await Reader(other, offsets={"en": -20.0}).yes(model, [], Meter()) < 0.01
    assert await Reader(folder, offsets={"en": -20.0}).yes(model, [], Meter()) == 1.0, "its offset counts with it alone"
    assert asked.voices == ["", "other", ""]


async def test_measuring_reads_with_it_and_asks_no_other(based: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.evaluation import bench
    from agent.evaluation.bench import Bench, ask
    from agent.evaluation.record import record_of
    from tools.library.records import Text

    before = record_of(based, "answers", [])
    promoted(based, READS)
    promoted(based, BANK)
    assert record_of(based, "answers", []) != before, "what was measured without it says nothing about it"
    heard = Heard("Cards are declined on Sundays. [1]")
    monkeypatch.setattr(bench, "chat_model", lambda settings, given: heard.chat())
    async with Bench.open(based) as made:
        texts = [Text(id="d", title="Cards", text="Why has my card been declined? Cards are declined on Sundays.")]
        async with made.over(texts) as agent:
            reply = await ask(agent, DECLINED)
    assert (reply.route, reply.text) == ("library", "Cards are declined on Sundays. [1]")
    assert heard.voices == ["reading"]
