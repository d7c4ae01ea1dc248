"""The gate: whether a specialist is better than what there is without it, and takes nothing away.

All contenders answer the same held-out examples, so that pairs of replies are compared and not two averages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tools.specialist.evaluation import Contender, Evaluation, Margin, Metric, Score
from tools.specialist.scoring import Mark

AT_LEAST = 20
"""Held-out examples below which nothing is proven."""
MOST_FORGOTTEN = 0.10
"""Of the general questions; a specialist that loses more forgets, however few were asked."""
_DRAWS, _SEED = 2000, 7

Figures = npt.NDArray[np.float64]
State = Literal["base", "specialist", "off"]


@dataclass(frozen=True)
class Replies:
    """What the replies of a contender are worth, in the order of the examples, and what they took."""

    marks: tuple[Mark, ...]
    seconds: float = 0.0
    """An answer, on average."""


@dataclass(frozen=True)
class General:
    """Which general questions were right, in the same order for each; see `Evaluation.general`."""

    right: Mapping[State, Sequence[bool]]
    unchanged: bool

    @property
    def share(self) -> dict[State, float]:
        return {state: sum(right) / len(right) if right else 0.0 for state, right in self.right.items()}

    def forgets(self) -> bool:
        """Whether the specialist answers the general questions worse than the base: either so that the 95 % interval
        of the loss, question by question, lies above zero, or by more than `MOST_FORGOTTEN`."""
        pairs = list(zip(self.right["base"], self.right["specialist"], strict=True))
        if not pairs:
            return False
        loss = np.asarray([float(before) - float(now) for before, now in pairs])
        return bool(_interval(_means(loss))[0] > 0 or loss.mean() > MOST_FORGOTTEN)


def judge(
    metric: Metric,
    replies: Mapping[Contender, Replies],
    general: General,
    *,
    base: str,
    trained_on: str,
    data: str,
    date: str,
    seconds: float,
) -> Evaluation:
    """The examination's verdict. `base` is the SHA-256 of the model that answered, `trained_on` of the card's.

    Raises `ValueError` unless specialist and base both answered, and all contenders the same number of examples.
    """
    counts = {len(one.marks) for one in replies.values()}
    if not {"specialist", "base"} <= set(replies) or len(counts) != 1 or not min(counts):
        raise ValueError("specialist, base and all others need replies to the same examples")
    n = counts.pop()
    # the same draws for all: a margin is then one of pairs
    drawn = np.random.default_rng(_SEED).integers(0, n, (_DRAWS, n))
    measure = _f1s if metric == "slots" else _means_of
    scores: dict[Contender, Score] = {}
    resampled: dict[Contender, Figures] = {}
    for name, one in replies.items():
        resampled[name] = measure(one.marks, drawn)
        low, high = _interval(resampled[name])
        mean = float(measure(one.marks, np.arange(n)[None])[0])
        valid = [mark.valid for mark in one.marks if mark.valid is not None]
        share = sum(valid) / len(valid) if valid else None
        scores[name] = Score(score=mean, low=low, high=high, valid=share, seconds=one.seconds)
    margins: dict[Contender, Margin] = {}
    for name in replies:
        if name != "specialist":
            low, high = _interval(resampled["specialist"] - resampled[name])
            difference = scores["specialist"].score - scores[name].score
            margins[name] = Margin(difference=difference, low=low, high=high)
    failed = _against(n, margins, general, other_base=base != trained_on)
    return Evaluation(
        metric=metric,
        examples=n,
        scores=scores,
        margins=margins,
        general=general.share,
        general_examples=len(general.right["base"]),
        unchanged=general.unchanged,
        base=base,
        data=data,
        date=date,
        seconds=seconds,
        passed=not failed,
        failed=failed,
    )


def _against(
    examples: int, margins: Mapping[Contender, Margin], general: General, *, other_base: bool
) -> tuple[str, ...]:
    """The codes of what speaks against the specialist."""
    with_examples = [margins[name] for name in ("few_shot", "retrieval") if name in margins]
    reasons: dict[str, bool] = {
        "not_better_than_base": margins["base"].low <= 0,
        "not_better_than_retrieval": any(margin.low <= 0 for margin in with_examples),
        "forgets": general.forgets(),
        "changes_base": not general.unchanged,
        "too_few": examples < AT_LEAST,
        "other_base": other_base,
    }
    return tuple(code for code, holds in reasons.items() if holds)


def _means_of(marks: Sequence[Mark], drawn: npt.NDArray[np.int64]) -> Figures:
    """The mean score of each row of `drawn`, which names examples by their number."""
    result: Figures = np.asarray([mark.score for mark in marks], np.float64)[drawn].mean(axis=1)
    return result


def _f1s(marks: Sequence[Mark], drawn: npt.NDArray[np.int64]) -> Figures:
    """The micro F1 of each row: of all its pairs together."""

    def total(count: Callable[[Mark], int]) -> Figures:
        sums: Figures = np.asarray([count(mark) for mark in marks], np.float64)[drawn].sum(axis=1)
        return sums

    pairs = total(lambda mark: mark.given) + total(lambda mark: mark.wanted)
    return np.where(pairs > 0, 2 * total(lambda mark: mark.right) / np.maximum(pairs, 1), 1.0)


def _means(values: Figures) -> Figures:
    drawn = np.random.default_rng(_SEED).integers(0, len(values), (_DRAWS, len(values)))
    result: Figures = values[drawn].mean(axis=1)
    return result


def _interval(resampled: Figures) -> tuple[float, float]:
    """The 95 % interval by percentiles (Efron 1979, Annals of Statistics 7, 1-26)."""
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)
