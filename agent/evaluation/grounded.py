"""Questions over given documents: are they answered rightly, refused where nothing answers them, and cited?

Each question gets a library of its own documents, so that search, judge and all the rest work as they do for a user.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from agent.evaluation.baselines import Baseline
from agent.evaluation.bench import Bench, Reply, ask
from agent.evaluation.record import Record
from agent.evaluation.tasks import Grounded
from tools.answers import agrees, holds
from tools.intervals import wilson


async def run(
    bench: Bench,
    tasks: Sequence[Grounded],
    record: Record,
    *,
    baseline: Baseline | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """The case of every task, those of an earlier run included. `done` is called after each."""

    async def case(task: Grounded) -> dict[str, Any]:
        async with bench.over(task.documents) as agent:
            reply = await (ask(agent, task.question) if baseline is None else baseline(agent, task.question, ()))
        return judged(task, reply)

    return await record.each(tasks, case, done)


def judged(task: Grounded, reply: Reply) -> dict[str, Any]:
    """A reply beside what was wanted. `good`: answered rightly, or refused where nothing answers the question."""
    right = not reply.refused and task.answerable and says(task, reply.text)
    return {
        "language": task.language,
        "question": task.question,
        "wanted": list(task.answers) or [task.reference] if task.answerable else [],
        "answerable": task.answerable,
        "gold": sorted(task.gold),
        "right": right,
        "good": right if task.answerable else reply.refused,
        **asdict(reply),
    }


def says(task: Grounded, text: str) -> bool:
    """Whether a text gives the answer of an answerable task."""
    return holds(text, task.answers) if task.answers else agrees(text, task.reference, task.question)


def figures(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares in [0, 1], with the 95 % interval of each beside it under `intervals`.

    `right` is among the answerable questions, `refused_unanswerable` among the others, `false_refusals` among the
    answerable ones. `citation_precision`: of the documents cited by answers to answerable questions, those that hold
    the answer; `citation_recall`: of the documents that hold it, those cited by such answers. `unsupported_shown`: of
    the sentences shown as supported, those in wrong answers and in answers to unanswerable questions.
    """
    answerable = [c for c in cases if c["answerable"]]
    unanswerable = [c for c in cases if not c["answerable"]]
    answered = [c for c in answerable if not c["refused"] and c["gold"]]
    counts = {
        "right": (sum(c["right"] for c in answerable), len(answerable)),
        "refused_unanswerable": (sum(c["refused"] for c in unanswerable), len(unanswerable)),
        "false_refusals": (sum(c["refused"] for c in answerable), len(answerable)),
        "citation_precision": (
            sum(len(set(c["cites"]) & set(c["gold"])) for c in answered),
            sum(len(c["cites"]) for c in answered),
        ),
        "citation_recall": (
            sum(len(set(c["cites"]) & set(c["gold"])) for c in answered),
            sum(len(c["gold"]) for c in answered),
        ),
        "unsupported_shown": (
            sum(c["sentences"] for c in cases if not c["refused"] and not c["right"]),
            sum(c["sentences"] for c in cases),
        ),
    }
    n = max(len(cases), 1)
    return {
        "n": len(cases),
        **{name: round(hits / of, 4) if of else None for name, (hits, of) in counts.items()},
        "seconds_per_question": round(sum(c["seconds"] for c in cases) / n, 2),
        "model_calls": round(sum(c["calls"] for c in cases) / n, 2),
        "prompt_tokens": round(sum(c["prompt"] for c in cases) / n, 1),
        "intervals": {name: [round(end, 4) for end in wilson(hits, of)] for name, (hits, of) in counts.items() if of},
    }
