"""While something is learned, other texts hold the model to what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_base
import torch

from tools.specialist.example import Example, Message
from tools.specialist.plan import Method, Plan
from tools.specialist.train.base import Base, Template
from tools.specialist.train.learner import Learner, hold, learn, learner, measure
from tools.specialist.train.loop import Loop
from tools.specialist.train.packing import Pack, Row, pack

TEXTS = [Example((Message("system", "Answer."), Message("user", f"What is {n}?")), f"It is {n}.") for n in range(12)]
ROWS = [Example((Message("user", f"say {word}"),), word * 3) for word in "the cat sat on a mat by you and me".split()]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base.write(tmp_path_factory.mktemp("base") / "tiny.gguf", "qwen2")


def rows(base: Base, examples: list[Example]) -> list[Row]:
    template = Template(base.tokenizer)
    return [template.row(example, "Repeat.") for example in examples]


def trained(file: Path, work: Path, method: Method, replay: float) -> tuple[Learner, Pack, float]:
    """What has learned `ROWS`, the packed `TEXTS`, and the loss that is left."""
    base = Base.read(file)
    plan = Plan(method=method, rank=4, alpha=8, epochs=12, batch=5, learning_rate=5e-3, longest=256, replay=replay)
    learns, work = learner(base, plan), work / f"{method}-{replay}"
    work.mkdir()
    kept = rows(base, TEXTS) if replay else []
    loop = Loop(learns, plan, rows(base, ROWS), [], work, kept=kept, report=lambda _: None, stop=lambda: False)
    loop.run()
    return learns, pack(rows(base, TEXTS)), measure(base, pack(rows(base, ROWS)))


def apart(learns: Learner, texts: Pack) -> float:
    """Nats a token from the base model."""
    found = hold(learns, texts, 1.0) / len(texts.ids)
    for weight in learns.weights().values():
        weight.grad = None
    return found


@pytest.mark.parametrize("method", ["lora", "layers"])
def test_what_has_learned_nothing_is_where_it_was(file: Path, method: Method) -> None:
    base = Base.read(file)
    learns = learner(base, Plan(method=method, rank=4))
    texts = pack(rows(base, TEXTS))
    assert hold(learns, texts, 1.0) == pytest.approx(0.0, abs=1e-3)
    assert all(w.grad is None or float(w.grad.abs().max()) < 1e-3 for w in learns.weights().values())


@pytest.mark.parametrize("method", ["lora", "layers"])
def test_held_it_learns_too_and_stays_nearer(file: Path, tmp_path: Path, method: Method) -> None:
    loose, texts, learned = trained(file, tmp_path, method, 0.0)
    held, _, learned_held = trained(file, tmp_path, method, 1.0)
    assert apart(held, texts) < 0.75 * apart(loose, texts)
    untrained = measure(Base.read(file), pack(rows(loose.base, ROWS)))
    assert max(learned, learned_held) < 0.5 * untrained


@pytest.mark.parametrize("method", ["lora", "layers"])
def test_silent_it_is_the_base_and_afterwards_itself(file: Path, method: Method) -> None:
    base = Base.read(file)
    learns, some = learner(base, Plan(method=method, rank=4)), pack(rows(base, ROWS))
    before = measure(base, some)
    for weight in learns.weights().values():
        torch.nn.init.normal_(weight, std=1.0)
    after = measure(base, some)
    assert after != pytest.approx(before, rel=1e-2)
    with learns.silent():
        assert measure(base, some) == pytest.approx(before, rel=1e-6)
    assert measure(base, some) == after
    with pytest.raises(RuntimeError), learns.silent():
        raise RuntimeError
    assert measure(base, some) == after


def test_the_gradient_leads_back_to_the_base(file: Path) -> None:
    base = Base.read(file)
    learns, texts = learner(base, Plan(rank=4)), pack(rows(base, TEXTS))
    learn(base, pack(rows(base, ROWS)), 1.0)
    with torch.no_grad():
        for weight in learns.weights().values():
            weight -= 2e-3 * weight.grad  # type: ignore[operator]
            weight.grad = None
    far = hold(learns, texts, 1.0)
    norm = sum(float(w.grad.square().sum()) for w in learns.weights().values() if w.grad is not None)
    assert norm > 0
    with torch.no_grad():
        for weight in learns.weights().values():
            if weight.grad is not None:
                weight -= 0.3 * far / norm * weight.grad
    assert hold(learns, texts, 1.0) < far
