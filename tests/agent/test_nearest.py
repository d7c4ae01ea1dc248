"""The sentence nearest to the question beside a draft that rests on another, or has lost half of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from agent.nearest import whole_of, with_nearest
from agent.nodes.finish import compose
from agent.nodes.reflect import by_rules
from agent.state import Decision, Evidence, Sentence, Support, Turn, Verdict
from tools.base import Passage
from tools.sentences import spans

FIRST = "It is named after the lake."
SECOND = "The mill was built in 1871 by the Orrin family."
RIVER = "Its wheel is driven by the river and by nothing else."


def passage(text: str) -> Passage:
    return Passage(id=text[:8], text=text, title="The mill", url="", kind="library")


def asked(*scores: float, text: str = f"{FIRST} {SECOND} {RIVER}", **changes: Any) -> Turn:
    """A turn over one passage; `scores` of its sentences, in the order in which they stand."""
    places = list(spans(text))
    evidence = [Evidence(1, a, b, score, 0.9, 0.5, 0.5) for (a, b), score in zip(places, scores, strict=True)]
    support = Support(f"{FIRST} [1]", (1,), True, "similarity", quote=FIRST)
    turn = Turn(
        question="Who built the mill?",
        standalone="Who built the mill?",
        started=time.time(),
        decision=Decision("library", "q", 0.9, "classifier"),
        verdict=Verdict(True, 0.9, "stated"),
        passages=(passage(text),),
        evidence=tuple(sorted(evidence, key=lambda e: -e.score)),
        draft=f"{FIRST} [1]",
        supports=(support,),
    )
    return replace(turn, **changes)


def shown(turn: Turn) -> str:
    return compose(turn.draft, [Sentence(s.sentence.removesuffix(" [1]"), s.cites, s.supported) for s in turn.supports])


def test_a_sentence_that_is_much_nearer_than_the_draft_s_own_stands_before_it() -> None:
    turn = with_nearest(asked(-1.0, 2.5, 0.0))
    assert [s.sentence for s in turn.supports] == [f"{SECOND} [1]", f"{FIRST} [1]"]
    assert turn.supports[0].quote == SECOND
    assert shown(turn) == f"{SECOND} [1] {FIRST} [1]"


def test_in_japanese_it_has_a_line_of_its_own() -> None:
    text = "名前は湖に由来します。水車小屋は1871年にオリン家が建てました。"
    support = Support("名前は湖に由来します。[1]", (1,), True, "similarity", quote="名前は湖に由来します。")
    turn = with_nearest(asked(-1.0, 2.5, text=text, language="ja", draft=support.sentence, supports=(support,)))
    assert turn.draft == "水車小屋は1871年にオリン家が建てました。 [1]\n名前は湖に由来します。[1]"
    assert len(turn.supports) == 2


BAD = Support("Wrong.", (1,), False, "checks", "number:3")
OTHER = Support(f"{RIVER} [1]", (1,), True, "similarity", quote=RIVER)


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": None},
        {"verdict": Verdict(True, 0.7, "stated")},
        {"length": "line"},
        {"form": "list"},
        {"language": "ja"},
        {"notices": ("sources_differ",)},
        {"decision": Decision("web", "q", 0.9, "classifier")},
        {"supports": (), "draft": ""},
        {"supports": (BAD,), "draft": "Wrong."},
        {"supports": (BAD, OTHER), "draft": f"Wrong. {RIVER} [1]"},
        {"supports": (replace(OTHER, quote="Somebody built it."),)},
        {"supports": (replace(OTHER, quote=""),)},
        {"supports": (replace(OTHER, sentence="Yes. [1]"),), "draft": "Yes. [1]"},
        {"evidence": ()},
    ],
)
def test_the_draft_stays_as_it_is(changes: dict[str, Any]) -> None:
    turn = asked(-1.0, 2.5, 0.0, **changes)
    assert with_nearest(turn) == turn


@pytest.mark.parametrize("scores", [(2.5, -1.0, 0.0), (0.0, 2.5, -1.0), (-0.5, 2.4, 0.0)])
def test_a_sentence_that_is_not_much_nearer_does_not_join_it(scores: tuple[float, ...]) -> None:
    turn = asked(*scores)
    assert with_nearest(turn) == turn


def test_a_quote_of_several_sentences_is_as_near_as_the_nearest_of_them() -> None:
    both = Support(f"{FIRST} [1]", (1,), True, "similarity", quote=f"{FIRST} {SECOND}")
    turn = asked(-1.0, 2.5, 0.0, supports=(both,))
    assert with_nearest(turn) == turn


LAWS = "1501年5月、公爵は共和国の国境まで進軍したが、王の仲裁もあって攻略を断念し、資金の提供を条件に和約を結んだ。"


@pytest.mark.parametrize(
    ("claim", "whole"),
    [
        ("公爵は攻略を断念し、資金の提供を条件に和約を結んだ。", True),
        ("公爵は1501年5月、共和国の国境まで進軍したが、王の仲裁もあって攻略を断念し、和約を結んだ。", False),
        ("1501年5月、公爵は共和国の国境まで進軍したが、王の仲裁もあって攻略を断念した。", False),
        ("和約を結んだ。", False),
        ("公爵は翌年、別の国の国境まで進軍し、その国の王と長い話し合いを持ったとされている。", False),
    ],
)
def test_a_copy_that_lost_its_beginning_is_known_by_its_end(claim: str, whole: bool) -> None:
    turn = asked(1.0, text=LAWS, question="攻略を断念したのはいつですか？", standalone="攻略を断念したのはいつですか？")
    assert (whole_of(claim, turn) is not None) is whole
    if whole:
        support = by_rules(f"{claim}[1]", (), turn)
        assert isinstance(support, Support)
        assert (support.sentence, support.supported, support.quote) == (f"{LAWS} [1]", True, LAWS)


def test_a_name_in_place_of_a_pronoun_has_lost_nothing() -> None:
    text = "He was born in Oslo as the third son of a fisherman from the north."
    turn = asked(1.0, text=text)
    assert whole_of("Grey was born in Oslo as the third son of a fisherman from the north.", turn) is None


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("The documents do not say when the wheel was made.", ""),
        ("The documents do not say who built the mill.", "refusal"),
        ("Not stated.", "meaning"),
    ],
)
def test_a_source_may_say_that_documents_do_not_say_something(claim: str, reason: str) -> None:
    turn = asked(0.0, 2.0, text=f"{SECOND} The documents do not say when the wheel was made.")
    found = by_rules(f"{claim} [1]", (), turn)
    assert isinstance(found, Support)
    assert found.reason == reason
