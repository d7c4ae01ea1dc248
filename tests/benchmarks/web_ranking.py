"""How often what holds the answer is among the first passages of a web search, and among the sentences that are read.

    python -m tests.benchmarks web_ranking --questions FILE

The file holds stored search results, as `kotae eval web` takes them. No model is asked and no page fetched: a passage
counts that says one of the answers. Beside Kotae's order stands that of the search engine; every figure is given for
both halves of the questions, since a change that helps one half alone is chance.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agent.asked import current
from agent.context import Limits
from agent.evaluation.tasks import Searched, searched
from agent.evaluation.web import Stored
from agent.guard import disarm
from agent.nodes.gather import worth_reading
from agent.reading import numbered, weighed
from agent.settings import Settings
from tools.answers import holds
from tools.library import E5
from tools.library.evidence import nearness
from tools.web import WebSearch, WebTool
from tools.web.tool import HITS

DEPTHS = (1, 3, 5)
PASSAGES: int = Settings.model_fields["passages"].default


@dataclass(frozen=True)
class Case:
    """For each passage whether it holds the answer: in the engine's order, in Kotae's, and of those that are read."""

    question: str
    engine: tuple[bool, ...]
    ranked: tuple[bool, ...]
    read: tuple[bool, ...]
    sentences: bool
    """Whether the sentences in the prompt hold it."""
    characters: int
    """Of the sources in the prompt."""


def run(questions: Path | None) -> dict[str, Any]:
    """Measure, print and return the figures."""
    if questions is None:
        print("web_ranking: skipped, --questions names no file of stored search results")
        return {}
    tasks = [task for task in searched(questions) if task.answerable]
    cases = asyncio.run(_cases(tasks))
    parts = {"all": cases, "one half": cases[::2], "other half": cases[1::2]}
    table = {name: _figures(part) for name, part in parts.items()}
    print(f"{'':28}" + "".join(f"{name:>12}" for name in table))
    for row in next(iter(table.values())):
        print(f"{row:28}" + "".join(f"{figures[row]:12.3g}" for figures in table.values()))
    return {"figures": table, "cases": [vars(case) for case in cases]}


async def _cases(tasks: list[Searched]) -> list[Case]:
    embedder = E5()
    return [await _case(task, embedder) for task in tasks]


async def _case(task: Searched, embedder: E5) -> Case:
    tool = WebTool(WebSearch([Stored(task.hits)]), embedder=embedder)
    ranked = await tool.gather(task.question, k=HITS)
    found = [disarm(passage) for passage in worth_reading(await tool.gather(task.question, k=PASSAGES))]
    read, evidence = weighed(task.question, [p for p in found if p.text], partial(nearness, embedder))
    sources = numbered(read, current(evidence, read, task.question), Limits.read)

    def told(title: str, text: str) -> bool:
        return holds(f"{title}\n{text}", task.answers)

    return Case(
        question=task.question,
        engine=tuple(told(hit.title, hit.text) for hit in task.hits),
        ranked=tuple(told(p.title, p.text) for p in ranked),
        read=tuple(told(p.title, p.text) for p in read),
        sentences=holds(sources, task.answers),
        characters=len(sources),
    )


def _figures(cases: list[Case]) -> dict[str, float]:
    n = max(len(cases), 1)
    return {
        "questions": len(cases),
        **{f"engine: in the first {k}": sum(any(c.engine[:k]) for c in cases) / n for k in DEPTHS},
        "engine: reciprocal rank": sum(_reciprocal(c.engine) for c in cases) / n,
        **{f"ranked: in the first {k}": sum(any(c.ranked[:k]) for c in cases) / n for k in DEPTHS},
        "ranked: reciprocal rank": sum(_reciprocal(c.ranked) for c in cases) / n,
        "read: in the first": sum(any(c.read[:1]) for c in cases) / n,
        "read: in any": sum(any(c.read) for c in cases) / n,
        "read: in the sentences": sum(c.sentences for c in cases) / n,
        "passages read": sum(len(c.read) for c in cases) / n,
        "characters of the sources": statistics.mean(c.characters for c in cases) if cases else 0.0,
    }


def _reciprocal(holding: tuple[bool, ...]) -> float:
    return next((1 / rank for rank, held in enumerate(holding, 1) if held), 0.0)
