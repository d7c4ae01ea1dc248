"""Kept questions over passages: what counts as a distractor, and what certainly holds no answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from agent.specialists.nearest import remembered
from agent.specialists.raft_groups import Composed, Item, composed
from agent.specialists.reading_rows import Near
from agent.specialists.seeds import Asking, Seed, askings_of, seeds
from tools.base import Passage
from tools.library import E5
from tools.sentences import split


@pytest.fixture(scope="module")
def near(embedder: E5) -> Near:
    return remembered(embedder)


def passage(name: str, text: str, document: str = "guide") -> Passage:
    return Passage(id=name, text=text, title=name.title(), url=name, kind="library", document=document)


FERRY = passage("ferry", "The ferry of Orin needs 18 minutes to cross the lake.")
TRAIN = passage("train", "The train of Tarn needs 25 minutes to climb the hill.")
POOL = passage("pool", "Children under four do not pay at the pool of Orin.")
KILN = passage("kiln", "Clay pots are fired in the kiln for 40 hours.", "craft")
AGAIN = passage("again", "Crossing the lake, the ferry of Orin needs 18 minutes.")


def item(golden: Passage, question: str, *hits: Passage) -> Item:
    sentence = split(golden.text)[0]
    seed = Seed(golden, sentence, 0, askings_of(sentence, "en"), "en")
    return Item(question, seed, seed.askings[0] if seed.askings else Asking("who", "Who"), hits)


CROSS = "How long does the ferry of Orin need to cross the lake?"
CLIMB = "How long does the train of Tarn need to climb the hill?"
FIRE = "For how many hours are clay pots fired in the kiln?"


def put(near: Near, *items: Item, share: float = 0.5, size: int = 3) -> Composed:
    return composed(items, near, size=size, share=share, seed=7)


def unanswered(found: Composed) -> dict[str, list[set[str]]]:
    """The passages over which each question has no answer."""
    told: dict[str, list[set[str]]] = {}
    for group in found.groups:
        for asked in group.asked:
            if asked.answer is None:
                told.setdefault(asked.question, []).append({p.id for p in group.passages})
    return told


def test_the_golden_passage_stands_among_what_else_is_found(near: Near) -> None:
    [group] = put(near, item(FERRY, CROSS, TRAIN, POOL, KILN), share=0.0).groups
    assert [p.id for p in group.passages] == ["ferry", "train", "pool"]
    assert [(a.question, a.answer, a.passage, a.quote) for a in group.asked] == [(CROSS, FERRY.text, 0, FERRY.text)]
    assert (group.id, group.language) == ("guide", "en")


def test_a_passage_that_answers_too_is_no_distractor(near: Near) -> None:
    found = put(near, item(FERRY, CROSS, AGAIN, POOL), share=0.0)
    assert [p.id for p in found.groups[0].passages] == ["ferry", "pool"]
    assert found.answering == 1


def test_without_the_golden_passage_nothing_that_answers_is_left(near: Near) -> None:
    found = put(near, item(FERRY, CROSS, AGAIN, KILN))
    assert unanswered(found) == {CROSS: [{"kiln"}]}
    assert found.ways == {"found": 1}
    assert any(group.asked[0].answer is None and group.asked[0].passage is None for group in found.groups)


def test_nothing_is_made_of_what_others_answer(near: Near) -> None:
    found = put(near, item(FERRY, CROSS, AGAIN))
    assert unanswered(found) == {}
    assert found.left_out == {"still_answered": 1}


def test_what_the_judge_would_take_for_an_answer_is_left_out(near: Near) -> None:
    close = passage("close", "The ferry of Orin needs some time to cross the lake, which is long.")
    found = put(near, item(FERRY, CROSS, close))
    assert unanswered(found) == {}
    assert found.left_out == {"looks_answered": 1}


def test_a_question_is_asked_over_what_is_read_for_its_neighbours(near: Near) -> None:
    found = put(near, item(FERRY, CROSS), item(POOL, "Who does not pay at the pool of Orin?"), share=0.5)
    assert found.ways == {"neighbour": 2}
    assert unanswered(found) == {CROSS: [{"pool"}], "Who does not pay at the pool of Orin?": [{"ferry"}]}
    assert len(found.groups) == 2


def test_questions_of_another_document_stay_there(near: Near) -> None:
    """They would be in two parts of a split otherwise."""
    found = put(near, item(FERRY, CROSS), item(KILN, FIRE))
    assert found.ways == {}
    assert found.left_out == {"no_other": 2}


def test_another_name_has_no_answer_in_the_same_passages(near: Near) -> None:
    hill = replace(TRAIN, document="hill")
    found = put(near, item(FERRY, CROSS), item(hill, CLIMB), share=0.5)
    assert unanswered(found) == {
        "How long does the ferry of Tarn need to cross the lake?": [{"ferry"}],
        "How long does the train of Orin need to climb the hill?": [{"train"}],
    }
    assert found.ways == {"swapped": 2}
    both = replace(FERRY, text=f"{FERRY.text} It meets the train of Tarn.")
    assert put(near, item(both, CROSS), item(hill, CLIMB)).ways == {"swapped": 1}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.4])
def test_the_share_without_an_answer(near: Near, share: float) -> None:
    places = ["ferry", "mill", "tower", "school", "bridge", "market"]
    things = ["eels", "grain", "bells", "books", "stones", "apples"]
    items = [
        item(
            passage(place, f"The {place} keeps {n} {thing} in its cellar.", place),
            f"How many {thing} does the {place} keep in its cellar?",
            KILN,
        )
        for n, (place, thing) in enumerate(zip(places, things, strict=True), 12)
    ]
    found = put(near, *items, share=share)
    counts = Counter(asked.answer is None for group in found.groups for asked in group.asked)
    assert counts[False] == 6
    assert counts[True] == round(6 * share / (1 - share))
    assert put(near, *items, share=share) == found


def test_seeds_of_one_passage_share_their_passages(near: Near) -> None:
    both = passage("both", "The old inn of Orin has 12 rooms. The inn of Orin serves breakfast until 10:30.")
    first, second = seeds(both)
    items = [
        Item("How many rooms has the old inn of Orin?", first, first.askings[0], (KILN,)),
        Item("Until when does the inn of Orin serve breakfast?", second, second.askings[0], (POOL,)),
    ]
    [group] = put(near, *items, share=0.0).groups
    assert [p.id for p in group.passages] == ["both", "kiln", "pool"]
    assert [asked.answer for asked in group.asked] == [first.sentence, second.sentence]
