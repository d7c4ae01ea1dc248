from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from adapter_files import TINY, write_adapter, write_model

from agent.errors import ModelMissing, ModelUnusable
from agent.models.adapters import Adapter, check
from agent.models.embedded import inspect
from tools.gguf import read_head

Tensors = dict[str, np.ndarray]


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_an_adapter_of_the_model_fits(tmp_path: Path, architecture: str) -> None:
    model = write_model(tmp_path / "base.gguf", architecture)
    adapter = write_adapter(tmp_path / "adapter.gguf", TINY, architecture=architecture)
    check(adapter, model, inspect(model))


def test_the_head_tells_the_shapes(tmp_path: Path) -> None:
    head = read_head(write_adapter(tmp_path / "adapter.gguf", {"blk.0.attn_v.weight": (8, 4)}, rank=2))
    assert (head.kind, head.adapter) == ("adapter", "lora")
    assert head.tensors == {"blk.0.attn_v.weight.lora_a": (8, 2), "blk.0.attn_v.weight.lora_b": (2, 4)}


def refusal(tmp_path: Path, adapter: Path) -> str:
    model = write_model(tmp_path / "base.gguf")
    with pytest.raises(ModelUnusable) as caught:
        check(adapter, model, inspect(model))
    line = str(caught.value)
    assert "\n" not in line
    assert str(adapter) in line
    return line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.clear(), "it changes nothing"),
        (lambda t: t.pop("blk.0.attn_q.weight.lora_b"), "half of blk.0.attn_q.weight is missing"),
        (
            lambda t: t.update({"blk.0.attn_norm.weight": np.zeros(8, np.float32)}),
            "blk.0.attn_norm.weight is no part of an adapter",
        ),
        (lambda t: t.update({"blk.9.attn_q.weight.lora_a": np.zeros((4, 8), np.float32)}), "no blk.9.attn_q.weight"),
        (
            lambda t: t.update({"blk.0.attn_q.weight.lora_a": np.zeros((4, 9), np.float32)}),
            "blk.0.attn_q.weight has another shape",
        ),
        (
            lambda t: t.update({"blk.0.attn_v.weight.lora_b": np.zeros((4, 3), np.float32)}),
            "blk.0.attn_v.weight has another shape",
        ),
        (
            lambda t: t.update({"token_embd.weight.lora_a": np.zeros((4, 8), np.float32)}),
            "token_embd.weight has another shape",
        ),
        (lambda t: t.update({"blk.0.attn_q.weight.lora_a": np.zeros(8, np.float32)}), "is no matrix"),
    ],
    ids=["empty", "half", "no part", "no such layer", "wider", "other rank", "the wrong way round", "vector"],
)
def test_an_adapter_of_another_model_is_refused(tmp_path: Path, change: Callable[[Tensors], None], told: str) -> None:
    assert told in refusal(tmp_path, write_adapter(tmp_path / "adapter.gguf", TINY, change=change))


def test_an_adapter_of_another_architecture(tmp_path: Path) -> None:
    line = refusal(tmp_path, write_adapter(tmp_path / "adapter.gguf", TINY, architecture="llama"))
    assert "'llama'" in line
    assert "base.gguf is of 'qwen2'" in line


def test_a_model_is_no_adapter(tmp_path: Path) -> None:
    assert "is not a LoRA adapter" in refusal(tmp_path, write_model(tmp_path / "other.gguf"))


@pytest.mark.parametrize("bytes_left", [0, 3, 200, -1])
def test_a_cut_file(tmp_path: Path, bytes_left: int) -> None:
    path = write_adapter(tmp_path / "adapter.gguf", TINY)
    path.write_bytes(path.read_bytes()[:bytes_left])
    assert "is not a usable adapter" in refusal(tmp_path, path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="There is no adapter"):
        Adapter.of(tmp_path / "adapter.gguf")


def test_a_replaced_file_is_another_adapter(tmp_path: Path) -> None:
    path = write_adapter(tmp_path / "adapter.gguf", TINY)
    before = Adapter.of(path)
    assert Adapter.of(path) == before
    write_adapter(tmp_path / "new.gguf", TINY, seed=1).replace(path)
    assert Adapter.of(path) != before
