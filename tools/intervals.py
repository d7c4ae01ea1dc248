"""How far a figure may be off because only so many questions were asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_Z = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927, Journal of the American Statistical Association 22, 209-212).

    Unlike the textbook's it stays within 0 and 1, and is honest about 20 of 20. Without observations it is (0, 1).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # at the ends the two terms are equal but for rounding
    return (0.0 if successes == 0 else middle - half), (1.0 if successes == n else middle + half)


def bootstrap(values: Sequence[float], *, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a mean, from the 2.5 % and 97.5 % quantiles of the means of samples drawn with replacement
    (Efron 1979, Annals of Statistics 7, 1-26). The same values give the same interval. Raises `ValueError` for none."""
    if not values:
        raise ValueError("no values to draw from")
    drawn = np.random.default_rng(seed).choice(np.asarray(values, np.float64), (draws, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)
