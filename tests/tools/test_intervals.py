from __future__ import annotations

import numpy as np
import pytest

from tools.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # computed by hand from Wilson's formula with z = 1.959964
        (81, 263, 0.2553, 0.3662),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(successes, n)


def test_bootstrap_agrees_with_the_normal_approximation_and_repeats_itself() -> None:
    values = np.random.default_rng(4).normal(10, 2, 400).tolist()
    low, high = bootstrap(values)
    error = 1.96 * np.std(values) / 20
    assert low == pytest.approx(np.mean(values) - error, abs=0.05)
    assert high == pytest.approx(np.mean(values) + error, abs=0.05)
    assert bootstrap(values) == (low, high)
    assert bootstrap(values, seed=1) != (low, high)
    assert bootstrap([3.0, 3.0]) == (3.0, 3.0)
    with pytest.raises(ValueError, match="no values"):
        bootstrap([])
