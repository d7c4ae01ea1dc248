from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.specialists.drafting import draft, usual
from agent.specialists.preparing import Order, Prepared
from tests.agent.specialists.speaking import CARD, EMBEDDER, SHA, example
from tools.specialist.card import Base, Card
from tools.specialist.data import Form, Split
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan

BASE = Base(name="small", sha256=SHA)
EXAMPLES = tuple(example(f"Where is card number {n}?", ("card", "other")[n % 2]) for n in range(30))
PREPARED = Prepared(
    Split(EXAMPLES, EXAMPLES[:2], EXAMPLES[:4]), Form("exact", ("card", "other")), "en", 36, sources=("data.csv",)
)
TEXT = "Names what a customer wants"


def drafted(before: Card | None = None, prepared: Prepared = PREPARED, **given: Any) -> Card:
    return draft(Order("banking", **given), prepared, before, BASE, EMBEDDER)


def test_a_card_says_what_it_is_for_and_what_it_learns_from() -> None:
    card = drafted(description=(TEXT,), licence="cc-by-4.0")
    assert card.description == (TEXT,)
    assert card.prompt == f"Your task: {TEXT}. Reply with the answer alone, in a few words."
    assert card.answers == ("card", "other")
    assert "other" not in card.prompt, "names that are learned are not told"
    assert (card.data.training, card.data.validation, card.data.test) == (30, 2, 4)
    assert card.data.fingerprint == PREPARED.fingerprint
    assert (card.data.licence, card.data.sources) == ("cc-by-4.0", ("data.csv",))
    assert card.base == BASE
    assert card.adapter == "adapter.gguf"
    assert 5 <= len(card.examples) <= 20
    assert set(card.examples) <= {e.question for e in EXAMPLES}


def test_what_the_order_leaves_out_is_that_of_the_version_before() -> None:
    before = CARD.model_copy(update={"use": "style"})
    card = drafted(before)
    assert (card.description, card.examples, card.prompt, card.use) == (
        CARD.description,
        CARD.examples,
        CARD.prompt,
        "style",
    )
    changed = drafted(before, description=("New.",), prompt="", examples=("Why?",), use="answer")
    assert (changed.description, changed.prompt, changed.examples, changed.use) == (("New.",), "", ("Why?",), "answer")


@pytest.mark.parametrize(
    ("before", "learned", "reads"),
    [((), "ja", ()), (("ja",), "ja", ("ja",)), (("ja",), "en", ())],
)
def test_a_reader_reads_the_languages_that_it_learned(before: Any, learned: Any, reads: Any) -> None:
    card = CARD.model_copy(update={"use": "grounded", "languages": before})
    assert drafted(card, replace(PREPARED, language=learned)).languages == reads


def test_examples_in_the_prompt_need_no_adapter() -> None:
    card = drafted(description=(TEXT,), plan=Plan(method="few_shot", shots=4))
    assert card.adapter == ""
    assert len(card.shots) == 4
    assert {shot.answer for shot in card.shots} == {"card", "other"}


def test_long_questions_are_cut_for_the_router() -> None:
    pages = tuple(example(f"page {n} " * 200, "card") for n in range(12))
    card = drafted(prepared=Prepared(Split(pages, (), ()), Form("text"), "en", 12), description=(TEXT,))
    assert max(map(len, card.examples)) == 300


@pytest.mark.parametrize("metric", ["exact", "slots", "text", "grounded"])
def test_the_usual_prompt_is_in_the_language_of_the_data(metric: Any) -> None:
    described = ("Rewrites texts politely", "文章を敬語に書き換える")
    english, japanese = usual(metric, described, "en"), usual(metric, described, "ja")
    assert "Rewrites texts politely. " in english
    assert "文章を敬語に書き換える。" in japanese
    assert "。 " not in japanese
    assert "Rewrites" not in japanese
    assert "文章を敬語に書き換える。" in usual(metric, described[1:], "en")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "--description"),
        ({"description": (" ",)}, "description"),
    ],
)
def test_what_is_missing_is_told_on_a_line(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecialistError, match=says) as raised:
        drafted(**given)
    assert raised.value.reason == "card"
    assert "\n" not in str(raised.value)


def test_a_name_that_does_not_fit_is_told() -> None:
    with pytest.raises(SpecialistError, match="small letters"):
        draft(Order("My Bank", description=(TEXT,)), PREPARED, None, BASE, EMBEDDER)
