"""The training loop: steps, looks at the validation examples, checkpoints, early stopping."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.specialist.plan import Plan, Progress
from tools.specialist.train.learner import Learner, learn, measure, said
from tools.specialist.train.packing import Pack, Row, beside, steps

if TYPE_CHECKING:
    import torch

_WARM_UP = 0.06
"""Share of the steps over which the learning rate rises."""
_FLOOR = 0.1
"""Share of the learning rate that is left at the end."""
_KEEP_EVERY = 60.0
"""Seconds between two checkpoints."""
_HELD = 2.0
"""How much a token of the general texts counts against one that is learned."""
_STEADY = 8
"""Steps over which the speed is averaged."""


@dataclass
class Standing:
    """Where a training stands: what a checkpoint keeps beside the weights."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    validation: float | None = None
    worse: int = 0
    resumed: int = 0
    losses: list[float] = field(default_factory=list)


class Stopped(Exception):
    """The training was asked to stop; its checkpoint is written."""


class Loop:
    """One training. `work` keeps its checkpoint. `initial`: an adapter that it continues."""

    def __init__(
        self,
        learner: Learner,
        plan: Plan,
        training: Sequence[Row],
        validation: Sequence[Row],
        work: Path,
        *,
        general: Sequence[Row] = (),
        initial: Path | None = None,
        report: Callable[[Progress], None],
        stop: Callable[[], bool],
    ) -> None:
        self._learner = learner
        self._plan = plan
        self._rows = training
        # what is said on them now, when nothing has been learned
        self._texts = [(text, said(learner.base, text)) for text in self._packed(general)]
        if initial is not None:
            learner.load(initial)
        self._held = list(steps(validation, batch=len(validation) or 1, longest=plan.longest, seed=0))
        self._work = work
        self._report = report
        self._stop = stop
        self.standing = Standing()
        self._epoch = max(1, len(list(self._order(0))))
        self.steps = max(1, math.ceil(self._epoch * plan.epochs_of(len(training))))
        self._look = max(1, self._epoch // plan.looks)
        self._weights = learner.weights()
        # what is learned is kept in float32, where the small changes of late steps are not lost
        self._masters = {n: p.detach().float().clone().requires_grad_(True) for n, p in self._weights.items()}
        self._optimizer = self._adam()
        self._kept = time.monotonic()

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self._weights.values())

    @property
    def epochs(self) -> float:
        return self.standing.step / self._epoch

    def run(self) -> None:
        """Train to the end, to where the validation examples say that it is enough, or until `stop` (`Stopped`).

        The weights are then those with the best validation loss.
        """
        self._take_up()
        recent: list[tuple[int, float]] = []
        for packs in self._remaining():
            if self._stop():
                self._keep()
                raise Stopped
            begun = time.monotonic()
            spent, tokens = self._step(packs)
            standing = self.standing
            standing.step += 1
            standing.tokens += tokens
            standing.losses.append(spent)
            looked = standing.step % self._look == 0 or standing.step == self.steps
            if looked:
                self._judge()
            seconds = time.monotonic() - begun
            standing.seconds += seconds
            recent = [*recent[-_STEADY + 1 :], (tokens, seconds)]
            speed = sum(t for t, _ in recent) / sum(s for _, s in recent)
            left = (self.steps - standing.step) * standing.seconds / standing.step
            self._report(
                Progress(
                    standing.step, self.steps, spent, standing.validation, standing.best, standing.tokens, speed, left
                )
            )
            if looked and standing.worse >= self._plan.patience:
                break
            if time.monotonic() - self._kept > _KEEP_EVERY:
                self._keep()
        self._best()

    def _order(self, epoch: int) -> Iterator[list[Pack]]:
        plan = self._plan
        return steps(self._rows, batch=plan.batch, longest=plan.longest, seed=plan.seed * 1000 + epoch)

    def _packed(self, general: Sequence[Row]) -> Iterator[Pack]:
        """The texts on which the model shall stay as it was, a few for each step."""
        plan = self._plan
        for packs in steps(general, batch=plan.texts, longest=plan.longest, seed=plan.seed) if plan.texts else ():
            yield from packs

    def _remaining(self) -> Iterator[list[Pack]]:
        """The steps that are still to be made; which they are depends on the seed and the number of the step alone."""
        number = 0
        epoch = 0
        while number < self.steps:
            for packs in self._order(epoch):
                if number >= self.steps:
                    return
                if number >= self.standing.step:
                    yield packs
                number += 1
            epoch += 1

    def _step(self, packs: Sequence[Pack]) -> tuple[float, int]:
        """One step; returns the loss per token and the tokens of the examples, each as if it stood alone."""
        import torch

        count = sum(float(pack.weight.sum()) for pack in packs)
        total = 0.0
        for number, pack in enumerate(packs):
            if self._texts and not number:
                text, before = self._texts[self.standing.step % len(self._texts)]
                held = (before, _HELD / len(text.ids))
                total += learn(self._learner.base, beside(pack, text), 1 / count, held)
            else:
                total += learn(self._learner.base, pack, 1 / count)
        for name, weight in self._weights.items():
            self._masters[name].grad = weight.grad.float() if weight.grad is not None else None
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self._masters.values(), 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.learning_rate * self._rate(self.standing.step)
        self._optimizer.step()
        self._show()
        return total / count, sum(pack.alone for pack in packs)

    def _rate(self, step: int) -> float:
        """Linear warm-up, then a half cosine down to a tenth."""
        warm = max(1, int(self.steps * _WARM_UP))
        if step < warm:
            return (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        return _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * done))

    def _judge(self) -> None:
        """Look at the validation examples, and keep the weights if they are the best so far."""
        standing = self.standing
        if not self._held:
            standing.best_step = standing.step
            return
        held = [pack for packs in self._held for pack in packs]
        total = sum(measure(self._learner.base, pack) for pack in held)
        standing.validation = total / sum(float(pack.weight.sum()) for pack in held)
        if standing.best is None or standing.validation < standing.best:
            standing.best, standing.best_step, standing.worse = standing.validation, standing.step, 0
            self._save("best", self._masters)
        else:
            standing.worse += 1

    def _show(self) -> None:
        """Bring what was learned into the model."""
        import torch

        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(self._masters[name])

    def _adam(self) -> torch.optim.Optimizer:
        import torch

        return torch.optim.AdamW(self._masters.values(), lr=self._plan.learning_rate, weight_decay=0.0, foreach=True)

    def _best(self) -> None:
        """Go back to the weights with the best validation loss."""
        if (self._work / "best.safetensors").is_file() and self.standing.best_step != self.standing.step:
            self._masters = _load(self._work / "best.safetensors")
            self._show()

    def _keep(self) -> None:
        """Write a checkpoint: weights, the optimiser's moments, where we stand. Whole or not at all."""
        tensors: dict[str, torch.Tensor] = dict(self._masters)
        moments = self._optimizer.state_dict()["state"]
        for number, state in moments.items():
            for key in ("exp_avg", "exp_avg_sq"):
                tensors[f"{key}/{number}"] = state[key]
        self._save("checkpoint", tensors, vars(self.standing))
        self._kept = time.monotonic()

    def _take_up(self) -> None:
        """Go on from a checkpoint, if there is one."""
        import torch

        file = self._work / "checkpoint.safetensors"
        if not file.is_file():
            return
        tensors = _load(file)
        with torch.no_grad():
            for name, master in self._masters.items():
                master.copy_(tensors[name])
        standing = _standing(file)
        if not standing.step:
            return
        state = self._optimizer.state_dict()
        for number in range(len(self._masters)):
            state["state"][number] = {
                "step": torch.tensor(float(standing.step)),
                "exp_avg": tensors[f"exp_avg/{number}"],
                "exp_avg_sq": tensors[f"exp_avg_sq/{number}"],
            }
        self._optimizer.load_state_dict(state)
        self._show()
        self.standing = standing
        self.standing.resumed += 1

    def _save(self, name: str, tensors: dict[str, Any], about: dict[str, Any] | None = None) -> None:
        from safetensors.torch import save_file

        partial = self._work / f"{name}.partial"
        kept = {key: value.detach().contiguous() for key, value in tensors.items()}
        save_file(kept, partial, {"about": json.dumps(about or {})})
        partial.replace(self._work / f"{name}.safetensors")


def _load(file: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(file))


def _standing(file: Path) -> Standing:
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        return Standing(**json.loads(opened.metadata()["about"]))
