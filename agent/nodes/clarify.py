"""clarify: ask back. The question cannot be understood on its own, or the documents answer it in several ways.

Here the turn ends; `reply` waits for what the user says to it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from langchain_core.messages import HumanMessage
from langgraph.runtime import Runtime

from agent.context import Context
from agent.guard import steers
from agent.models.chat import Meter
from agent.prompts import fill
from agent.state import State

_TITLES = 8


async def clarify(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, context = state["turn"], runtime.context
    if turn.choices and turn.decision is not None:
        asks = "who" if turn.decision.why == "namesakes" else "which"
        return {"turn": replace(turn, draft=fill(turn.language, f"replies/{asks}"))}
    titles = [title for title in await asyncio.to_thread(context.titles) if not steers(title)][:_TITLES]
    meter = Meter()
    prompt = fill(turn.language, "clarify", question=turn.question, titles=", ".join(titles) or "—")
    said = await context.model.write([HumanMessage(prompt)], max_tokens=60, meter=meter)
    line = said.splitlines()[0].strip(' "「」') if said else ""
    is_question = line.endswith(("?", "？", "か。", "か"))
    reply = line if is_question else fill(turn.language, "replies/clarify")
    return {"turn": replace(turn, draft=reply, usage=turn.usage + meter.usage)}
