from __future__ import annotations

import torch
from peft import LoraConfig, inject_adapter_in_model

from tools.specialist.train.fused import FusedLora


def _layer(*, fused: bool) -> torch.nn.Module:
    torch.manual_seed(3)
    model = torch.nn.Sequential(torch.nn.Linear(12, 20))
    config = LoraConfig(r=4, lora_alpha=12, target_modules=["0"], init_lora_weights=False)
    if fused:
        config._register_custom_module({torch.nn.Linear: FusedLora})
    torch.manual_seed(4)
    return inject_adapter_in_model(config, model)


def test_the_fused_layer_and_its_gradients_are_those_of_peft() -> None:
    x = torch.randn(2, 5, 12)
    found = []
    for fused in (False, True):
        model = _layer(fused=fused)
        assert isinstance(model[0], FusedLora) == fused  # type: ignore[index]
        given = x.clone().requires_grad_(True)
        out = model(given)
        out.square().sum().backward()
        learned = [p.grad for n, p in model.named_parameters() if "lora_" in n]
        found.append((out.detach(), given.grad, *learned))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*found, strict=True))
