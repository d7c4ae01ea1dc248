from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf_files import ADAPTER, FACTORS, LLAMA, adapter, gguf
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.gguf import Adapter, NotGguf, read_adapter, read_head

Write = Callable[[bytes], Path]


def test_the_head_of_a_plain_model(write: Write) -> None:
    head = read_head(write(gguf()))
    assert (head.architecture, head.kind, head.parts, head.chat) == ("llama", "model", 1, True)
    assert (head.layers, head.context, head.vocabulary, head.embedding) == (2, 2048, 3, 64)
    assert head.kv_values == 2 * 2 * (16 + 16)


@pytest.mark.parametrize(
    ("change", "kv_values"),
    [
        ({"llama.attention.key_length": 32, "llama.attention.value_length": 8}, 2 * 2 * 40),
        ({"llama.attention.head_count_kv": [2, 0]}, 2 * 32),
        ({"llama.attention.kv_lora_rank": 24, "llama.rope.dimension_count": 8}, 2 * 32),
    ],
    ids=["own head widths", "layers without attention", "latent attention"],
)
def test_what_a_token_leaves_in_the_cache(write: Write, change: dict[str, Any], kv_values: int) -> None:
    assert read_head(write(gguf(LLAMA | change))).kv_values == kv_values


def test_without_head_count_kv_every_head_is_cached(write: Write) -> None:
    pairs = {key: value for key, value in LLAMA.items() if not key.endswith("_kv")}
    assert read_head(write(gguf(pairs))).kv_values == 2 * 4 * 32


def test_an_adapter_and_a_missing_template_are_told(write: Write) -> None:
    head = read_head(write(gguf({"general.type": "adapter", "general.architecture": "llama"})))
    assert (head.kind, head.chat) == ("adapter", False)
    assert read_head(write(adapter())).adapter == "lora"
    assert read_head(write(adapter())).tensors == FACTORS


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 and so on", "not a GGUF"),
        (b"GGUF", "damaged"),
        (gguf()[:100], "damaged"),
        (gguf()[:-1], "cut off"),
        (gguf(version=99), "version 99"),
        (b"GGUF" + b"\x03\0\0\0" + b"\xff" * 16, "damaged"),
        (b"GGUF" + b"\x03\0\0\0" + b"\0" * 8 + b"\x01" + b"\0" * 7 + b"\xff" * 8, "damaged"),
    ],
    ids=["empty", "pdf", "magic only", "in the head", "in the weights", "version", "counts", "length of a key"],
)
def test_what_is_no_whole_gguf_file(write: Write, content: bytes, told: str) -> None:
    with pytest.raises(NotGguf, match=told):
        read_head(write(content))


@settings(max_examples=200, deadline=None)
@given(at=st.integers(4, 300), noise=st.binary(min_size=1, max_size=12))
def test_damage_raises_nothing_else(tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes) -> None:
    content = bytearray(gguf())
    content[at : at + len(noise)] = noise
    path = tmp_path_factory.getbasetemp() / "noise.gguf"
    path.write_bytes(content)
    try:
        head = read_head(path)
    except NotGguf:
        return
    assert head.layers >= 0
    assert head.kv_values >= 0


def test_an_adapter_is_read_with_rank_and_scale(write: Write) -> None:
    assert read_adapter(write(adapter())) == Adapter("llama", 32.0, 4, 1)
    looked_up = {"token_embd.weight.lora_a": (8, 100), "token_embd.weight.lora_b": (8, 64)}
    assert read_adapter(write(adapter(tensors=FACTORS | looked_up))) == Adapter("llama", 32.0, 8, 2)


Q = "blk.0.attn_q.weight"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (gguf(), "no LoRA adapter"),
        (adapter(ADAPTER | {"adapter.type": "ia3"}), "no LoRA adapter"),
        (adapter({k: v for k, v in ADAPTER.items() if "alpha" not in k}), "without its scale"),
        (adapter(ADAPTER | {"adapter.lora.alpha": float("nan")}), "without its scale"),
        (adapter(ADAPTER | {"general.architecture": ""}), "its architecture"),
        (adapter(tensors={}), "in pairs"),
        (adapter(tensors={f"{Q}.lora_a": (64, 4)}), "in pairs"),
        (adapter(tensors=FACTORS | {"output.weight": (8, 8)}), "in pairs"),
        (adapter(tensors={f"{Q}.lora_a": (64, 4), f"{Q}.lora_b": (8, 64)}), "fit each other"),
        (adapter(tensors={f"{Q}.lora_a": (64, 0), f"{Q}.lora_b": (0, 64)}), "fit each other"),
        (adapter(tensors={f"{Q}.lora_a": (64,), f"{Q}.lora_b": (4, 64)}), "fit each other"),
        (adapter(kind=77), "unknown kind"),
        (adapter()[:-1], "cut off"),
    ],
)
def test_what_is_no_adapter_that_could_be_loaded(write: Write, content: bytes, told: str) -> None:
    with pytest.raises(NotGguf, match=told):
        read_adapter(write(content))
