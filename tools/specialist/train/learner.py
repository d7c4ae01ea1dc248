"""What learns: low-rank adapters (peft), or the weights of the last layers. Both leave an adapter behind."""

from __future__ import annotations

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
_AT_ONCE = 256
"""Positions whose logits, one number for each word of the vocabulary, are held at a time."""


class Learner(Protocol):
    """A base model of which something can be learned."""

    base: Base

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is learned, by name."""

    def write(self, file: Path, name: str) -> dict[str, float]:
        """Write what was learned as an adapter, and return what there is to say about it."""


def learner(base: Base, plan: Plan) -> Learner:
    """The learner that the plan names."""
    return _LowRank(base, plan) if plan.method == "lora" else _Layers(base, plan)


def loss(base: Base, pack: Pack) -> tuple[torch.Tensor, float]:
    """The summed cross entropy of the answers of a pack, in nats, and how many tokens it is summed over.

    Logits are computed only where an answer is learned: for a vocabulary of 150,000 they are a third of the work.
    """
    import torch

    body, head = base.model.get_decoder(), base.model.get_output_embeddings()
    mask = torch.from_numpy(pack.visible())
    unseen = torch.zeros(mask.shape, dtype=base.dtype).masked_fill_(~mask, torch.finfo(base.dtype).min)
    states = body(
        input_ids=torch.from_numpy(pack.ids)[None],
        position_ids=torch.from_numpy(pack.position)[None],
        attention_mask=unseen[None, None],
        use_cache=False,
    ).last_hidden_state[0]
    total = torch.zeros(())
    at, target, weight = (torch.from_numpy(x) for x in (pack.at, pack.target, pack.weight))
    for start in range(0, len(at), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        logits = head(states[at[part]]).float()
        total = total + (torch.nn.functional.cross_entropy(logits, target[part], reduction="none") * weight[part]).sum()
    return total, float(weight.sum())


class _LowRank:
    """LoRA on the linear layers (Hu et al. 2021, arXiv 2106.09685), by peft."""

    def __init__(self, base: Base, plan: Plan) -> None:
        import torch
        from peft import LoraConfig, inject_adapter_in_model

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
        inject_adapter_in_model(config, base.model)
        for name, parameter in base.model.named_parameters():
            if "lora_" in name:
                # peft computes adapters in float32 by default, at a fifth of the speed
                parameter.data = parameter.data.to(base.dtype)
                parameter.requires_grad_(True)

    def weights(self) -> dict[str, torch.nn.Parameter]:
        return {n: p for n, p in self.base.model.named_parameters() if p.requires_grad}

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
