"""What it costs that three specialists speak in turns with their base model.

Four voices, each with a system prompt of its own, are asked in turns: by the model alone, which has read all four
prompts; by the model and three adapters in alternation; and by the same in blocks, one voice after the other. All take
the same prompts and write as many tokens, for the adapters are so weak that they change nothing that is said. Both
servers are loaded, and every round is asked of all three, so that whatever else the machine does slows all of them;
where it does much, the processor's own time (`cpu`) is the better measure. What an adapter computes itself is in
`blocks` too: `alternating` against `blocks` is what switching costs.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.models.catalogue import Catalogue
from agent.models.chat import ChatModel, Meter
from agent.models.connect import model_file, resolve
from agent.models.embedded import EmbeddedServer
from agent.models.memory import KV_BYTES
from agent.models.served import Served
from agent.settings import Settings
from tools.gguf import read_head

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "agent" / "models"))

from adapter_files import write_adapter

_CONTEXT = 4096
_TOKENS = 12
_RANK = 16
_VOICES = 4
_LINEAR = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_TRADES = ("museum", "railway", "bakery", "library")
_QUESTIONS = (
    "When do you open?", "Where are you?", "Who is in charge?", "How do I get there?", "What does it cost?",
    "May I bring a dog?", "Is there a garden?", "Do you take cards?", "Is it open on Sunday?", "Can I call you?",
)  # fmt: skip


@dataclass
class Course:
    """How long the requests of one course took, and what was read for them."""

    seconds: float = 0.0
    cpu: float = 0.0
    meter: Meter = field(default_factory=Meter)

    async def ask(self, model: ChatModel, messages: list[BaseMessage], adapter: Path | None) -> None:
        began, computed = time.perf_counter(), time.process_time()
        await model.write(messages, max_tokens=_TOKENS, meter=self.meter, adapter=adapter)
        self.seconds += time.perf_counter() - began
        self.cpu += time.process_time() - computed


async def run(name: str | None, limit: int | None) -> dict[str, Any]:
    """`limit` rounds (10 by default) with short prompts and with prompts of about 400 tokens; then the memory."""
    path = base_file(name)
    with tempfile.TemporaryDirectory(prefix="kotae-switching-") as folder:
        adapters = write_adapters(path, Path(folder), _VOICES - 1, strength=1e-4)
        figures = _told({"model": path.name, "rank": _RANK})
        for kind, lines in (("short", 1), ("long", 24)):
            course = await _courses(path, adapters, lines, limit)
            figures |= _told({f"{kind}_{key}": value for key, value in course.items()})
        figures |= _told(_memory(path, adapters, 6 * (limit or len(_QUESTIONS))))
    return {"figures": figures}


def _told(figures: dict[str, Any]) -> dict[str, Any]:
    for key, value in figures.items():
        print(f"{key:34} {value}", flush=True)
    return figures


def base_file(name: str | None) -> Path:
    settings = Settings.load(model=name or "small")
    return model_file(resolve(settings.model, Catalogue.load()), settings)


def write_adapters(base: Path, folder: Path, count: int, *, strength: float) -> list[Path]:
    """Adapters of random numbers for all linear layers, as large as trained ones."""
    head = read_head(base)
    shapes = {
        name: (shape[0], shape[1])
        for name, shape in head.tensors.items()
        if name.startswith("blk.") and name.split(".")[2] in _LINEAR and name.endswith("weight")
    }
    given: dict[str, Any] = {
        "architecture": head.architecture,
        "rank": _RANK,
        "strength": strength,
        "numbers": np.float16,
    }
    return [write_adapter(folder / f"voice{n}.gguf", shapes, n, **given) for n in range(1, count + 1)]


def chat(path: Path) -> ChatModel:
    server = EmbeddedServer(path, threads=Settings.load().threads, context=_CONTEXT)

    def connect() -> Served:
        server.start()
        return Served(server, path.stem, path.parent / "prompts")

    return ChatModel(connect)


async def _courses(path: Path, adapters: list[Path], lines: int, limit: int | None) -> dict[str, Any]:
    alone, both = chat(path), chat(path)
    voices = [None, *adapters]
    courses = {"alone": Course(), "alternating": Course(), "blocks": Course()}
    try:
        await both.warm(adapters)
        for voice in range(_VOICES):  # each reads its own prompt once, which is not counted
            await Course().ask(alone, _prompt(voice, lines, "Hello."), None)
            await Course().ask(both, _prompt(voice, lines, "Hello."), voices[voice])
        for first in range(0, limit or len(_QUESTIONS), 2):
            questions = [_QUESTIONS[n % len(_QUESTIONS)] for n in (first, first + 1)]
            turns = [(question, voice) for question in questions for voice in range(_VOICES)]
            for question, voice in turns:
                await courses["alone"].ask(alone, _prompt(voice, lines, question), None)
            for question, voice in turns:
                await courses["alternating"].ask(both, _prompt(voice, lines, question), voices[voice])
            for question, voice in sorted(turns, key=lambda turn: turn[1]):
                await courses["blocks"].ask(both, _prompt(voice, lines, question), voices[voice])
    finally:
        await alone.close()
        await both.close()
    one, other, blocks = courses["alternating"], courses["alone"], courses["blocks"]
    return {
        "requests": other.meter.usage.calls,
        "alternating_to_alone": round(one.seconds / other.seconds, 3),
        "alternating_to_alone_cpu": round(one.cpu / other.cpu, 3),
        "alternating_to_blocks": round(one.seconds / blocks.seconds, 3),
        "alternating_to_blocks_cpu": round(one.cpu / blocks.cpu, 3),
        **{f"seconds_{name}": round(course.seconds, 2) for name, course in courses.items()},
        **{f"read_{name}": course.meter.usage.prompt for name, course in courses.items()},
        **{f"written_{name}": course.meter.usage.completion for name, course in courses.items()},
    }


def _prompt(voice: int, lines: int, question: str) -> list[BaseMessage]:
    trade = _TRADES[voice]
    rules = " ".join(f"Rule {n} of the {trade}: visitors of group {n} come at {n + 8} o'clock." for n in range(lines))
    return [SystemMessage(f"{trade.capitalize()} desk. Answer at length. {rules}"), HumanMessage(question)]


def _memory(path: Path, adapters: list[Path], prompts: int) -> dict[str, float]:
    """Resident memory in MB of a process with and without adapters: when every voice was asked once, and when the model
    alone was asked with so many other prompts. Alone it keeps them, in up to as much memory as windows may take."""
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        alone, alone_used, _ = pool.submit(resident, path, [], prompts).result()
        both, both_used, voices = pool.submit(resident, path, adapters, prompts).result()
    sizes = {
        "alone": alone,
        "with_adapters": both,
        "adapters": sum(adapter.stat().st_size for adapter in adapters),
        "windows_of_adapters": voices * _CONTEXT * read_head(path).kv_values * KV_BYTES,
        f"alone_after_{prompts}_prompts": alone_used,
        f"with_adapters_after_{prompts}_prompts": both_used,
    }
    return {f"memory_{name}_mb": round(size / 1e6, 1) for name, size in sizes.items()}


def resident(path: Path, adapters: list[Path], prompts: int) -> tuple[int, int, int]:
    """Bytes, the same later, and the slots that adapters have for themselves."""
    import asyncio

    import psutil

    async def ask() -> tuple[int, int, int]:
        server = EmbeddedServer(path, threads=Settings.load().threads, context=_CONTEXT, adapters=adapters)
        server.start()
        model = ChatModel(lambda: Served(server, path.stem, path.parent / "prompts"))
        for voice in range(_VOICES):
            adapter = adapters[voice - 1] if adapters and voice else None
            await Course().ask(model, _prompt(voice, 24, "Hello."), adapter)
        taken = psutil.Process().memory_info().rss
        for n in range(prompts):
            visitor = SystemMessage(f"Visitor {n} is here. {_prompt(n % _VOICES, 24, '')[0].text}")
            await model.write([visitor, HumanMessage("Hello.")], max_tokens=1, meter=Meter())
        later = psutil.Process().memory_info().rss
        await model.close()
        return taken, later, server.voices

    return asyncio.run(ask())
