"""Japanese follow-ups: `python -m tests.benchmarks followups [--model NAME] [--limit N] [--json OUT]`.

The last messages of a hundred short conversations about the Japanese pages of the documentation (followups.yaml), made
to stand alone by Kotae and looked for in a library of these pages. Right is any of the pages that a conversation names;
recall@k is the share of conversations with a right page among the first k passages. Beside it the same for the last
message as it was typed, and for the question before it with the last message behind it. A change of subject must be
left as it is. The rules were tuned on the first, third, fifth … conversation; the two halves are told apart.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from agent import Agent, Settings
from agent.conversations import messages_of
from agent.facts import solid
from agent.library import open_library
from agent.models.chat import Meter
from agent.nodes.understand import stand_alone
from tests.benchmarks.sample import DOCS, HERE

Kind = Literal["ellipsis", "pronoun", "ordinal", "correction", "comparison", "reason", "condition", "change"]
WAYS = ("Kotae", "last message", "last two questions")
DEPTHS = (1, 5, 10)


@dataclass(frozen=True)
class Conversation:
    """`said`: pairs of a question and its answer; `pages`: the stems of the pages that answer `question`."""

    kind: Kind
    said: tuple[tuple[str, str], ...]
    question: str
    pages: frozenset[str]
    tuned: bool


def conversations(limit: int | None = None) -> list[Conversation]:
    """Those of followups.yaml; with a `limit`, so many of each kind."""
    rows = yaml.safe_load((HERE / "followups.yaml").read_text("utf-8"))
    found = [
        Conversation(row["kind"], tuple(map(tuple, row["said"])), row["question"], frozenset(row["pages"]), n % 2 == 0)
        for n, row in enumerate(rows)
    ]
    if limit is None:
        return found
    return [one for kind in get_args(Kind) for one in [c for c in found if c.kind == kind][:limit]]


async def run(model: str | None, limit: int | None) -> dict[str, Any]:
    """Measure, print and return the figures; `limit` conversations of each kind."""
    given = {} if model is None else {"model": model}
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=Path(folder), web="off", **given)
        library = open_library(settings)
        library.index([DOCS / "ja"])
        library.close()
        async with Agent.open(settings) as agent:
            await agent.start_model()
            print(f"model: {agent.model_name}")
            cases = await measured(conversations(limit), agent)
    return {"figures": figures(cases), "cases": cases}


async def measured(chosen: Sequence[Conversation], agent: Agent) -> list[dict[str, Any]]:
    """The case of every conversation, with the rank of the first right page in each of `WAYS`: from 1, None when it is
    not among the first ten passages."""
    cases = []
    for one in chosen:
        meter = Meter()
        said = [(role, text) for pair in one.said for role, text in zip(("user", "assistant"), pair, strict=True)]
        standalone = await stand_alone(one.question, messages_of(said), agent.context, meter)
        looked = (standalone, one.question, f"{one.said[-1][0]} {one.question}")
        case = {
            "kind": one.kind,
            "tuned": one.tuned,
            "before": one.said[-1][0],
            "question": one.question,
            "standalone": standalone,
            "left": solid(standalone) == solid(one.question),
            "calls": meter.usage.calls,
            "ranks": {way: _rank(agent, question, one.pages) for way, question in zip(WAYS, looked, strict=True)},
        }
        cases.append(case)
        print(f"{case['ranks']['Kotae'] or '-':>2} {one.kind:10} {one.question} → {standalone}", flush=True)
    return cases


def _rank(agent: Agent, question: str, pages: frozenset[str]) -> int | None:
    found = [Path(passage.url).stem for passage in agent.library.search(question, k=max(DEPTHS))]
    return next((rank for rank, page in enumerate(found, 1) if page in pages), None)


def recall(cases: Sequence[dict[str, Any]], way: str, depth: int) -> float | None:
    """The share of conversations with a right page among the first `depth` passages; None without any."""
    ranks = [case["ranks"][way] for case in cases]
    return round(sum(rank is not None and rank <= depth for rank in ranks) / len(ranks), 3) if ranks else None


def figures(cases: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The recall at each of `DEPTHS` in each of `WAYS`, of all, of each half and of each kind; how many changes of
    subject and how many of the others were left as they are; how many calls of the model it took."""
    groups = {
        "all": cases,
        "tuned half": [case for case in cases if case["tuned"]],
        "other half": [case for case in cases if not case["tuned"]],
        **{kind: [case for case in cases if case["kind"] == kind] for kind in get_args(Kind)},
    }
    told: dict[str, Any] = {}
    for name, group in groups.items():
        told[name] = {way: {f"recall@{k}": recall(group, way, k) for k in DEPTHS} for way in WAYS}
        told[name]["n"] = len(group)
        shares = "   ".join(" ".join(f"{share}" for share in told[name][way].values()) for way in WAYS)
        print(f"{name:12} n {len(group):3}   recall@{'/'.join(map(str, DEPTHS))}: {shares}")
    changes = [case for case in cases if case["kind"] == "change"]
    told["left alone rightly"] = f"{sum(case['left'] for case in changes)}/{len(changes)}"
    told["left alone of the others"] = sum(case["left"] for case in cases) - sum(case["left"] for case in changes)
    told["model calls"] = sum(case["calls"] for case in cases)
    for name in ("left alone rightly", "left alone of the others", "model calls"):
        print(f"{name:20} {told[name]}")
    return told
