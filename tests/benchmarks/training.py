"""How fast a specialist is trained, against a bare loop of peft on the same rows.

The bare loop is what the documentation of peft shows: rows of one length padded to each other, the whole model's loss,
AdamW. Both learn from the same rows of the same model in the same number of steps, in turns, in one process; what is
printed is tokens a second, each example counted as if it stood alone, and their ratio.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.specialist.example import Example, Message
from tools.specialist.plan import Plan

_BATCH = 16
_STEPS = 6
_TOPICS = "invoice parcel password refund contract address battery screen delivery discount warranty booking".split()
_FORMS = (
    "Where is my {}?",
    "I still have not received anything about the {} that I asked for last week, can you look into it please",
    "How do I change the {} on my account?",
    "the {} does not work any more since yesterday and I need it for tomorrow morning",
)


def examples() -> list[Example]:
    """Messages of customers, and a label for each."""
    rows = [
        Example((Message("user", form.format(topic)),), f"{topic}_{number}")
        for topic in _TOPICS
        for number, form in enumerate(_FORMS)
    ]
    return (rows * 3)[: _BATCH * _STEPS]


def run() -> dict[str, float]:
    """Print and return tokens a second of both, and their ratio."""
    import torch

    from agent.models.catalogue import Catalogue
    from agent.models.connect import model_file, resolve
    from agent.settings import Settings
    from tools.specialist.train.base import Base, Template
    from tools.specialist.train.learner import learner
    from tools.specialist.train.loop import Loop

    plan = Plan(batch=_BATCH, epochs=1, general=0)
    read = Base.read(model_file(resolve("small", Catalogue.load()), Settings.load()))
    rows = [Template(read.tokenizer).row(example, "Name what the customer writes about.") for example in examples()]
    learns = learner(read, plan)
    tokens = sum(len(row.ids) for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(learns, plan, rows, [], Path(folder), report=lambda _: None, stop=lambda: False)
        loop.run()
        ours = loop.standing.tokens / loop.standing.seconds
    read.model.set_attn_implementation("sdpa")
    optimizer = torch.optim.AdamW(learns.weights().values(), lr=1e-4)
    random.Random(7).shuffle(rows)
    begun = time.perf_counter()
    for start in range(0, len(rows), _BATCH):
        _bare_step(read.model, optimizer, [row.ids for row in rows[start : start + _BATCH]])
    bare = tokens / (time.perf_counter() - begun)
    print(f"Kotae {ours:.0f} tokens a second, a bare peft loop {bare:.0f}: ratio {ours / bare:.2f}")
    return {"kotae": ours, "bare": bare, "ratio": ours / bare}


def _bare_step(model: Any, optimizer: Any, rows: Sequence[tuple[int, ...]]) -> None:
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    seen = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    model(input_ids=ids, attention_mask=seen, labels=ids.masked_fill(seen == 0, -100)).loss.backward()
    optimizer.step()
    optimizer.zero_grad()
