from __future__ import annotations

import random

import pytest

from agent.evaluation.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Brown, Cai and DasGupta 2001 and R's prop.test(correct = FALSE)
    [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0), (50, 100, 0.404, 0.596)],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=0.001)


def test_nothing_measured_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert bootstrap([]) == (0.0, 0.0)


def test_the_interval_holds_the_truth_in_95_of_100_samples() -> None:
    draw = random.Random(3)
    held = 0
    for _ in range(1000):
        low, high = wilson(sum(draw.random() < 0.8 for _ in range(60)), 60)
        held += low <= 0.8 <= high
    assert 925 <= held <= 975


def test_bootstrap_is_near_the_normal_interval_and_repeats() -> None:
    draw = random.Random(1)
    values = [draw.gauss(0.5, 0.2) for _ in range(200)]
    low, high = bootstrap(values)
    mean = sum(values) / len(values)
    assert (low, high) == bootstrap(values)
    assert low < mean < high
    assert high - low == pytest.approx(2 * 1.96 * 0.2 / 200**0.5, rel=0.2)
