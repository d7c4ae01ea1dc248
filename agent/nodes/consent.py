"""consent: ask the user before their question goes to a web search, and show what would be sent.

Here the turn ends; `reply` waits for what the user says to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from agent.consent import choices, to_ask
from agent.context import Context
from agent.nodes.gather import outgoing
from agent.prompts import fill
from agent.state import State

__all__ = ["consent", "to_ask"]


async def consent(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn = state["turn"]
    assert turn.decision is not None
    query = await asyncio.to_thread(outgoing, turn, state["messages"], runtime.context)
    looked = any(one.startswith("library:") for one in turn.tried) and "library_empty" not in turn.notices
    draft = fill(turn.language, "replies/may_search_after" if looked else "replies/may_search", query=query)
    decision = replace(turn.decision, route="clarify", why="consent", cue="")
    found = replace(turn, decision=decision, draft=draft, choices=choices(turn.language), would_send=query)
    return {"turn": replace(found, supports=())}
