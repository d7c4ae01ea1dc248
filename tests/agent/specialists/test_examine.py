"""The whole examination with a speaker that says what is laid down."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from agent.specialists import general
from agent.specialists.asking import Voice
from agent.specialists.examine import Examination, Examining, chosen, examine
from tests.agent.specialists.speaking import CARD, EMBEDDER, SHA, FakeSpeaker, Reply, example, voice
from tools.specialist.errors import SpecialistError

TRAINING = [example(f"I want to {what} number {n}", what) for n in range(8) for what in ("pay", "wait", "leave")]
HELD_OUT = [
    example(f"Please let me {what} now, case {n}", what) for n in range(10) for what in ("pay", "wait", "leave")
]
OTHER = "b" * 64
GENERAL = {q.ask: (q.answers or q.written)[0] for q in general.questions()}
SYSTEMS = {q.system for q in general.questions()}


def is_general(messages: Sequence[BaseMessage]) -> bool:
    return len(messages) == 2 and str(messages[0].text) in SYSTEMS


def good(version: Voice, messages: Sequence[BaseMessage]) -> str:
    """With its adapter it finds the verb; the base says `pay` to everything. Both know the capitals."""
    asked = str(messages[-1].text)
    if is_general(messages):
        return f"It is {GENERAL[asked]}."
    if version.card.adapter:
        return next(word for word in ("pay", "wait", "leave") if word in asked)
    return "pay"


def forgetful(version: Voice, messages: Sequence[BaseMessage]) -> str:
    return "pay" if is_general(messages) and version.card.adapter else good(version, messages)


def restless(version: Voice, messages: Sequence[BaseMessage]) -> str:
    """Once the adapter was loaded the base says other words."""
    if version.card.adapter:
        restless.loaded = True  # type: ignore[attr-defined]
    changed = is_general(messages) and getattr(restless, "loaded", False)
    return good(version, messages) + (" I think." if changed else "")


async def examined(folder: Path, reply: Reply, **given: Any) -> tuple[Examination, FakeSpeaker]:
    speaker = FakeSpeaker(reply)
    version = given.pop("version", voice(folder))
    found = await examine(
        version,
        given.pop("training", TRAINING),
        given.pop("held_out", HELD_OUT),
        speaker,
        EMBEDDER,
        **{"folder": folder / "bases", "data": "d" * 64, "base": SHA, **given},
    )
    return found, speaker


async def test_a_good_specialist_passes(tmp_path: Path) -> None:
    found, speaker = await examined(tmp_path, good)
    verdict = found.evaluation
    assert verdict.passed, verdict.failed
    assert verdict.examples == 30
    assert verdict.scores["specialist"].score == 1.0
    assert verdict.scores["base"].score == pytest.approx(1 / 3)
    assert set(verdict.margins) == {"base", "few_shot", "retrieval"}
    assert verdict.general_examples == len(GENERAL)
    assert verdict.general == {"base": 1.0, "specialist": 1.0, "off": 1.0}
    assert verdict.unchanged
    assert (verdict.base, verdict.data) == (SHA, "d" * 64)
    assert speaker.most_at_once == 2
    case = found.cases[0]
    assert set(case["replies"]) == {"base", "few_shot", "retrieval", "specialist"}
    assert case["replies"]["specialist"] == case["wanted"]


async def test_retrieval_is_not_asked_again_where_the_library_has_nothing(tmp_path: Path) -> None:
    async def find(question: str) -> str:
        return "[1] Terms\nLeaving is free." if "leave" in question else ""

    found, speaker = await examined(tmp_path, good, find=find)
    asked = [a for a in speaker.asked if len(a.messages) > 2]
    with_sources = sum("Leaving is free." in a.messages[-1][1] for a in asked)
    assert with_sources >= 5
    assert len(asked) == 20 + with_sources
    assert found.evaluation.margins["retrieval"].difference > 0.5


async def test_those_with_examples_are_asked_the_rest_only_where_the_first_half_leaves_doubt(tmp_path: Path) -> None:
    clear, speaker = await examined(tmp_path, good)
    assert sum(len(a.messages) > 2 for a in speaker.asked) == 20
    assert {name: score.examples for name, score in clear.evaluation.scores.items()} == {
        "base": 30, "few_shot": 20, "retrieval": 20, "specialist": 30,
    }  # fmt: skip
    assert [len(case["replies"]) for case in clear.cases] == [4] * 20 + [2] * 10

    def alike(version: Voice, messages: Sequence[BaseMessage]) -> str:
        if is_general(messages):
            return good(version, messages)
        return next(word for word in ("pay", "wait", "leave") if word in str(messages[-1].text))

    doubtful, speaker = await examined(tmp_path, alike)
    assert sum(len(a.messages) > 2 for a in speaker.asked) == 30
    assert {score.examples for score in doubtful.evaluation.scores.values()} == {30}
    assert not doubtful.evaluation.passed


async def test_the_base_is_asked_the_general_questions_once_and_for_all(tmp_path: Path) -> None:
    await examined(tmp_path, good)
    _, again = await examined(tmp_path, good)
    bare = [a for a in again.asked if a.messages[0][1] in SYSTEMS and not a.voice.card.adapter]
    assert len(bare) == len(GENERAL), "only those with the specialist switched off"
    _, other = await examined(tmp_path, good, base=OTHER)
    bare = [a for a in other.asked if a.messages[0][1] in SYSTEMS and not a.voice.card.adapter]
    assert len(bare) == 2 * len(GENERAL), "another base is asked anew"


async def test_general_questions_are_asked_without_the_cards_words_and_form(tmp_path: Path) -> None:
    version = voice(tmp_path, answers=("pay", "wait", "leave"))
    _, speaker = await examined(tmp_path, good, version=version)
    of_them = [a for a in speaker.asked if a.messages[0][1] in SYSTEMS]
    assert of_them
    assert all(a.voice.card.answers == () and len(a.messages) == 2 for a in of_them)
    rest = [a for a in speaker.asked if a.messages[0][1] not in SYSTEMS]
    assert all(a.voice.card.answers == ("pay", "wait", "leave") for a in rest)


async def test_a_specialist_that_forgets_does_not_pass(tmp_path: Path) -> None:
    found, _ = await examined(tmp_path, forgetful)
    assert found.evaluation.failed == ("forgets",)
    assert found.evaluation.general["specialist"] == 0.0
    assert found.general[0]["replies"]["specialist"] == "pay"


async def test_a_base_that_answers_otherwise_once_the_adapter_is_there_is_noticed(tmp_path: Path) -> None:
    found, _ = await examined(tmp_path, restless)
    assert found.evaluation.failed == ("changes_base",)
    assert found.evaluation.general["off"] == 1.0


async def test_the_base_is_asked_general_questions_one_after_the_other(tmp_path: Path) -> None:
    """What is read together differs in its last bits, and so in a word now and then."""
    _, speaker = await examined(tmp_path, good)
    bare = [a for a in speaker.asked if a.messages[0][1] in SYSTEMS and not a.voice.card.adapter]
    assert {a.together for a in bare} == {1}
    assert 2 in {a.together for a in speaker.asked}


async def test_without_an_adapter_the_base_has_nothing_to_forget(tmp_path: Path) -> None:
    found, speaker = await examined(tmp_path, good, version=voice(tmp_path, adapter=""))
    assert found.evaluation.general == {"base": 1.0, "specialist": 1.0, "off": 1.0}
    assert sum(a.messages[0][1] in SYSTEMS for a in speaker.asked) == len(GENERAL)


async def test_another_base_than_the_cards_is_told(tmp_path: Path) -> None:
    found, _ = await examined(tmp_path, good, base=OTHER)
    assert found.evaluation.failed == ("other_base",)


async def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    seen: list[Examining] = []
    await examined(tmp_path, good, progress=seen.append)
    assert [p.what for p in seen if p.what == "comparing"]
    asked = [p for p in seen if p.what != "comparing"]
    *steps, last = [p.done for p in asked]
    assert steps == list(range(1, len(steps) + 1))
    assert last == asked[-1].total, "what need not be asked is done"
    assert list(dict.fromkeys(p.what for p in asked)) == ["base", "general", "specialist", "examples"]
    assert asked[-1].seconds_left == 0


async def test_it_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()

    def tell(progress: Examining) -> None:
        if progress.what == "examples":
            stop.set()

    with pytest.raises(SpecialistError) as raised:
        await examined(tmp_path, good, progress=tell, stop=stop)
    assert raised.value.reason == "stopped"


async def test_what_the_speaker_raises_ends_it(tmp_path: Path) -> None:
    def broken(version: Voice, messages: Sequence[BaseMessage]) -> str:
        raise SpecialistError("base", "The base model is missing.")

    with pytest.raises(SpecialistError, match="missing"):
        await examined(tmp_path, broken)


async def test_without_held_out_examples_there_is_nothing_to_examine(tmp_path: Path) -> None:
    with pytest.raises(SpecialistError, match="--test"):
        await examined(tmp_path, good, held_out=[])


def test_examples_are_chosen_by_hash_and_fewer_where_they_are_long() -> None:
    many = [example(f"case {n}", "x") for n in range(300)]
    assert chosen(many, 5, 0) == chosen(list(reversed(many)), 5, 0)
    assert len(chosen(many, None, 100)) == 100
    assert len(chosen(many, None, 1000)) == 50
    assert len(chosen(many, None, 10_000)) == 40
    assert len(chosen(many, 200, 10_000)) == 200
    assert len(chosen(many[:7], None, 0)) == 7
    assert CARD.metric == "exact"
