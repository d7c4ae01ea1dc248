"""Questions that point far back in a long conversation: `python -m tests.benchmarks memory [--model NAME]`.

Thirty-six last questions of six long conversations (memory.yaml), made to stand alone in three ways by the same model:
with what Kotae picks of the older exchanges, with the last three exchanges only, and (`summary`) with a summary of the
older ones that the model itself wrote, in as many tokens as the digest may have. Rightly rewritten is what names what
was pointed at and points at nothing any more; a question that stands alone must be left as it is.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent import Agent, Settings
from agent.models.chat import Meter
from agent.nodes.understand import stand_alone
from agent.prompts import fill
from tests.benchmarks.sample import HERE

WAYS = ("digest", "last three", "summary")
_RECENT = 6
"""Messages that are read as they are beside a summary."""
_SUMMARISE = {
    "en": "Sum up this conversation in at most eight short sentences. Keep every name and number.",
    "ja": "この会話を8つ以内の短い文に要約してください。名前と数字はすべて残してください。",
}


async def run(model: str | None, limit: int | None) -> dict[str, Any]:
    """Measure, print and return the figures; `limit` conversations of each language."""
    table = yaml.safe_load((HERE / "memory.yaml").read_text("utf-8"))
    given = {} if model is None else {"model": model}
    cases: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=Path(folder), web="off", **given)
        async with Agent.open(settings) as agent:
            await agent.start_model()
            print(f"model: {agent.model_name}")
            for conversation in _chosen(table["conversations"], limit):
                language = conversation["language"]
                past = _messages(conversation["said"])
                summary, seconds = "", 0.0
                if "summary" in WAYS:
                    summary, seconds = await _summary(agent, past[:-_RECENT], language)
                    print(f"summary in {seconds:.1f} s: {summary[:160]!r}")
                for asked in conversation["asked"]:
                    case: dict[str, Any] = {"language": language, **asked}
                    for way in WAYS:
                        case[way] = await _rewritten(agent, way, asked["question"], past, summary)
                        case[way]["right"] = right(case[way]["standalone"], asked, table["pointing"][language])
                    case["summing_up"] = round(seconds, 1)
                    cases.append(case)
                    marks = " ".join("ok " if case[way]["right"] else "BAD" for way in WAYS)
                    print(f"{marks} {asked['question']} → {case['digest']['standalone']}", flush=True)
    return {"figures": _figures(cases), "cases": cases}


def right(standalone: str, asked: dict[str, Any], pointing: str) -> bool:
    """Whether a question was made to stand alone, or left alone if it did already."""
    if asked.get("left"):
        return standalone == asked["question"]
    named = all(re.search(wanted, standalone, re.IGNORECASE) for wanted in asked["wants"])
    return named and not re.search(pointing, standalone, re.IGNORECASE)


async def _rewritten(agent: Agent, way: str, question: str, past: list[AnyMessage], summary: str) -> dict[str, Any]:
    context, meter, began = agent.context, Meter(), time.perf_counter()
    if way != "digest":
        context = replace(context, limits=replace(context.limits, digest=0))
    if way == "summary":
        past = [AIMessage(summary), *past[-_RECENT + 2 :]]
        language = "ja" if re.search(r"[ぁ-ん]", question) else "en"
        history = "\n".join(f"{'Kotae' if isinstance(m, AIMessage) else 'User'}: {m.text}" for m in past)
        prompt = fill(language, "understand", history=history, question=question)
        said = await context.model.write([HumanMessage(prompt)], max_tokens=80, meter=meter)
        standalone = (said.splitlines() or [question])[0].strip(" \"'「」")
    else:
        standalone = await stand_alone(question, past, context, meter)
    usage = meter.usage
    return {
        "standalone": standalone,
        "seconds": round(time.perf_counter() - began, 2),
        "calls": usage.calls,
        "tokens": usage.prompt + usage.cached,
    }


async def _summary(agent: Agent, older: Sequence[AnyMessage], language: str) -> tuple[str, float]:
    began = time.perf_counter()
    said = "\n".join(f"{'Kotae' if isinstance(m, AIMessage) else 'User'}: {m.text}" for m in older)
    prompt = [HumanMessage(f"{said}\n\n{_SUMMARISE[language]}")]
    text = await agent.context.model.write(prompt, max_tokens=agent.context.limits.digest, meter=Meter())
    return " ".join(text.split()), time.perf_counter() - began


def _messages(said: Sequence[Sequence[str]]) -> list[AnyMessage]:
    return [message for asked, answer in said for message in (HumanMessage(asked), AIMessage(answer))]


def _chosen(conversations: list[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for one in conversations:
        if limit is None or sum(k["language"] == one["language"] for k in kept) < limit:
            kept.append(one)
    return kept


def _figures(cases: list[dict[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for way in WAYS:
        for language in ("en", "ja"):
            rows = [c for c in cases if c["language"] == language and not c.get("left")]
            figures[f"{way}, rewritten rightly, {language}"] = f"{sum(c[way]['right'] for c in rows)}/{len(rows)}"
        left = [c for c in cases if c.get("left")]
        figures[f"{way}, left alone rightly"] = f"{sum(c[way]['right'] for c in left)}/{len(left)}"
        asked = [c[way] for c in cases if c[way]["calls"]]
        figures[f"{way}, prompt tokens a rewriting"] = round(sum(c["tokens"] for c in asked) / max(len(asked), 1))
        figures[f"{way}, model calls"] = sum(c[way]["calls"] for c in cases)
    for key, value in figures.items():
        print(f"{key:40} {value}")
    return figures
