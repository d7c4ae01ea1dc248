"""Training for real, in its own process, on a tiny model, and its adapter in the real llama.cpp."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_base
import torch
from first_tokens import first_tokens
from tiny_base import Architecture

from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example, Message
from tools.specialist.plan import Method, Outcome, Plan, Progress
from tools.specialist.train import run, train
from tools.specialist.train.base import Base, Template, fast_bfloat16
from tools.specialist.train.learner import learner
from tools.specialist.train.memory import memory_need

ROWS = [Example((Message("user", f"say {word}"),), word * 2) for word in "the cat sat on a mat by you and me".split()]
PLAN = Plan(rank=4, alpha=8, epochs=6, batch=5, learning_rate=5e-3, looks=1, longest=128)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base.write(tmp_path_factory.mktemp("base") / "tiny.gguf", "qwen2")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, list[Progress]]:
    told: list[Progress] = []
    outcome = train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path_factory.mktemp("work"), progress=told.append)
    return outcome, told


def test_a_training_learns_and_tells_how_far_it_is(trained: tuple[Outcome, list[Progress]]) -> None:
    outcome, told = trained
    assert [p.step for p in told] == list(range(1, told[-1].step + 1))
    assert told[-1].loss < 0.8 * told[0].loss
    assert outcome.validation == min(p.validation for p in told if p.validation is not None)
    assert outcome.tokens == told[-1].tokens > 0
    assert told[0].seconds_left >= told[-1].seconds_left
    assert outcome.parameters == sum(4 * sum(shape) for shape in _shapes())


def _shapes() -> list[tuple[int, int]]:
    """(in, out) of every linear layer."""
    hidden, kv, inner = tiny_base.HIDDEN, tiny_base.HIDDEN // 2, tiny_base.INNER
    block = [(hidden, hidden), (hidden, kv), (hidden, kv), (hidden, hidden), (hidden, inner), (hidden, inner)]
    return [*block, (inner, hidden)] * tiny_base.LAYERS


@pytest.mark.parametrize("method", ["lora", "layers"])
@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_the_adapter_says_in_llama_cpp_what_was_trained(
    architecture: Architecture, tmp_path: Path, method: Method
) -> None:
    rng = np.random.default_rng(5)
    base = tiny_base.write(tmp_path / "tiny.gguf", architecture)
    whole = Base.read(base)
    whole.model.float()  # so that nothing but the adapter can differ
    whole.dtype = torch.float32
    learns = learner(whole, Plan(method=method, rank=64, alpha=64, layers=1 if method == "layers" else 0))
    with torch.no_grad():
        for name, weight in learns.weights().items():
            change = torch.from_numpy(rng.standard_normal(weight.shape).astype(np.float32)).to(weight.dtype)
            weight.copy_(change * 0.1 if "lora" in name else weight + change * 0.2)
    told = learns.write(tmp_path / "adapter.gguf", "tiny")
    assert method == "lora" or told["kept"] > 0.99
    text = [int(x) for x in rng.integers(0, 256, 60)]
    with torch.no_grad():
        whole.model.set_attn_implementation("sdpa")
        logits = whole.model(torch.tensor([text])).logits[0].float()
    wanted = logits.argmax(-1).tolist()
    prompts = [text[: n + 1] for n in range(len(text))]
    agree = np.mean(np.array(first_tokens(base, tmp_path / "adapter.gguf", prompts)) == np.array(wanted))
    bare = np.mean(np.array(first_tokens(base, None, prompts)) == np.array(wanted))
    assert agree >= 0.95  # of 60 positions; two near ties may fall otherwise, since llama.cpp rounds otherwise
    assert bare < 0.7


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_an_adapter_is_taken_up_as_it_was_written(architecture: Architecture, tmp_path: Path) -> None:
    base = tiny_base.write(tmp_path / "tiny.gguf", architecture)
    first, file = learner(Base.read(base), Plan(rank=4)), tmp_path / "adapter.gguf"
    rng = np.random.default_rng(5)
    with torch.no_grad():
        for weight in first.weights().values():
            weight.copy_(torch.from_numpy(rng.standard_normal(weight.shape).astype(np.float32)))
    first.write(file, "tiny")
    second = learner(Base.read(base), Plan(rank=4))
    second.load(file)
    for name, weight in second.weights().items():
        assert torch.equal(weight, first.weights()[name]), name
    for plan in (Plan(rank=8), Plan(rank=4, layers=1), Plan(method="layers")):
        with pytest.raises(SpecialistError, match=r"leave --rank, --layers and --method as they were"):
            learner(Base.read(base), plan).load(file)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no adapter")
    with pytest.raises(SpecialistError, match="cannot be read as an adapter"):
        second.load(bad)


def test_a_training_continues_an_adapter(base: Path, trained: tuple[Outcome, list[Progress]], tmp_path: Path) -> None:
    outcome, before = trained
    told: list[Progress] = []
    train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path, initial=outcome.adapter, progress=told.append)
    assert told[0].loss < 0.8 * before[0].loss, "it begins where the other ended"


def test_rows_are_written_as_the_chat_template_asks(base: Path) -> None:
    tokenizer = Base.read(base).tokenizer
    row = Template(tokenizer).row(ROWS[0], "Repeat.")
    said = "<|im_start|>system\nRepeat.<|im_end|>\n<|im_start|>user\nsay the<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(row.prompt) == said
    assert tokenizer.decode(row.answer) == "thethe<|im_end|>"


def test_a_stopped_training_goes_on_where_it_was(base: Path, tmp_path: Path) -> None:
    whole = train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path / "whole")
    stop = threading.Event()
    told: list[Progress] = []

    def progress(now: Progress) -> None:
        told.append(now)
        if now.step == 3:
            stop.set()

    with pytest.raises(SpecialistError, match=r"stopped after step \d+; start it again") as stopped:
        train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path / "work", progress=progress, stop=stop)
    assert stopped.value.reason == "stopped"
    again: list[Progress] = []
    outcome = train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path / "work", progress=again.append)
    assert again[0].step == told[-1].step + 1
    assert outcome.resumed == 1
    assert outcome.steps == whole.steps
    assert outcome.tokens == whole.tokens
    assert outcome.loss == pytest.approx(whole.loss, rel=0.02)
    # done is done: the same training again costs nothing
    assert train(base, ROWS, ROWS[:3], "Repeat.", PLAN, tmp_path / "work", progress=_never) == outcome


def _never(progress: Progress) -> None:
    raise AssertionError(progress)


def test_other_examples_begin_anew(base: Path, tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"epochs": 1})
    first = train(base, ROWS, [], "", plan, tmp_path / "work")
    told: list[Progress] = []
    train(base, ROWS[1:], [], "", plan, tmp_path / "work", progress=told.append)
    assert told[0].step == 1
    assert first.resumed == 0


def test_a_killed_training_says_what_to_do(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[run.subprocess.Popen[str]] = []
    begin = run.subprocess.Popen

    def remember(*args: object, **kwargs: object) -> object:
        started.append(begin(*args, **kwargs))  # type: ignore[call-overload]
        return started[-1]

    monkeypatch.setattr(run.subprocess, "Popen", remember)
    with pytest.raises(SpecialistError, match=r"killed, most likely for lack of memory.*goes on") as failed:
        train(base, ROWS, [], "", PLAN, tmp_path, progress=lambda _: started[0].kill())
    assert failed.value.reason == "failed"


@pytest.mark.parametrize(
    ("plan", "rows", "says"),
    [
        (PLAN.model_copy(update={"longest": 64}), [Example((Message("user", "a" * 80),), "b")], "Example 1 has"),
        (PLAN, [], "no example is left"),
    ],
)
def test_examples_that_cannot_be_learned_are_named(
    base: Path, tmp_path: Path, plan: Plan, rows: list[Example], says: str
) -> None:
    with pytest.raises(SpecialistError, match=says) as failed:
        train(base, rows, [], "", plan, tmp_path)
    assert failed.value.reason == "data"
    assert "\n" not in str(failed.value)


def test_a_missing_package_is_named(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_spec", lambda name: None if name == "peft" else object())
    with pytest.raises(SpecialistError, match=r"\(peft\): run `pip install 'kotae\[train\]'`"):
        train(base, ROWS, [], "", PLAN, tmp_path)


def test_a_checkpoint_is_no_pickle(base: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with pytest.raises(SpecialistError):
        train(base, ROWS, [], "", PLAN, tmp_path / "w", progress=lambda p: stop.set(), stop=stop)
    kept = {file.name for file in (tmp_path / "w").iterdir()}
    assert "checkpoint.safetensors" in kept
    assert not any(b"\x80\x02}" in file.read_bytes()[:64] for file in (tmp_path / "w").iterdir())
    assert json.loads((tmp_path / "w" / "job.json").read_text("utf-8"))["plan"]["rank"] == 4


def test_bfloat16_only_where_the_processor_has_it(tmp_path: Path) -> None:
    described = tmp_path / "cpuinfo"
    described.write_text("processor : 0\nflags : fpu avx512f avx512_bf16\n")
    assert fast_bfloat16(described)
    described.write_text("processor : 0\nflags : fpu avx2\n")
    assert not fast_bfloat16(described)
    assert not fast_bfloat16(tmp_path / "missing")


def test_too_little_memory_is_told_before_anything_begins(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run.psutil, "virtual_memory", lambda: SimpleNamespace(available=400_000_000))
    with pytest.raises(SpecialistError, match=r"takes 0\.\d GB of memory, and 0\.4 GB are free: close") as refused:
        train(base, ROWS, [], "", PLAN, tmp_path / "work")
    assert refused.value.reason == "memory"
    assert not (tmp_path / "work").exists()


def test_memory_grows_with_the_model_the_sequence_and_what_is_learned(base: Path, tmp_path: Path) -> None:
    least = memory_need(base, PLAN)
    assert memory_need(base, PLAN.model_copy(update={"longest": 4096})) > least
    assert memory_need(base, PLAN.model_copy(update={"rank": 64})) > least
    assert memory_need(base, PLAN, number=4) > least
    (tmp_path / "none.gguf").write_bytes(b"GGUF")
    with pytest.raises(SpecialistError, match=r"none\.gguf cannot be trained, it is .*--base"):
        memory_need(tmp_path / "none.gguf", PLAN)
