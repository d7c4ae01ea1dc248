"""The state machine, and nothing else: read this file to know what Kotae does with a question."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent.conditions import awaited
from agent.context import Context
from agent.nodes.answer import after_answer, answer
from agent.nodes.clarify import clarify
from agent.nodes.consent import consent, to_ask
from agent.nodes.finish import abstain, finish
from agent.nodes.gather import after_gather, gather
from agent.nodes.judge import after_judge, judge
from agent.nodes.parts import after_parts, by_part
from agent.nodes.reflect import after_reflect, reflect
from agent.nodes.reply import after_reply, reply
from agent.nodes.route import route
from agent.nodes.understand import understand
from agent.state import State
from agent.trace import traced

_FROM_JUDGE = ("answer", "gather", "abstain")


def after_route(state: State) -> Literal["gather", "parts", "answer", "clarify", "consent"]:
    decision = state["turn"].decision
    assert decision is not None
    looks = "parts" if state["turn"].parts else "consent" if to_ask(state["turn"]) else "gather"
    return {"direct": "answer", "clarify": "clarify"}.get(decision.route, looks)  # type: ignore[return-value]


def _after_reflect(state: State, runtime: Runtime[Context]) -> Literal["answer", "finish", "abstain"]:
    return after_reflect(state["turn"], runtime.context.limits)


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> CompiledStateGraph[State, Context, Any, Any]:
    """The compiled graph. Its loops end at `Limits`: judge → gather by `gathers`, reflect → answer by `drafts`."""
    graph = StateGraph(State, context_schema=Context)
    for name, node in {
        "understand": understand,
        "route": route,
        "parts": by_part(_path().compile()),
        "clarify": clarify,
        "consent": consent,
    }.items():
        graph.add_node(name, node if name == "parts" else traced(name, node))
    _look_up(graph, *_FROM_JUDGE, "clarify", "consent")

    graph.add_node("asked", traced("finish", finish))
    graph.add_node("reply", reply)  # not traced: it waits for a person, for as long as that takes

    graph.add_edge(START, "understand")
    graph.add_edge("understand", "route")
    graph.add_conditional_edges("route", awaited(after_route))
    graph.add_conditional_edges("parts", awaited(after_parts))
    graph.add_edge("clarify", "asked")
    graph.add_edge("consent", "asked")
    graph.add_edge("asked", "reply")
    graph.add_conditional_edges("reply", awaited(after_reply))
    return graph.compile(checkpointer=checkpointer)


def _path() -> StateGraph[State, Context, Any, Any]:
    """What one part of a question goes through."""
    graph = StateGraph(State, context_schema=Context)
    _look_up(graph, *_FROM_JUDGE)  # a part is never asked back
    graph.add_edge(START, "gather")
    return graph


def _look_up(graph: StateGraph[State, Context, Any, Any], *from_judge: str) -> None:
    """From a decision to an answer, or to giving up."""
    for name, node in {
        "gather": gather,
        "judge": judge,
        "answer": answer,
        "reflect": reflect,
        "abstain": abstain,
        "finish": finish,
    }.items():
        graph.add_node(name, traced(name, node))
    graph.add_conditional_edges("gather", awaited(after_gather))
    graph.add_conditional_edges("judge", awaited(after_judge), list(from_judge))
    graph.add_conditional_edges("answer", awaited(after_answer))
    graph.add_conditional_edges("reflect", awaited(_after_reflect))
    graph.add_edge("abstain", "finish")
    graph.add_edge("finish", END)


def diagram() -> str:
    """The graph in Mermaid."""
    return build().get_graph().draw_mermaid()
