"""A draft on the page: what is checked stands out, what failed is gone; and what only the model vouches for."""

from __future__ import annotations

import dataclasses

import pytest
from fake_agent import answer, passage

from agent.state import Sentence, Shown, Source
from ui.render import answer_html, draft_html
from ui.strings import Strings, load

EN, JA = load("en"), load("ja")
NINE = Source(1, passage(1, "It opens at nine. Nothing has to be paid."), "It opens at nine.")
DRAFT = "It opens at nine. [1] It is free. [1] It closes"


@pytest.mark.parametrize(
    ("checked", "shown", "pending"),
    [
        ({}, ["nine", "free", "closes"], 0),
        ({1: "supported"}, ["nine", "free", "closes"], 2),
        ({1: "supported", 2: "removed"}, ["nine", "closes"], 1),
        ({1: "partly", 2: "supported"}, ["nine", "free", "closes"], 1),
    ],
)
def test_what_was_checked_stands_out_and_what_failed_is_gone(
    checked: dict[int, Shown], shown: list[str], pending: int
) -> None:
    html = draft_html(DRAFT, EN, checked=checked)
    assert [word for word in ("nine", "free", "closes") if word in html] == shown
    assert html.count("<mark>") == pending


def test_a_list_stays_a_list() -> None:
    html = draft_html("Rules:\n\n- No dogs. [1]\n- No glass", EN, checked={1: "supported", 2: "supported"})
    assert html.count("<li>") == 2
    assert "<mark>No glass</mark>" in html


@pytest.mark.parametrize("words", [EN, JA])
def test_a_sentence_in_other_words_is_underlined_and_the_reader_told_why(words: Strings) -> None:
    carried = answer("It opens at nine. [1] It is free. [1]", NINE)
    partly = dataclasses.replace(
        carried, sentences=(Sentence("It opens at nine.", (1,), True), Sentence("It is free.", (1,), True, partly=True))
    )
    html = answer_html(partly, words, thread="t", index=0)
    assert "<mark>It is free.</mark>" in html
    assert words("answer.partly") in html
    assert words("answer.partly") not in answer_html(carried, words, thread="t", index=0)
