"""What the examination of a specialist found: the content of `evaluation.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Metric = Literal["exact", "slots", "text", "grounded"]
"""`exact`: the answer is the wanted one, but for case, width and spaces. `slots`: F1 over the keys and values of JSON
objects. `text`: F1 over character sequences (chrF, Popović 2015). `grounded`: right where there is an answer, refused
where there is none."""
Contender = Literal["specialist", "base", "few_shot", "retrieval"]
"""`base`: the base model with the specialist's prompt alone. `few_shot`: with the nearest training examples in front.
`retrieval`: with what the library finds for the question."""


class Score(BaseModel):
    """A contender's mean score in [0, 1] on the held-out examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float
    low: float
    high: float
    """Bounds of the 95 % interval."""
    valid: float | None = None
    """Share of answers in the form that is asked for, where one is."""
    seconds: float = 0.0
    """Seconds an answer, on average."""
    examples: int
    """How many it was asked."""


class Margin(BaseModel):
    """By how much the specialist is better than another contender on the same examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    difference: float
    low: float
    high: float
    """Bounds of the 95 % interval, by resampling pairs; wider where there may be two looks, see
    `tools.specialist.gate`."""


class Evaluation(BaseModel):
    """An examination. `passed` is the gate's word; `failed` are the codes of what spoke against it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Metric
    examples: int
    """How many held-out examples the specialist and its base were asked."""
    scores: dict[Contender, Score]
    margins: dict[Contender, Margin]
    general: dict[Literal["base", "specialist", "off"], float]
    """Share of the general questions that are right: by the base model before, with the specialist, and with the
    specialist loaded and switched off."""
    general_examples: int
    unchanged: bool
    """Whether, with the specialist off, the base answers the general questions byte for byte as before."""
    base: str
    """SHA-256 of the base model that was examined."""
    data: str
    """Fingerprint of the data of which the held-out examples are a part."""
    date: str
    """When, in ISO 8601."""
    seconds: float
    passed: bool
    failed: tuple[str, ...] = ()
    """`not_better_than_base`, `not_better_than_retrieval`, `forgets`, `changes_base`, `too_few`, `other_base`."""

    @property
    def fewest(self) -> int:
        """How many examples those were asked that were asked the fewest."""
        return min(score.examples for score in self.scores.values())
