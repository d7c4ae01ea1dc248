"""How a specialist is trained, how far it has come, and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Method = Literal["lora", "layers", "few_shot"]
"""`lora`: low-rank adapters on all linear layers (Hu et al. 2021, arXiv 2106.09685). `layers`: all weights of the last
layers, the others frozen; what changed is kept as an adapter. `few_shot`: no training, examples in the prompt."""

_SEEN = 3000
"""Examples that a training sees, where nothing else is said."""


class Plan(BaseModel):
    """Settings of a training. The defaults suit a few hundred to a few thousand short examples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = "lora"
    rank: int = Field(default=16, ge=1, le=256)
    alpha: float = Field(default=32.0, gt=0)
    """The adapter counts `alpha / rank`."""
    layers: int = Field(default=0, ge=0)
    """Only the last so many layers learn; 0 is all of them for `lora`, and a quarter of them for `layers`."""
    shots: int = Field(default=8, ge=0, le=64)
    """Examples in the prompt of `few_shot`."""
    epochs: float | None = Field(default=None, gt=0, le=100)
    """How often every example is seen; without it as often as `epochs_of` says."""
    learning_rate: float = Field(default=4e-4, gt=0, lt=1)
    batch: int = Field(default=16, ge=1)
    """Examples that one step learns from."""
    longest: int = Field(default=1024, ge=64, le=32768)
    """Tokens of the longest sequence; an example that is longer is refused."""
    looks: int = Field(default=3, ge=1)
    """How often an epoch the validation examples are looked at."""
    patience: int = Field(default=4, ge=1)
    """Looks without a better loss after which training ends."""
    general: float = Field(default=0.1, ge=0, le=1)
    """General texts beside the examples of a step, as a share of them. On these the model is held to what it says
    without the adapter, so that it does not forget what it could (Li and Hoiem 2016, arXiv 1606.09282)."""
    seed: int = 7

    @property
    def texts(self) -> int:
        """General texts beside the examples of a step."""
        return max(1, round(self.general * self.batch)) if self.general else 0

    def epochs_of(self, examples: int) -> float:
        """Epochs for so many examples: 4 for up to 750, 1 from three thousand on, so that a specialist takes
        about ten minutes."""
        return self.epochs or min(4.0, max(1.0, _SEEN / max(1, examples)))


@dataclass(frozen=True)
class Progress:
    """Where a training stands."""

    step: int
    steps: int
    """Steps that are planned; early stopping may end it before."""
    loss: float
    """Of the last step, per token of the answers, in nats."""
    validation: float | None
    """The latest loss on the validation examples."""
    best: float | None
    tokens: int
    """Tokens learned from so far, as if every example had stood alone."""
    tokens_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class Outcome:
    """What a training left behind."""

    adapter: Path
    steps: int
    epochs: float
    loss: float
    validation: float
    tokens: int
    tokens_per_second: float
    seconds: float
    """Time of training, over all its sittings."""
    parameters: int
    """Numbers that were learned."""
    resumed: int = 0
    """How often it was taken up again."""
    extra: Mapping[str, float] = field(default_factory=dict)
    """What else there is to say: `peak` (bytes of memory at most), `kept` (share of the change that the adapter of
    `layers` keeps)."""
