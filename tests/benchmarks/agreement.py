"""Whether an adapter says in llama.cpp what it was trained to say: `python -m tests.benchmarks agreement`.

The small model learns to sort a few questions, as a specialist does. Then peft and llama.cpp, with the adapter and
without it, read a page of the documentation in each language and some of the rows that were learned. Printed is the
share of the positions of these texts at which both think the same token the likeliest.

llama.cpp computes with quantized weights and rounds what flows between them, peft with the same weights unpacked; so
the base alone does not agree everywhere either, and a near tie falls one way or the other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.sample import DOCS
from tests.benchmarks.training import examples
from tests.tools.specialist.first_tokens import first_tokens
from tools.specialist.plan import Plan

_LENGTH = 200
"""Tokens of each text."""
_PROMPT = "Name what the customer writes about."
_PLAN = Plan(batch=16, epochs=1, general=0)


def run() -> dict[str, float]:
    """Print and return the shares: `adapter`, `base`, and `changed`, at how many positions the adapter changes what
    peft thinks."""
    from agent.models.catalogue import Catalogue
    from agent.models.connect import model_file, resolve
    from agent.settings import Settings
    from tools.specialist.train.base import Base, Template
    from tools.specialist.train.learner import learner
    from tools.specialist.train.loop import Loop

    file = model_file(resolve("small", Catalogue.load()), Settings.load())
    base = Base.read(file)
    rows = [Template(base.tokenizer).row(example, _PROMPT) for example in examples()]
    pages = [(DOCS / language / "specialists.md").read_text("utf-8") for language in ("en", "ja")]
    texts = [base.tokenizer(page)["input_ids"][:_LENGTH] for page in pages]
    texts.append([token for row in rows[:8] for token in row.ids][:_LENGTH])
    bare = _likeliest(base, texts)
    learns = learner(base, _PLAN)
    with tempfile.TemporaryDirectory() as folder:
        Loop(learns, _PLAN, rows, [], Path(folder), report=lambda _: None, stop=lambda: False).run()
        adapter = Path(folder) / "adapter.gguf"
        learns.write(adapter, "agreement")
        trained = _likeliest(base, texts)
        prompts = [text[: n + 1] for text in texts for n in range(len(text))]
        served = first_tokens(file, adapter, prompts)
        without = first_tokens(file, None, prompts)
    figures = {
        "positions": float(len(prompts)),
        "adapter": _share(trained, served),
        "base": _share(bare, without),
        "changed": 1 - _share(bare, trained),
    }
    print(
        f"{len(prompts)} positions: the same token with the adapter at {figures['adapter']:.1%}, without at "
        f"{figures['base']:.1%}; the adapter changes it at {figures['changed']:.1%}"
    )
    return figures


def _likeliest(base: Any, texts: Sequence[Sequence[int]]) -> list[int]:
    """The token that the model as peft runs it thinks the likeliest after each position."""
    import torch

    base.model.set_attn_implementation("sdpa")
    found: list[int] = []
    with torch.no_grad():
        for text in texts:
            found += base.model(torch.tensor([list(text)])).logits[0].float().argmax(-1).tolist()
    return found


def _share(one: Sequence[int], other: Sequence[int]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
