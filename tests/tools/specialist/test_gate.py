from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tools.specialist.evaluation import Contender, Evaluation, Metric
from tools.specialist.gate import General, Replies, judge
from tools.specialist.scoring import Mark

A, B = "a" * 64, "b" * 64


def general(base: int = 40, specialist: int = 40, of: int = 40, unchanged: bool = True) -> General:
    """The specialist loses the first questions that the base has right."""
    right = [n < base for n in range(of)]
    return General(
        {"base": right, "specialist": [n >= base - specialist and r for n, r in enumerate(right)], "off": right},
        unchanged,
    )


def verdict(
    scores: Mapping[Contender, Sequence[float]],
    of: General | None = None,
    metric: Metric = "exact",
    marks: Mapping[Contender, Sequence[Mark]] | None = None,
    **changed: Any,
) -> Evaluation:
    given = marks or {name: [Mark(score) for score in row] for name, row in scores.items()}
    return judge(
        metric,
        {name: Replies(tuple(row), 0.5) for name, row in given.items()},
        of or general(),
        **{"base": A, "trained_on": A, "data": "d", "date": "2026-11-27T00:00:00+00:00", "seconds": 1.0, **changed},
    )


GOOD: list[float] = [1.0] * 36 + [0.0] * 4
POOR: list[float] = [1.0] * 12 + [0.0] * 28


def test_a_specialist_that_is_clearly_better_and_forgets_nothing_passes() -> None:
    found = verdict({"specialist": GOOD, "base": POOR, "few_shot": POOR, "retrieval": POOR})
    assert found.passed
    assert found.failed == ()
    assert found.examples == 40
    assert found.scores["specialist"].score == pytest.approx(0.9)
    assert found.scores["specialist"].low < 0.9 < found.scores["specialist"].high
    assert set(found.margins) == {"base", "few_shot", "retrieval"}
    margin = found.margins["base"]
    assert margin.difference == pytest.approx(0.6)
    assert 0.4 < margin.low < 0.6 < margin.high < 0.8
    assert found.scores["base"].seconds == 0.5
    assert found.general == {"base": 1.0, "specialist": 1.0, "off": 1.0}
    assert verdict({"specialist": GOOD, "base": POOR, "few_shot": POOR, "retrieval": POOR}) == found


@pytest.mark.parametrize(
    ("scores", "of", "changed", "failed"),
    [
        ({"specialist": GOOD, "base": GOOD}, None, {}, ("not_better_than_base",)),
        ({"specialist": GOOD, "base": POOR, "few_shot": GOOD}, None, {}, ("not_better_than_retrieval",)),
        ({"specialist": GOOD, "base": POOR, "retrieval": GOOD}, None, {}, ("not_better_than_retrieval",)),
        ({"specialist": GOOD[-19:], "base": [0.0] * 19}, None, {}, ("too_few",)),
        ({"specialist": GOOD, "base": POOR}, general(unchanged=False), {}, ("changes_base",)),
        ({"specialist": GOOD, "base": POOR}, None, {"trained_on": B}, ("other_base",)),
        ({"specialist": GOOD, "base": POOR}, general(40, 34), {}, ("forgets",)),
        ({"specialist": POOR, "base": GOOD}, general(40, 10), {}, ("not_better_than_base", "forgets")),
    ],
)
def test_what_speaks_against_it_is_named(
    scores: dict[Contender, Sequence[float]], of: General | None, changed: dict[str, Any], failed: tuple[str, ...]
) -> None:
    found = verdict(scores, of, **changed)
    assert found.failed == failed
    assert not found.passed


def test_the_margin_is_one_of_pairs() -> None:
    """Two specialists with the same mean: the one is better on two examples, the other better on 16 and worse on 14."""
    base = [1.0] * 20 + [0.0] * 20
    steady = [1.0] * 22 + [0.0] * 18
    restless = [0.0] * 14 + [1.0] * 6 + [1.0] * 16 + [0.0] * 4
    assert sum(steady) == sum(restless)
    narrow, wide = (verdict({"specialist": s, "base": base}).margins["base"] for s in (steady, restless))
    assert narrow.difference == wide.difference == pytest.approx(0.05)
    assert narrow.high - narrow.low < 0.2 < wide.high - wide.low


def test_one_example_more_is_luck() -> None:
    base = [0.0] * 40
    found = verdict({"specialist": [1.0, *base[1:]], "base": base})
    assert found.margins["base"].low == 0.0
    assert found.failed == ("not_better_than_base",)


def test_losing_few_general_questions_is_luck_and_losing_many_is_not() -> None:
    assert not general(40, 38).forgets()
    assert general(40, 35).forgets(), "an eighth is more than a tenth"
    assert general(80, 74, of=80).forgets(), "less than a tenth, but beyond chance"
    assert not general(0, 0).forgets()


def test_f1_is_that_of_all_pairs_together() -> None:
    """One long object wrong weighs more than one short object right."""
    long, short = Mark(0.0, True, 0, 6, 6), Mark(1.0, True, 1, 1, 1)
    none = Mark(0.0, False, 0, 0, 1)
    found = verdict({}, metric="slots", marks={"specialist": [long, *[short] * 39], "base": [none] * 40})
    assert found.scores["specialist"].score == pytest.approx(39 / 45)
    assert found.scores["specialist"].valid == 1.0
    assert found.scores["base"].score == 0.0
    assert found.scores["base"].valid == 0.0
    assert found.margins["base"].low < 39 / 45 < found.margins["base"].high
    assert found.passed


def test_replies_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="same examples"):
        verdict({"specialist": GOOD, "base": POOR[1:]})
    with pytest.raises(ValueError, match="same examples"):
        verdict({"specialist": GOOD})
    with pytest.raises(ValueError, match="same examples"):
        verdict({"specialist": [], "base": []})
