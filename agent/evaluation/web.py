"""Questions for the web over stored search results: answered rightly, refused where these hold no answer, and nothing
cited that was not found.

What is stored takes the place of a search service; all behind it is what people use, but that no page is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from agent.evaluation.bench import Bench, ask
from agent.evaluation.record import Record
from agent.evaluation.tasks import Searched
from tools.answers import holds
from tools.intervals import wilson
from tools.web import WebSearch, WebTool
from tools.web.providers import Hit
from tools.web.query import WebQuery


class Stored:
    """A search service that finds the same, whatever it is asked."""

    name = "stored"

    def __init__(self, hits: Sequence[Hit]) -> None:
        self._hits = hits

    def search(self, query: WebQuery, seconds: float) -> Sequence[Hit]:
        """See `Provider`."""
        return self._hits


async def run(
    bench: Bench, tasks: Sequence[Searched], record: Record, *, done: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """The case of every task, those of an earlier run included. `done` is called after each."""

    async def case(task: Searched) -> dict[str, Any]:
        async with bench.over((), web=WebTool(WebSearch([Stored(task.hits)]), embedder=bench.embedder)) as agent:
            reply = await ask(agent, task.question)
        told = not reply.refused and holds(reply.text, task.answers)
        right = told and task.answerable
        return {
            "language": task.language,
            "question": task.question,
            "wanted": list(task.answers) if task.answerable else [],
            "answerable": task.answerable,
            "right": right,
            "told": told,
            "good": right if task.answerable else reply.refused,
            "invented": sorted(set(reply.cites) - {hit.url for hit in task.hits}),
            **asdict(reply),
        }

    return await record.each(tasks, case, done)


def figures(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares in [0, 1], with the 95 % interval of each beside it under `intervals`; `invented_sources` is how many."""
    answerable = [c for c in cases if c["answerable"]]
    unanswerable = [c for c in cases if not c["answerable"]]
    counts = {
        "right": (sum(c["right"] for c in answerable), len(answerable)),
        "refused_unanswerable": (sum(c["refused"] for c in unanswerable), len(unanswerable)),
        "false_refusals": (sum(c["refused"] for c in answerable), len(answerable)),
        # a result may hold the answer in other words than the file looked for
        "right_all_the_same": (sum(c["told"] for c in unanswerable), len(unanswerable)),
        "by_web": (sum(c["route"] == "web" for c in cases), len(cases)),
    }
    n = max(len(cases), 1)
    return {
        "n": len(cases),
        **{name: round(hits / of, 4) if of else None for name, (hits, of) in counts.items()},
        "invented_sources": sum(len(c["invented"]) for c in cases),
        "seconds_per_question": round(sum(c["seconds"] for c in cases) / n, 2),
        "model_calls": round(sum(c["calls"] for c in cases) / n, 2),
        "prompt_tokens": round(sum(c["prompt"] for c in cases) / n, 1),
        "intervals": {name: [round(end, 4) for end in wilson(hits, of)] for name, (hits, of) in counts.items() if of},
    }
