"""What of the passages the model gets to read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.reading import numbered, over_sources, text_of, unlisted, weighed
from agent.state import Turn
from tools.base import Passage
from tools.library import E5
from tools.library.evidence import Nearness, nearness

HOUSE = " ".join(f"Sentence {i} is about the {word}." for i, word in enumerate(["roof", "door", "garden"] * 20))
ASKED = "Where is the boiler?"


def passage(text: str, title: str = "Handbook") -> Passage:
    return Passage(id=text[:8], text=text, title=title, url="", kind="library")


def by_words(question: str, sentences: Sequence[tuple[str, str]]) -> list[Nearness]:
    """Counts the question's longer words in each sentence."""
    words = [word for word in question.lower().strip("?").split() if len(word) > 4]
    return [Nearness(sum(w in text.lower() for w in words), 0.9, 0.5, 0.0) for _, text in sentences]


def test_the_passage_with_the_nearest_sentence_comes_first() -> None:
    passages = [
        passage("The roof is red. The door is green."),
        passage("It is old. The boiler is in the cellar.", "Plan"),
    ]
    ordered, evidence = weighed(ASKED, passages, by_words)
    assert [p.title for p in ordered] == ["Plan", "Handbook"]
    assert text_of(evidence[0], ordered) == "The boiler is in the cellar."
    assert evidence[0].passage == 1
    assert len(evidence) == 4
    assert sorted(text_of(e, ordered) for e in evidence if e.passage == 2) == ["The door is green.", "The roof is red."]


def test_a_passage_without_sentences_stays_behind_the_others() -> None:
    ordered, evidence = weighed(ASKED, [passage("", "Empty"), passage("The boiler is new.")], by_words)
    assert [p.title for p in ordered] == ["Handbook", "Empty"]
    assert [e.passage for e in evidence] == [1]
    assert weighed(ASKED, [], by_words) == ((), ())


def test_only_the_nearest_sentences_are_read_in_the_order_in_which_they_stand() -> None:
    far = passage("A walk in the garden is a pleasure.", "Garden")
    house = passage(f"The boiler is in the cellar. {HOUSE} The boiler is blue. The boiler was built in 1990.")
    ordered, evidence = weighed(ASKED, [far, house], by_words)
    read = numbered(ordered, evidence, 90)
    first, _, last = read.partition("The boiler is in the cellar.")
    assert first == "[1] Handbook\n"
    assert " … " in last
    assert last.endswith("The boiler was built in 1990.")
    assert len(read) < 250
    assert "Garden" not in read, "a passage of which nothing is read is not there"
    assert read == numbered(ordered, evidence, 90)


def test_three_sentences_are_read_however_long_they_are() -> None:
    ordered, evidence = weighed(ASKED, [passage("Boiler one. Boiler two. Boiler three. Boiler four.")], by_words)
    assert numbered(ordered, evidence, 1).count("B") == 3


def test_everything_is_read_where_tokens_cost_nothing() -> None:
    ordered, evidence = weighed(ASKED, [passage(HOUSE), passage("短い文。", "案内")], by_words)
    assert HOUSE in numbered(ordered, evidence, 0)
    assert "\n\n[2] 案内\n短い文。" in numbered(ordered, evidence, 0)
    assert numbered([]) == ""


def test_judge_answer_and_reflect_begin_with_the_same_messages() -> None:
    ordered, evidence = weighed(ASKED, [passage(HOUSE)], by_words)
    asked = Turn(question=ASKED, standalone=ASKED, started=0, passages=ordered, evidence=evidence)
    one, other = over_sources(asked, "Task one.", 300), over_sources(asked, "Task two.", 300)
    assert one[:-1] == other[:-1]
    assert str(one[-1].content).removesuffix("Task one.") == str(other[-1].content).removesuffix("Task two.")


def test_the_embedder_finds_the_sentence_that_answers(embedder: E5) -> None:
    passages = [
        passage("The museum opens at nine. Children pay half. The café sells cake.", "Museum"),
        passage("切符は窓口で買えます。犬は連れて入れません。", "案内"),
    ]
    for question, answer in (
        ("What does a child have to pay?", "Children pay half."),
        ("When are the doors opened?", "The museum opens at nine."),
        ("ペットと一緒に入れますか？", "犬は連れて入れません。"),
    ):
        ordered, evidence = weighed(question, passages, lambda q, s: nearness(embedder, q, s))
        assert text_of(evidence[0], ordered) == answer
        assert evidence[0].tokens >= max(e.tokens for e in evidence[2:])


def test_an_embedder_without_tokens_does_with_vectors() -> None:
    class Plain:
        name, dimension = "plain/2", 2
        query = staticmethod(E5().query)
        passages = staticmethod(E5().passages)
        count = staticmethod(len)

    found = nearness(Plain(), "When does it open?", [("", "It opens at nine."), ("", "A tree is green.")])
    assert found[0].score > found[1].score
    assert [f.tokens for f in found] == [0.0, 0.0]
    assert nearness(Plain(), "When?", []) == []


@pytest.mark.parametrize(
    ("item", "alone"),
    [
        ("- Close the valve.", "Close the valve."),
        ("・ 弁を閉めます。", "弁を閉めます。"),
        ("2. Close the valve.", "Close the valve."),
        ("> - *Close* the valve.", "*Close* the valve."),
        ("-5 degrees is too cold.", "-5 degrees is too cold."),
        ("1990 was a good year.", "1990 was a good year."),
        ("**Close** the valve.", "**Close** the valve."),
    ],
)
def test_a_list_item_that_stands_alone_loses_its_mark(item: str, alone: str) -> None:
    assert unlisted(item) == alone
    house = passage(f"The boiler leaks:\n\n{item}\n- Call us.")
    ordered, evidence = weighed(ASKED, [house], by_words)
    assert alone in [text_of(e, ordered) for e in evidence]
