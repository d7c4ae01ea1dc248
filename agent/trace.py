"""Tells the listener what each node did and how long it took. The nodes themselves know nothing of it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from agent.context import Context
from agent.events import Status
from agent.state import State, Step, Turn

Node = Callable[[State, Runtime[Context]], Awaitable[dict[str, Any]]]


def traced(name: str, node: Node) -> Callable[..., Awaitable[dict[str, Any]]]:
    """`node` with a `Status` before and after it, and a `Step` in the turn that it returns."""

    async def run(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
        runtime.stream_writer(Status(name, facts=before(name, state["turn"])))
        began = time.perf_counter()
        update = await node(state, runtime)
        seconds = time.perf_counter() - began
        turn: Turn = update["turn"]
        facts = after(name, turn)
        runtime.stream_writer(Status(name, seconds, facts))
        if name == "finish":  # its own step would come after the answer that holds the steps
            return update
        return {**update, "turn": replace(turn, steps=(*turn.steps, Step(name, seconds, facts)))}

    run.__name__ = name
    return run


def before(name: str, turn: Turn) -> dict[str, Any]:
    """What can be said when a node begins."""
    if name == "gather" and turn.decision is not None:
        asked = {"specialist": turn.decision.specialist} if turn.decision.tool == "specialist" else {}
        return {"tool": turn.decision.tool, "query": turn.decision.query, **asked}
    if name == "answer":
        return {"draft": turn.drafts + 1}
    return {}


def after(name: str, turn: Turn) -> dict[str, Any]:
    """What a node found, for the reader of the path taken."""
    decision, verdict = turn.decision, turn.verdict
    if name == "understand":
        return {
            "standalone": turn.standalone,
            "rewritten": turn.standalone != turn.question,
            "language": turn.language,
            "parts": list(turn.parts),
        }
    if name == "route" and decision is not None:
        return {
            "route": decision.place,
            "confidence": round(decision.confidence, 3),
            "why": decision.why,
            "cue": decision.cue,
            **({"reads": True} if decision.reads else {}),
        }
    if name == "gather":
        tool, _, query = turn.tried[-1].partition(":")
        titles = list(dict.fromkeys(p.title for p in turn.passages))
        failed = turn.notices[-1] if turn.notices and not turn.passages else ""
        if tool == "web" and turn.sent:
            query = turn.sent[-1].query
        found = {"tool": tool, "query": query, "found": len(turn.passages), "titles": titles, "error": failed}
        if decision is not None and tool == "specialist":
            silent = turn.opinion is None
            found |= {"specialist": decision.specialist, "error": turn.notices[-1] if silent else ""}
            found |= {"found": 0, "titles": []} if silent else {}
        return found
    if name == "judge" and verdict is not None:
        return {
            "sufficient": verdict.sufficient,
            "confidence": round(verdict.confidence, 3),
            "why": verdict.why,
            "missing": list(verdict.missing),
        }
    if name == "answer":
        return {"draft": turn.drafts}
    if name == "reflect":
        return {
            "checked": len(turn.supports),
            "supported": sum(s.supported for s in turn.supports),
            "by_model": sum(s.how == "model" for s in turn.supports),
            "unsupported": [s.reason for s in turn.supports if not s.supported],
        }
    return {}
