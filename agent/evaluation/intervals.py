"""How far a figure can be trusted that was measured on so many questions."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

Z = 1.959964
"""Quantile of the normal distribution for 95 %."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927; Brown, Cai and DasGupta 2001, "Interval Estimation for a Binomial
    Proportion", section 3.1.1). It stays within 0 and 1 and is right for small `n`; (0, 1) for none at all."""
    if not n:
        return 0.0, 1.0
    share = successes / n
    middle = share + Z * Z / (2 * n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def bootstrap(values: Sequence[float], *, rounds: int = 2000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a mean, by percentiles of resampled means (Efron and Tibshirani 1993, section 13.3)."""
    if not values:
        return 0.0, 0.0
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[int(0.975 * rounds) - 1]
