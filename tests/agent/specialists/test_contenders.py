from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.specialists.contenders import Questions, longest
from agent.specialists.likest import Pool
from tests.agent.specialists.speaking import CARD, EMBEDDER, example, voice
from tools.specialist.card import Shot
from tools.specialist.evaluation import Contender
from tools.specialist.example import Example

TRAINING = [example(f"Where is my card number {n}?", "card_arrival") for n in range(6)] + [
    example(f"How do I exchange {n} dollars?", "exchange") for n in range(6)
]
ASKED = example("Where is the card that you sent me?", "card_arrival")


async def found(question: str) -> str:
    return "[1] Cards\nCards take five days."


async def nothing(question: str) -> str:
    return ""


def questions(folder: Path, training: list[Example] | None = None, **changed: Any) -> Questions:
    find = changed.pop("find", None)
    room = changed.pop("room", 4096)
    pool = Pool(TRAINING if training is None else training, EMBEDDER)
    return Questions(voice(folder, **changed), pool, "en", find=find, room=room)


async def told(asked: Questions, contender: Contender, one: Example = ASKED) -> list[tuple[str, str]]:
    return [(m.type, str(m.text)) for m in await asked.messages(contender, one)]


async def test_the_specialist_and_the_base_get_the_prompt_and_the_question(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    plain = [("system", CARD.prompt), ("human", ASKED.question)]
    assert await told(asked, "specialist") == plain
    assert await told(asked, "base") == plain
    assert asked.voice("specialist").card.adapter == "adapter.gguf"
    assert {asked.voice(name).card.adapter for name in ("base", "few_shot", "retrieval")} == {""}
    assert asked.voice("base").folder == tmp_path


async def test_only_the_others_are_told_the_names_that_the_specialist_knows(tmp_path: Path) -> None:
    asked = questions(tmp_path, answers=("card_arrival", "exchange"))
    assert (await told(asked, "specialist"))[0] == ("system", CARD.prompt)
    system = (await told(asked, "base"))[0][1]
    assert system.startswith(CARD.prompt)
    assert system.endswith("card_arrival, exchange")
    assert (await told(asked, "few_shot"))[0][1] == system
    assert asked.voice("base").card.answers == asked.voice("specialist").card.answers


async def test_the_others_are_told_the_schema(tmp_path: Path) -> None:
    asked = questions(tmp_path, schema_={"type": "object", "properties": {"人数": {"type": "string"}}})
    assert '"人数"' in (await told(asked, "base"))[0][1]


async def test_examples_stand_before_the_question_the_nearest_last(tmp_path: Path) -> None:
    said = await told(questions(tmp_path), "few_shot")
    assert [kind for kind, _ in said] == ["system", *["human", "ai"] * 8, "human"]
    assert said[-1][1] == ASKED.question
    assert [text for kind, text in said if kind == "ai"][-6:] == ["card_arrival"] * 6
    nearest = Pool(TRAINING, EMBEDDER).nearest(ASKED.question, 1)[0]
    assert said[-3][1] == nearest.question


async def test_long_examples_are_the_same_for_every_question_and_as_many_as_fit(tmp_path: Path) -> None:
    page = "a page of a manual " * 60
    long = [example(f"{page}\n\nQuestion {n}: which colour?", f"colour {n}") for n in range(12)]
    asked = questions(tmp_path, long)
    one, other = [await told(asked, "few_shot", example(q, "x")) for q in ("Where?", f"{page} When?")]
    assert one[:-1] == other[:-1]
    assert 2 <= [kind for kind, _ in one].count("ai") < 8
    small = await told(questions(tmp_path, long, room=500), "few_shot", example("Where?", "x"))
    assert [kind for kind, _ in small].count("ai") == 1


async def test_what_the_library_finds_stands_with_the_question_behind_the_examples(tmp_path: Path) -> None:
    asked = questions(tmp_path, find=found)
    few, with_library = await told(asked, "few_shot"), await told(asked, "retrieval")
    assert with_library[:-1] == few[:-1]
    assert "Cards take five days." in with_library[-1][1]
    assert with_library[-1][1].endswith(ASKED.question)
    assert await told(questions(tmp_path, find=nothing), "retrieval") == few
    assert await told(questions(tmp_path), "retrieval") == few


async def test_an_examples_own_system_message_takes_the_place_of_the_prompt(tmp_path: Path) -> None:
    own = example("Which?", "card_arrival", system="Read this.")
    asked = questions(tmp_path, answers=("card_arrival", "exchange"))
    assert (await told(asked, "specialist", own))[0] == ("system", "Read this.")
    assert (await told(asked, "base", own))[0][1].startswith("Read this.")
    assert [kind for kind, _ in await told(asked, "few_shot", own)].count("system") == 1


async def test_the_shots_of_a_card_are_the_specialists(tmp_path: Path) -> None:
    asked = questions(tmp_path, shots=(Shot(question="Hi", answer="greeting"),), adapter="")
    assert await told(asked, "specialist") == [
        ("system", CARD.prompt),
        ("human", "Hi"),
        ("ai", "greeting"),
        ("human", ASKED.question),
    ]
    assert len(await told(asked, "base")) == 2


def test_answers_may_be_as_long_as_those_of_the_examples() -> None:
    assert longest([example("q", "yes")]) < 32
    assert 200 < longest([example("q", "word " * 100)]) < 400
    assert longest([example("q", "字" * 5000)]) == 1024


async def test_without_training_examples_only_specialist_and_base_are_asked(tmp_path: Path) -> None:
    asked = Questions(voice(tmp_path), None, "en")
    assert asked.contenders == ("base", "specialist")
    assert asked.max_tokens >= 256


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_the_words_around_are_those_of_the_data(tmp_path: Path, language: str) -> None:
    pool = Pool(TRAINING, EMBEDDER)
    asked = Questions(voice(tmp_path, answers=("a", "b")), pool, language, find=found)  # type: ignore[arg-type]
    japanese = "資料" in (await told(asked, "retrieval"))[-1][1]
    assert japanese == (language == "ja")
