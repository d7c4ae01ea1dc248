"""While something is learned, other texts hold the model to what it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import tiny_base
import torch

from tools.specialist.example import Example, Message
from tools.specialist.plan import Method, Plan
from tools.specialist.train.base import Base, Template
from tools.specialist.train.learner import Learner, learn, learner, measure, said
from tools.specialist.train.loop import Loop
from tools.specialist.train.packing import Pack, Row, beside, pack

TEXTS = [Example((Message("system", "Answer."), Message("user", f"What is {n}?")), f"It is {n}.") for n in range(12)]
ROWS = [Example((Message("user", f"say {word}"),), word * 3) for word in "the cat sat on a mat by you and me".split()]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base.write(tmp_path_factory.mktemp("base") / "tiny.gguf", "qwen2")


def rows(base: Base, examples: list[Example]) -> list[Row]:
    template = Template(base.tokenizer)
    return [template.row(example, "Repeat.") for example in examples]


def trained(file: Path, work: Path, method: Method, general: float) -> tuple[Learner, Pack, float]:
    """What has learned `ROWS`, the packed `TEXTS`, and the loss that is left."""
    base = Base.read(file)
    plan = Plan(method=method, rank=4, alpha=8, epochs=12, batch=5, learning_rate=5e-3, longest=256, general=general)
    learns, work = learner(base, plan), work / f"{method}-{general}"
    work.mkdir()
    texts = rows(base, TEXTS) if general else []
    loop = Loop(learns, plan, rows(base, ROWS), [], work, general=texts, report=lambda _: None, stop=lambda: False)
    loop.run()
    return learns, pack(rows(base, TEXTS)), measure(base, pack(rows(base, ROWS)))


def apart(learns: Learner, texts: Pack, file: Path) -> float:
    """Nats a token by which less is said of what the base says."""
    before = said(Base.read(file), texts)
    now = said(learns.base, texts)
    both = [dict(zip(w.tolist(), s.tolist(), strict=True)) for w, s in zip(now.words, now.shares, strict=True)]
    total = 0.0
    for words, shares, mine in zip(before.words.tolist(), before.shares.tolist(), both, strict=True):
        total += sum(p * math.log(p / max(mine.get(w, 0.0), 1e-6)) for w, p in zip(words, shares, strict=True) if p > 0)
    return total / len(texts.ids)


@pytest.mark.parametrize("method", ["lora", "layers"])
def test_held_it_learns_too_and_stays_nearer(file: Path, tmp_path: Path, method: Method) -> None:
    loose, texts, learned = trained(file, tmp_path, method, 0.0)
    held, _, learned_held = trained(file, tmp_path, method, 1.0)
    assert apart(held, texts, file) < 0.75 * apart(loose, texts, file)
    untrained = measure(Base.read(file), pack(rows(loose.base, ROWS)))
    assert max(learned, learned_held) < 0.5 * untrained


def test_where_it_was_nothing_pulls(file: Path) -> None:
    base = Base.read(file)
    learns, some, texts = learner(base, Plan(rank=4)), pack(rows(base, ROWS)), pack(rows(base, TEXTS))
    found = []
    for held in (None, (said(base, texts), 1.0)):
        loss = learn(base, some if held is None else beside(some, texts), 1.0, held)
        found.append((loss, [w.grad.clone() for w in learns.weights().values() if w.grad is not None]))
        for weight in learns.weights().values():
            weight.grad = None
    (alone, gradients), (together, pulled) = found
    assert together == pytest.approx(alone, rel=0.02), "what stands beside is not learned, and is not seen"
    for one, other in zip(gradients, pulled, strict=True):
        assert torch.allclose(one.float(), other.float(), atol=0.05 * float(one.abs().max()) + 1e-3)


def test_where_it_has_gone_the_gradient_leads_back(file: Path) -> None:
    base = Base.read(file)
    learns, some, texts = learner(base, Plan(rank=4)), pack(rows(base, ROWS)[:1]), pack(rows(base, TEXTS))
    before = said(base, texts)
    for name, weight in learns.weights().items():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    far = apart(learns, texts, file)
    for _ in range(30):
        learn(base, beside(some, texts), 0.0, (before, 1 / len(texts.ids)))
        with torch.no_grad():
            for weight in learns.weights().values():
                if weight.grad is not None:
                    weight -= 0.05 * weight.grad / weight.grad.norm().clamp(min=1e-6)
                    weight.grad = None
    assert apart(learns, texts, file) < 0.8 * far
