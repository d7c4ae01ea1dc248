"""The real llama.cpp, asked for the token that it puts after each of many prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx


def first_tokens(
    base: Path, adapter: Path | None, prompts: Sequence[Sequence[int]], *, context: int = 512
) -> list[int]:
    """The likeliest token after each prompt of up to 500 tokens. What it shares with the one before is read once."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(base)
    params.n_ctx, params.n_parallel, params.hostnames, params.port, params.verbosity = 512, 1, ["127.0.0.1"], 0, 0
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.fit_params = False
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    with httpx.Client(base_url=server.listening_address, trust_env=False, timeout=120) as client:
        found = []
        for prompt in prompts:
            body = {"prompt": list(prompt), "n_predict": 1, "temperature": 0, "return_tokens": True}
            reply = client.post("/completion", json=body)
            found.append(reply.raise_for_status().json()["tokens"][0])
    del server
    return found
