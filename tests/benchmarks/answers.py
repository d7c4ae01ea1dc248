"""Right answers and refusals on fifty-two questions about the sample library, written before anything was tuned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent import Agent
from tests.benchmarks.sample import Question, from_a_right_page, questions, sample_settings, says


async def run(model: str | None, limit: int | None, file: Path | None = None) -> dict[str, Any]:
    """Ask every question in a conversation of its own and print what came."""
    cases: list[dict[str, Any]] = []
    with sample_settings(model) as settings:
        async with Agent.open(settings) as agent:
            await agent.warm_up()
            print(f"model: {agent.model_name}")
            for question in _chosen(questions(file), limit):
                answer = await agent.ask(question.text)
                right = says(answer, question) and not answer.refused and from_a_right_page(answer, question)
                good = right if question.answerable else answer.refused
                cases.append(
                    {
                        "id": question.id,
                        "language": question.language,
                        "answerable": question.answerable,
                        "good": good,
                        "question": question.text,
                        **answer.as_json(),
                        "steps": [{"node": s.node, **s.facts} for s in answer.steps],
                    }
                )
                print(f"{'ok ' if good else 'BAD'} {question.id} {answer.seconds:5.1f} s  {answer.text[:110]!r}")
    return {"figures": _figures(cases), "cases": cases}


def _chosen(everything: list[Question], limit: int | None) -> list[Question]:
    if limit is None:
        return everything
    kept: list[Question] = []
    for question in everything:
        alike = [q for q in kept if (q.language, q.answerable) == (question.language, question.answerable)]
        if len(alike) < limit:
            kept.append(question)
    return kept


def _figures(cases: list[dict[str, Any]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for language in ("en", "ja"):
        for answerable, name in ((True, "right"), (False, "refused")):
            rows = [c for c in cases if c["language"] == language and c["answerable"] is answerable]
            figures[f"{name}_{language}"] = f"{sum(c['good'] for c in rows)}/{len(rows)}"
    answerable_rows = [c for c in cases if c["answerable"]]
    figures["false_refusals"] = f"{sum(c['refused'] for c in answerable_rows)}/{len(answerable_rows)}"
    figures["seconds_per_question"] = round(sum(c["seconds"]["total"] for c in cases) / max(len(cases), 1), 2)
    figures["model_calls_per_question"] = round(sum(c["model_calls"] for c in cases) / max(len(cases), 1), 2)
    for key, value in figures.items():
        print(f"{key:26} {value}")
    return figures
