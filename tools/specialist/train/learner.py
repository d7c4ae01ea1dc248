"""What learns: low-rank adapters (peft), or the weights of the last layers. Both leave an adapter behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
_LIKELY = 64
"""Words behind a token that are remembered; all others count as one."""
_LEAST = 1e-6
_ROUND = 64
"""Sequences are filled up to a multiple of so many tokens."""


@dataclass(frozen=True)
class Said:
    """The likeliest words behind each token and their probabilities; both of shape (tokens, words)."""

    words: torch.Tensor
    shares: torch.Tensor


class Learner(Protocol):
    """A base model of which something can be learned."""

    base: Base

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is learned, by name."""

    def load(self, file: Path) -> None:
        """Take up an adapter that was written before. Raises `SpecialistError` (`base`) where it does not fit."""

    def write(self, file: Path, name: str) -> dict[str, float]:
        """Write what was learned as an adapter, and return what there is to say about it."""


def learner(base: Base, plan: Plan) -> Learner:
    """The learner that the plan names."""
    return _LowRank(base, plan) if plan.method == "lora" else _Layers(base, plan)


def learn(base: Base, pack: Pack, share: float, held: tuple[Said, float] | None = None) -> float:
    """Add `share` times the gradient of the loss of a pack to what is learned, and return that loss; see `measure`.

    `held`: what was said on the last tokens of the pack and shall still be said there, and how much that counts: the
    cross entropy with it, summed over these tokens (Li and Hoiem 2016, "Learning without forgetting", arXiv 1606.09282,
    section 3). It is not in the loss that is returned.

    The gradient of the logits, one number for each word of the vocabulary, is taken a few positions at a time: all of
    them at once would take more memory than the model.
    """
    states = _states(base, pack)
    cut = states.detach().requires_grad_(True)
    total = 0.0
    for part in _parts(base, pack, cut):
        (part * share).backward()
        total += float(part.detach())
    if held is not None:
        _hold(base, cut, len(pack.ids), *held)
    states.backward(cut.grad)
    return total


def _hold(base: Base, states: torch.Tensor, end: int, before: Said, share: float) -> None:
    head, first = base.model.get_output_embeddings(), end - len(before.words)
    for start in range(first, end, _AT_ONCE):
        stop = min(end, start + _AT_ONCE)
        part = slice(start - first, stop - first)
        now = head(states[start:stop]).float().log_softmax(-1).gather(-1, before.words[part])
        shares, others = before.shares[part], (1 - now.exp().sum(-1)).clamp(min=_LEAST).log()
        apart = (shares * now).sum() + ((1 - shares.sum(-1)) * others).sum()
        (-apart * share).backward()


def measure(base: Base, pack: Pack) -> float:
    """The summed cross entropy of the answers of a pack, in nats.

    Logits are computed only where an answer is learned: for a vocabulary of 150,000 they are a third of the work.
    """
    import torch

    with torch.no_grad():
        return sum(float(part) for part in _parts(base, pack, _states(base, pack)))


def said(base: Base, pack: Pack) -> Said:
    """What the model says behind every token of a pack: the likeliest words and their probabilities."""
    import torch

    head, words, shares = base.model.get_output_embeddings(), [], []
    with torch.no_grad():
        states = _states(base, pack)[: len(pack.ids)]
        for start in range(0, len(states), _AT_ONCE):
            likely = head(states[start : start + _AT_ONCE]).float().softmax(-1)
            likely = likely.topk(min(_LIKELY, likely.shape[-1]))
            words.append(likely.indices)
            shares.append(likely.values)
    return Said(torch.cat(words), torch.cat(shares))


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

    def load(self, file: Path) -> None:
        import torch

        pairs = self._pairs()
        found = adapter.read(file, pairs, config=self.base.model.config)
        with torch.no_grad():
            for weight, into in pairs.items():
                for parameter, factor in zip(into, found[weight], strict=True):
                    if tuple(parameter.shape) != factor.shape:
                        raise adapter.other_form(file)
                    parameter.copy_(torch.from_numpy(factor))

    def write(self, file: Path, name: str) -> dict[str, float]:
        found = {weight: (_array(a), _array(b)) for weight, (a, b) in self._pairs().items()}
        adapter.write(file, found, alpha=self._alpha, config=self.base.model.config, name=name)
        return {}

    def _pairs(self) -> dict[str, tuple[torch.nn.Parameter, torch.nn.Parameter]]:
        """The two factors of each weight, by its name."""
        weights = self.weights()
        firsts = [name for name in weights if ".lora_A." in name]
        return {n.partition(".lora_A.")[0]: (weights[n], weights[n.replace(".lora_A.", ".lora_B.")]) for n in firsts}


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

    def load(self, file: Path) -> None:
        raise adapter.other_form(file)  # what an adapter keeps of changed layers is less than they were

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
