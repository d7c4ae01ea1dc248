"""Follow-ups: is a question that leans on the conversation made to stand alone, and any other left as it is?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agent.agent import Agent
from agent.evaluation.conversation import found
from agent.evaluation.record import Record
from agent.evaluation.tasks import Conversation, Rewrite, Said
from agent.facts import solid
from tools.intervals import bootstrap, wilson
from tools.library.evaluate import ndcg
from tools.library.tokens import terms

_SHARE = 0.5
"""Share of the terms that a person added which a rewriting must have: there is more than one way to say it."""


async def run(
    agent: Agent,
    tasks: Sequence[Rewrite | Conversation],
    record: Record,
    *,
    done: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """The case of every task. Conversations with their documents are searched with what Kotae makes of the question."""

    async def case(task: Rewrite | Conversation) -> dict[str, Any]:
        standalone = await agent.understand(task.question, [(said.role, said.text) for said in task.history])
        return {
            "language": task.language,
            "history": _last(task.history),
            "question": task.question,
            "standalone": standalone,
            **(_judged(task, standalone) if isinstance(task, Rewrite) else _searched(agent, task, standalone)),
        }

    return await record.each(tasks, case, done)


def rewritten_rightly(task: Rewrite, standalone: str) -> bool:
    """Whether a rewriting has at least half of the terms that a person added."""
    added = set(terms(task.rewrite)) - set(terms(task.question))
    if not added:
        return True
    return len(added & set(terms(standalone))) >= _SHARE * len(added)


def _judged(task: Rewrite, standalone: str) -> dict[str, Any]:
    left = solid(standalone) == solid(task.question)
    return {
        "wanted": task.rewrite,
        "changed": task.changed,
        "left": left,
        "good": rewritten_rightly(task, standalone) if task.changed else left,
    }


def _searched(agent: Agent, task: Conversation, standalone: str) -> dict[str, Any]:
    gain = ndcg(found(agent, standalone), task.gold) if task.gold else None
    plain = ndcg(found(agent, task.question), task.gold) if task.gold else None
    return {"ndcg": gain, "ndcg_last_turn": plain, "good": gain is None or gain >= (plain or 0.0)}


def _last(history: Sequence[Said]) -> list[str]:
    return [f"{said.role}: {said.text[:200]}" for said in history[-4:]]


def figures(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`left_alone_rightly` among the questions that stand alone, `rewritten_rightly` among the others; `ndcg@10` where
    the questions have documents, beside that of the last question as it was typed."""
    alone = [c for c in cases if c.get("changed") is False]
    leaning = [c for c in cases if c.get("changed")]
    gains = [c["ndcg"] for c in cases if c.get("ndcg") is not None]
    plain = [c["ndcg_last_turn"] for c in cases if c.get("ndcg") is not None]
    counts = {
        "left_alone_rightly": (sum(c["good"] for c in alone), len(alone)),
        "rewritten_rightly": (sum(c["good"] for c in leaning), len(leaning)),
    }
    return {
        "n": len(cases),
        **{name: round(hits / of, 4) if of else None for name, (hits, of) in counts.items()},
        "ndcg@10": round(sum(gains) / len(gains), 4) if gains else None,
        "ndcg@10_last_turn": round(sum(plain) / len(plain), 4) if plain else None,
        "intervals": {
            **{name: [round(end, 4) for end in wilson(hits, of)] for name, (hits, of) in counts.items() if of},
            **({"ndcg@10": [round(end, 4) for end in bootstrap(gains)]} if gains else {}),
        },
    }
