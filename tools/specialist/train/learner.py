"""What learns: low-rank adapters (peft), or the weights of the last layers. Both leave an adapter behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tools.specialist.plan import Plan
from tools.specialist.train import adapter
from tools.specialist.train.base import Base
from tools.specialist.train.packing import Pack

if TYPE_CHECKING:
    import torch

_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_KEPT_RANK = 64
"""Least rank of the adapter that keeps what `layers` changed."""
_AT_ONCE = 128
"""Positions whose logits are held at a time."""
_ROUND = 64
"""Sequences are filled up to a multiple of so many tokens."""


class Learner(Protocol):
    """A base model of which something can be learned."""

    base: Base

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is learned, by name."""

    def silent(self) -> AbstractContextManager[None]:
        """The base model as it was, while the context is open."""

    def write(self, file: Path, name: str) -> dict[str, float]:
        """Write what was learned as an adapter, and return what there is to say about it."""


def learner(base: Base, plan: Plan) -> Learner:
    """The learner that the plan names."""
    return _LowRank(base, plan) if plan.method == "lora" else _Layers(base, plan)


def learn(base: Base, pack: Pack, share: float) -> float:
    """Add `share` times the gradient of the loss of a pack to what is learned, and return that loss; see `measure`.

    The gradient of the logits, one number for each word of the vocabulary, is taken a few positions at a time: all of
    them at once would take more memory than the model.
    """
    states = _states(base, pack)
    cut = states.detach().requires_grad_(True)
    total = 0.0
    for part in _parts(base, pack, cut):
        (part * share).backward()
        total += float(part.detach())
    states.backward(cut.grad)
    return total


def measure(base: Base, pack: Pack) -> float:
    """The summed cross entropy of the answers of a pack, in nats.

    Logits are computed only where an answer is learned: for a vocabulary of 150,000 they are a third of the work.
    """
    import torch

    with torch.no_grad():
        return sum(float(part) for part in _parts(base, pack, _states(base, pack)))


