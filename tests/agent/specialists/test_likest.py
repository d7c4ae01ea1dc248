from __future__ import annotations

import pytest

from agent.specialists.likest import Pool
from tests.agent.specialists.speaking import EMBEDDER, example

CARDS = [
    example(text, "card")
    for text in (
        "Where is my new bank card?",
        "My bank card has not arrived yet.",
        "When will you send me my card?",
        "I am still waiting for the card.",
        "Has my bank card been posted?",
    )
]
MONEY = [
    example(text, "exchange")
    for text in (
        "What is the exchange rate for dollars?",
        "How many yen do I get for 100 euros?",
        "Why was I charged in another currency?",
    )
]
PIN = [example("I forgot my PIN code.", "pin")]


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool([*CARDS, *MONEY, *PIN], EMBEDDER)


def test_the_nearest_are_like_the_question_and_the_first_is_the_nearest(pool: Pool) -> None:
    assert {e.answer for e in pool.nearest("My bank card still is not here", 3)} == {"card"}
    assert pool.nearest("I forgot my PIN code.", 1) == PIN
    assert len(pool.nearest("anything", 50)) == 9


def test_the_typical_ones_stand_for_groups_and_are_the_same_each_time(pool: Pool) -> None:
    two = pool.typical(2)
    assert len(set(two)) == 2
    assert [e.answer == "card" for e in two].count(True) == 1, "cards are one group, and all else the other"
    assert two == pool.typical(2)
    assert len(set(pool.typical(9))) == 9
    assert len(pool.typical(50)) == 9


def test_where_there_are_few_answers_all_are_shown_in_turns(pool: Pool) -> None:
    chosen = pool.typical(4)
    assert [e.answer for e in chosen][:3] == ["card", "exchange", "pin"]
    assert len(chosen) == len(set(chosen)) == 4


def test_examples_that_are_all_alike_can_be_chosen_from(pool: Pool) -> None:
    same = [example("Hello", "a"), example("Hello", "b", system="x"), example("Hello", "c", system="y")]
    assert len(set(Pool(same, EMBEDDER).typical(2))) == 2


def test_without_examples_there_is_nothing_to_choose_from() -> None:
    with pytest.raises(ValueError, match="no examples"):
        Pool([], EMBEDDER)
