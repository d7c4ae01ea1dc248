"""Whether a model says byte for byte what it said before, when adapters are loaded beside it and switched off.

The 100 questions of general.yaml, English and Japanese, are asked of the model before any adapter is loaded, and again
afterwards, with a question to an adapter after every fifth of them. The adapters are of random numbers, strong enough
to change what is said: whatever of them leaked would show.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.models.chat import ChatModel, Meter
from tests.benchmarks.switching import base_file, chat, write_adapters

_FILE = Path(__file__).resolve().parent / "general.yaml"
_TOKENS = 32
_EVERY = 5


async def run(name: str | None, limit: int | None) -> dict[str, Any]:
    """`limit` questions of each language; all 50 by default."""
    path = base_file(name)
    asked = questions(limit)
    with tempfile.TemporaryDirectory(prefix="kotae-forgetting-") as folder:
        adapters = write_adapters(path, Path(folder), 3, strength=0.03)
        model = chat(path)
        try:
            before = [await _say(model, messages) for messages in asked]
            await model.warm(adapters)
            off: list[str] = []
            on: list[str] = []
            for n, messages in enumerate(asked):
                off.append(await _say(model, messages))
                if n % _EVERY == 0:
                    on.append(await _say(model, messages, adapters[n // _EVERY % len(adapters)]))
        finally:
            await model.close()
    rows = [
        {"question": str(messages[-1].text), "before": one, "off": other}
        for messages, one, other in zip(asked, before, off, strict=True)
    ]
    changed = [row for row in rows if row["before"] != row["off"]]
    figures = {
        "model": path.name,
        "questions": len(rows),
        "equal_with_adapters_off": len(rows) - len(changed),
        "other_with_an_adapter_on": f"{sum(one != before[n * _EVERY] for n, one in enumerate(on))} of {len(on)}",
    }
    for row in changed:
        print(f"{row['question']}\n  before {row['before']!r}\n  off    {row['off']!r}")
    for key, value in figures.items():
        print(f"{key:26} {value}")
    return {"figures": figures, "rows": rows}


def questions(limit: int | None = None) -> list[list[BaseMessage]]:
    """Those of each language, with its system message."""
    languages = yaml.safe_load(_FILE.read_text("utf-8"))
    return [
        [SystemMessage(rows["system"]), HumanMessage(question)]
        for rows in languages.values()
        for question in rows["questions"][:limit]
    ]


async def _say(model: ChatModel, messages: list[BaseMessage], adapter: Path | None = None) -> str:
    return await model.write(messages, max_tokens=_TOKENS, meter=Meter(), adapter=adapter)
