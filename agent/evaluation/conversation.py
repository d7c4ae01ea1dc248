"""The last question of a conversation, over one library: is the right document found, and is it known when none is?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from agent.agent import Agent
from agent.evaluation.bench import ask
from agent.evaluation.record import Record
from agent.evaluation.tasks import Conversation
from tools.base import ToolError
from tools.intervals import bootstrap, wilson
from tools.library.evaluate import PASSAGES, ndcg


async def run(
    agent: Agent, tasks: Sequence[Conversation], record: Record, *, done: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """The case of every task, those of an earlier run included."""

    async def case(task: Conversation) -> dict[str, Any]:
        reply = await ask(agent, task.question, task.history)
        return {
            "language": task.language,
            "question": task.question,
            "wanted": [task.reference],
            "unanswerable": task.unanswerable,
            "ndcg": ndcg(found(agent, reply.standalone or task.question), task.gold) if task.gold else None,
            "good": task.unanswerable is None or task.unanswerable == reply.refused,
            **asdict(reply),
        }

    return await record.each(tasks, case, done)


def found(agent: Agent, question: str) -> list[str]:
    """The documents that search finds for a question, best first."""
    try:
        passages = agent.library.search(question, k=PASSAGES, scope=agent.scope)
    except ToolError:
        return []
    return list(dict.fromkeys(url for p in passages for url in (p.url, *p.copies)))


def figures(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`ndcg@10` of the question as it was understood, over those that documents answer. A refusal is right where
    nothing answers the question; questions that could mean several things count neither way."""
    told = [c for c in cases if c["unanswerable"] is not None]
    refused = [c for c in told if c["refused"]]
    rightly = sum(c["unanswerable"] for c in refused)
    unanswerable = sum(c["unanswerable"] for c in told)
    gains = [c["ndcg"] for c in cases if c["ndcg"] is not None]
    counts = {"refusal_precision": (rightly, len(refused)), "refusal_recall": (rightly, unanswerable)}
    n = max(len(cases), 1)
    return {
        "n": len(cases),
        "ndcg@10": round(sum(gains) / len(gains), 4) if gains else None,
        **{name: round(hits / of, 4) if of else None for name, (hits, of) in counts.items()},
        "seconds_per_question": round(sum(c["seconds"] for c in cases) / n, 2),
        "model_calls": round(sum(c["calls"] for c in cases) / n, 2),
        "intervals": {
            **({"ndcg@10": [round(end, 4) for end in bootstrap(gains)]} if gains else {}),
            **{name: [round(end, 4) for end in wilson(hits, of)] for name, (hits, of) in counts.items() if of},
        },
    }
