from __future__ import annotations

import pytest

from tools.answers import agrees, holds


@pytest.mark.parametrize(
    ("text", "answer", "held"),
    [
        ("It opened in 1932.", "1932", True),
        ("It opened in 1931.", "1932", False),
        ("チェックアウトは１１時です。", "11時", True),
        ("チェックアウトは十一時です。", "11時", True),
        ("四日目に着いた。", "3日目", False),
        ("The price is 1,500 yen.", "1500 yen", True),
        ("BY THE RIVER", "by the river", True),
        ("The red and blue lines meet there.", "blue and red lines", True),
        ("The red line ends there.", "blue and red lines", False),
        ("He observed fossil animal shells there.", "his observation of fossil animal shells", True),
        ("", "anything", False),
        ("something", "", False),
    ],
)
def test_a_short_answer_is_found_in_any_writing(text: str, answer: str, held: bool) -> None:
    assert holds(text, [answer]) is held


def test_one_of_several_answers_suffices() -> None:
    assert holds("It is Oslo.", ["Bergen", "Oslo"])
    assert not holds("It is Oslo.", [])


LONG = (
    "The headwaters of the Cedar River are in Dodge County, Minnesota, and it ends in Louisa County, Iowa, at Columbus "
    "Junction, where it joins the Iowa River."
)
ASKED = "Where does the Cedar River begin and end?"


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("It begins in Dodge County, Minnesota, and ends at Columbus Junction, Iowa.", True),
        ("The Cedar River begins in Dodge County, Minnesota.", True),
        ("The Cedar River begins and ends somewhere.", False),
        ("It begins at a glacier in the Alps and flows through Austria, Hungary and Serbia to the sea.", False),
        ("", False),
    ],
)
def test_a_short_answer_agrees_with_a_long_one_if_it_says_little_else(text: str, good: bool) -> None:
    assert agrees(text, LONG, ASKED) is good
