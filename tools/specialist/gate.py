"""The gate: whether a specialist is better than what there is without it, and takes nothing away.

All contenders answer the same held-out examples, so that pairs of replies are compared and not two averages.

Those that read examples or documents take most of the time. Where they are clearly beaten on half of the examples,
nobody asks them the others; since they may be looked at twice, more is wanted of each look (Pocock 1977, Biometrika 64,
191-199, table 1).
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
_ONCE, _TWICE = 0.05, 0.0294
"""What an interval leaves out, where there is one look and where there are two."""

Figures = npt.NDArray[np.float64]
State = Literal["base", "specialist", "off"]


@dataclass(frozen=True)
class Replies:
    """What the replies of a contender are worth, in the order of the examples, and what they took. It may have been
    asked only the first of them."""

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

    Raises `ValueError` unless specialist and base answered the same number of examples, and no contender more.
    """
    n = len(replies["specialist"].marks) if "specialist" in replies else 0
    if not n or "base" not in replies or len(replies["base"].marks) != n:
        raise ValueError("specialist and base need replies to the same examples")
    if not all(0 < len(one.marks) <= n for one in replies.values()):
        raise ValueError("all contenders need replies, and to those examples only")
    scores: dict[Contender, Score] = {}
    margins: dict[Contender, Margin] = {}
    for name, one in replies.items():
        score, low, high = _measured(metric, one.marks)
        valid = [mark.valid for mark in one.marks if mark.valid is not None]
        share = sum(valid) / len(valid) if valid else None
        scores[name] = Score(score=score, low=low, high=high, valid=share, seconds=one.seconds, examples=len(one.marks))
        if name != "specialist":
            margins[name] = _margin(metric, replies["specialist"].marks, one.marks, twice=name != "base")
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


def ahead(metric: Metric, specialist: Sequence[Mark], other: Sequence[Mark]) -> bool:
    """Whether the specialist beats another contender so clearly on the examples that this was asked that it need not be
    asked the others."""
    return len(other) >= AT_LEAST and _margin(metric, specialist, other, twice=True).low > 0


def _margin(metric: Metric, specialist: Sequence[Mark], other: Sequence[Mark], *, twice: bool) -> Margin:
    mine = specialist[: len(other)]
    # the same draws for both: it is then a margin of pairs
    resampled = _resampled(metric, mine) - _resampled(metric, other)
    low, high = _interval(resampled, _TWICE if twice else _ONCE)
    difference = _measured(metric, mine)[0] - _measured(metric, other)[0]
    return Margin(difference=difference, low=low, high=high)


def _measured(metric: Metric, marks: Sequence[Mark]) -> tuple[float, float, float]:
    """The score and its interval."""
    measure = _f1s if metric == "slots" else _means_of
    return float(measure(marks, np.arange(len(marks))[None])[0]), *_interval(_resampled(metric, marks))


def _resampled(metric: Metric, marks: Sequence[Mark]) -> Figures:
    drawn = np.random.default_rng(_SEED).integers(0, len(marks), (_DRAWS, len(marks)))
    return _f1s(marks, drawn) if metric == "slots" else _means_of(marks, drawn)


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


def _interval(resampled: Figures, outside: float = _ONCE) -> tuple[float, float]:
    """By percentiles (Efron 1979, Annals of Statistics 7, 1-26); `outside` is the share that it leaves out."""
    low, high = np.quantile(resampled, [outside / 2, 1 - outside / 2])
    return float(low), float(high)
