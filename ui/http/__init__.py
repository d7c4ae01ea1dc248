"""The API: turns as streams of events, conversations, search and the library as JSON, and Kotae as a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Depends

from ui.http.asker import authorise
from ui.http.chat import serve_chat
from ui.http.completions import OpenAIError, as_openai
from ui.http.description import serve_description
from ui.http.metrics import Metrics, serve_metrics
from ui.http.openai import serve_openai
from ui.http.problems import ErrorBody, answering, plainly
from ui.http.reads import serve_reads
from ui.http.threads import serve_threads
from ui.http.turns import Turns

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agent import Agent


def serve_api(app: FastAPI, agent: Agent) -> Turns:
    """Add the routes of the API, and return the turns that are asked through them: the caller ends them."""
    metrics = Metrics()
    turns = Turns(agent, agent.settings.max_turns, agent.settings.max_waiting, metrics)
    metrics.watch(turns)
    limit = agent.settings.max_question_chars
    ours, openai = (
        APIRouter(
            route_class=answering(shape, limit),
            dependencies=[Depends(authorise)],
            responses={422: {"model": model, "description": "The request does not fit."}},
        )
        for shape, model in ((plainly, ErrorBody), (as_openai, OpenAIError))
    )
    serve_chat(ours, agent, turns)
    serve_threads(ours, agent, turns)
    serve_reads(ours, agent)
    serve_metrics(ours, agent, turns, metrics)
    serve_openai(openai, agent, turns)
    serve_description(ours, [*ours.routes, *openai.routes])
    for router in (ours, openai):
        app.include_router(router)
    return turns