def hold(learner: Learner, pack: Pack, share: float) -> float:
    """Add `share` times the gradient of how far the model is from the base on a pack of other texts: the divergence of
    Kullback and Leibler, in nats, summed over all positions, which is returned (Li and Hoiem 2016, "Learning without
    forgetting", arXiv 1606.09282, section 3)."""
    import torch

    base, n = learner.base, len(pack.ids)
    with torch.no_grad(), learner.silent():
        before = _states(base, pack)[:n]
    states = _states(base, pack)[:n]
    cut = states.detach().requires_grad_(True)
    head, total = base.model.get_output_embeddings(), 0.0
    for start in range(0, n, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        with torch.no_grad():
            wanted = head(before[part]).float().log_softmax(-1)
        given = head(cut[part]).float().log_softmax(-1)
        apart = torch.nn.functional.kl_div(given, wanted, reduction="sum", log_target=True)
        (apart * share).backward()
        total += float(apart.detach())
    states.backward(cut.grad)
    return total


def _states(base: Base, pack: Pack) -> torch.Tensor:
    """The last hidden states of a pack, shape (tokens, width)."""
    import torch

    from tools.specialist.train.attention import blocks

    # lengths of few kinds let memory be used again, and the processor's kernels too
    fill = -len(pack.ids) % _ROUND
    end = np.concatenate([pack.end, np.arange(fill) + len(pack.ids) + 1])  # what is filled in sees itself alone
    ids, position = (torch.nn.functional.pad(torch.from_numpy(x), (0, fill)) for x in (pack.ids, pack.position))
    out = base.model.get_decoder()(
        input_ids=ids[None],
        position_ids=position[None],
        attention_mask=torch.zeros(1, 1, 1, 1),  # `tree` takes its place
        use_cache=False,
        tree=blocks(end, base.dtype),
    )
    return out.last_hidden_state[0]


def _parts(base: Base, pack: Pack, states: torch.Tensor) -> Iterator[torch.Tensor]:
    """The loss over some positions after the other."""
    import torch

    head = base.model.get_output_embeddings()
    at, target, weight = (torch.from_numpy(x) for x in (pack.at, pack.target, pack.weight))
    for start in range(0, len(at), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        logits = head(states[at[part]]).float()
        yield (torch.nn.functional.cross_entropy(logits, target[part], reduction="none") * weight[part]).sum()


class _LowRank:
    """LoRA on the linear layers (Hu et al. 2021, arXiv 2106.09685), by peft."""

    def __init__(self, base: Base, plan: Plan) -> None:
        import torch
        from peft import LoraConfig, inject_adapter_in_model

        from tools.specialist.train.fused import FusedLora

        self.base = base
        self._alpha = plan.alpha
        torch.manual_seed(plan.seed)
        first = base.layers - plan.layers if 0 < plan.layers < base.layers else 0
        config = LoraConfig(
            r=plan.rank,
            lora_alpha=plan.alpha,
            target_modules=list(_LINEAR),
            layers_to_transform=list(range(first, base.layers)),
        )
        config._register_custom_module({torch.nn.Linear: FusedLora})
        inject_adapter_in_model(config, base.model)
        for name, parameter in base.model.named_parameters():
            if "lora_" in name:
                # peft computes adapters in float32 by default, at a fifth of the speed
                parameter.data = parameter.data.to(base.dtype)
                parameter.requires_grad_(True)

    def weights(self) -> dict[str, torch.nn.Parameter]:
        return {n: p for n, p in self.base.model.named_parameters() if p.requires_grad}

    @contextmanager
    def silent(self) -> Iterator[None]:
        from tools.specialist.train.fused import FusedLora

        FusedLora.silent = True
        try:
            yield
        finally:
            FusedLora.silent = False

    def write(self, file: Path, name: str) -> dict[str, float]:
        found: dict[str, tuple[Any, Any]] = {}
        weights = self.weights()
        for a in (n for n in weights if ".lora_A." in n):
            b = a.replace(".lora_A.", ".lora_B.")
            found[a.partition(".lora_A.")[0]] = (_array(weights[a]), _array(weights[b]))
        adapter.write(file, found, alpha=self._alpha, config=self.base.model.config, name=name)
        return {}


class _Layers:
    """All weights of the linear layers of the last blocks; the rest is frozen."""

    def __init__(self, base: Base, plan: Plan) -> None:
        self.base = base
        self._rank = max(plan.rank, _KEPT_RANK)
        many = plan.layers or max(1, base.layers // 4)
        last = {f"layers.{n}." for n in range(max(0, base.layers - many), base.layers)}
        self._before = {}
        for name, module in base.model.named_modules():
            if name.rpartition(".")[2] in _LINEAR and any(part in f"{name}." for part in last):
                module.weight.requires_grad_(True)
                self._before[name] = module.weight.detach().clone()

    def weights(self) -> dict[str, torch.nn.Parameter]:
        return {n: p for n, p in self.base.model.named_parameters() if p.requires_grad}

    @contextmanager
    def silent(self) -> Iterator[None]:
        modules = dict(self.base.model.named_modules())
        learned = {name: modules[name].weight.data for name in self._before}
        try:
            for name, before in self._before.items():
                modules[name].weight.data = before
            yield
        finally:
            for name, weight in learned.items():
                modules[name].weight.data = weight

    def write(self, file: Path, name: str) -> dict[str, float]:
        """What the weights changed by, as the adapter that is nearest to it; `kept` is the share that it keeps."""
        modules = dict(self.base.model.named_modules())
        found, shares = {}, []
        for weight, before in self._before.items():
            a, b, share = adapter.factor(modules[weight].weight.detach().float() - before.float(), self._rank)
            found[weight] = (a, b)
            shares.append(share)
        adapter.write(file, found, alpha=float(self._rank), config=self.base.model.config, name=name)
        return {"kept": float(np.mean(shares))}


def _array(parameter: torch.nn.Parameter) -> Any:
    return parameter.detach().float().numpy()
