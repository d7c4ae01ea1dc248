"""A language model of some thousand random weights in a real GGUF file: small enough to train and serve in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import gguf
import numpy as np

Architecture = Literal["qwen2", "llama"]
HIDDEN, LAYERS, HEADS, KV_HEADS, INNER = 64, 2, 4, 2, 128
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def write(file: Path, architecture: Architecture, *, seed: int = 0) -> Path:
    """Write the model to `file`."""
    rng = np.random.default_rng(seed)
    tokens, kinds = _vocabulary()
    width = HIDDEN // HEADS
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_type("model")
    writer.add_name("tiny")
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h", "th e"])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def put(name: str, *shape: int, scale: float = 0.2) -> None:
        writer.add_tensor(name, (rng.standard_normal(shape) * scale).astype(np.float32))

    put("token_embd.weight", len(tokens), HIDDEN, scale=0.5)
    put("output.weight", len(tokens), HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for n in range(LAYERS):
        block = f"blk.{n}"
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{norm}.weight", np.ones(HIDDEN, np.float32))
        put(f"{block}.attn_q.weight", HIDDEN, HIDDEN)
        put(f"{block}.attn_k.weight", KV_HEADS * width, HIDDEN)
        put(f"{block}.attn_v.weight", KV_HEADS * width, HIDDEN)
        put(f"{block}.attn_output.weight", HIDDEN, HIDDEN)
        if architecture == "qwen2":
            put(f"{block}.attn_q.bias", HIDDEN)
            put(f"{block}.attn_k.bias", KV_HEADS * width)
            put(f"{block}.attn_v.bias", KV_HEADS * width)
        put(f"{block}.ffn_gate.weight", INNER, HIDDEN)
        put(f"{block}.ffn_up.weight", INNER, HIDDEN)
        put(f"{block}.ffn_down.weight", HIDDEN, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _vocabulary() -> tuple[list[str], list[int]]:
    """The 256 bytes as byte-level BPE writes them, two merges, and the marks of the chat template."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    letters = {**{b: chr(b) for b in plain}, **{b: chr(256 + n) for n, b in enumerate(rest)}}
    tokens = [letters[b] for b in range(256)] + ["th", "the"]
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return tokens + marks, [int(gguf.TokenType.NORMAL)] * len(tokens) + [int(gguf.TokenType.CONTROL)] * len(marks)
