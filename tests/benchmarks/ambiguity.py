"""Which short questions are asked back because the documents answer them in several ways: see ambiguous.yaml."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import yaml

from agent.ambiguity import choices, leaves_open
from agent.library import open_library
from agent.nodes.gather import worth_reading
from agent.nodes.understand import detect
from agent.reading import weighed
from agent.state import Turn
from agent.wiring import build_context, chat_model
from tests.benchmarks.sample import HERE, questions, sample_settings


@dataclass(frozen=True)
class Asked:
    kind: str
    question: str
    choices: tuple[str, ...]


def run() -> dict[str, Any]:
    """Print how many of each kind are asked back, and with which choices."""
    told = yaml.safe_load((HERE / "ambiguous.yaml").read_text("utf-8"))
    rows = [(kind, question) for kind, by in told.items() for rows in by.values() for question in rows]
    rows += [("questions.yaml", question.text) for question in questions()]
    cases = asyncio.run(_ask(rows))
    for case in cases:
        if case.choices or case.kind == "ambiguous":
            print(f"{case.kind:15} {case.question:40} {' | '.join(case.choices) or '-'}")
    figures = {}
    for kind in dict.fromkeys(case.kind for case in cases):
        own = [case for case in cases if case.kind == kind]
        figures[kind] = [sum(bool(case.choices) for case in own), len(own)]
        print(f"{kind}: {figures[kind][0]} of {figures[kind][1]} asked back")
    return figures


async def _ask(rows: list[tuple[str, str]]) -> list[Asked]:
    cases = []
    with sample_settings(None) as settings, closing(open_library(settings)) as library:
        context = build_context(settings, library, chat_model(settings))
        for kind, question in rows:
            language = detect(question, [])
            found: tuple[str, ...] = ()
            if leaves_open(question, language):
                passages = worth_reading(await context.tools["library"].gather(question, k=settings.passages))
                ordered, evidence = weighed(question, passages, context.nearness)
                turn = Turn(question, 0, standalone=question, language=language, passages=ordered, evidence=evidence)
                found = choices(turn)
            cases.append(Asked(kind, question, found))
    return cases
