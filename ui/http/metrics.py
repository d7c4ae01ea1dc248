"""How it is doing: `/ready` for what starts and stops servers, `/metrics` for Prometheus. Neither tells what was asked,
by whom, or where."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel, ConfigDict

from tools.base import ToolError
from ui.http.asker import Authorised
from ui.http.problems import FRESH

if TYPE_CHECKING:
    from agent import Agent
    from ui.http.turn import Turn
    from ui.http.turns import Turns, Why

log = logging.getLogger(__name__)

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160)


class Metrics:
    """Counts the turns of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._turns = Counter(
            "kotae_turns", "Turns that ended.", ("route", "outcome"), registry=self.registry
        )  # fmt: skip
        self._seconds = Histogram(
            "kotae_turn_seconds", "Seconds of a turn, waiting included.", buckets=_SECONDS, registry=self.registry
        )
        self._tokens = Counter(
            "kotae_tokens", "Tokens of the language model.", ("kind",), registry=self.registry
        )  # fmt: skip
        self._turned_away = Counter(
            "kotae_turns_turned_away", "Turns that were not taken.", ("reason",), registry=self.registry
        )
        for reason in ("busy", "draining"):
            self._turned_away.labels(reason)

    def watch(self, turns: Turns) -> None:
        """Tell how many turns run and wait, too."""
        running = Gauge("kotae_turns_running", "Turns that are being answered.", registry=self.registry)
        waiting = Gauge("kotae_turns_waiting", "Turns that wait for others to end.", registry=self.registry)
        running.set_function(lambda: turns.running)
        waiting.set_function(lambda: turns.waiting)

    def ended(self, turn: Turn) -> None:
        self._turns.labels(turn.answer.route if turn.answer else "none", turn.outcome or "").inc()
        self._seconds.observe(turn.seconds)
        if turn.answer is not None:
            usage = turn.answer.usage
            for kind, count in (("prompt", usage.prompt), ("cached", usage.cached), ("completion", usage.completion)):
                self._tokens.labels(kind).inc(count)

    def refused(self, why: Why) -> None:
        self._turned_away.labels(why).inc()


class Ready(BaseModel):
    """Whether questions can be answered now, and what is missing if not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ready": False, "missing": ["model"]}]})
    ready: bool
    missing: list[Literal["model", "library", "turns"]]


def serve_metrics(api: APIRouter, agent: Agent, turns: Turns, metrics: Metrics) -> None:
    """Add `/ready` and `/metrics`."""

    @api.get("/ready", tags=["operation"], response_model=Ready, responses={503: {"model": Ready}})
    async def ready(_: Authorised) -> Response:
        """200 when the model is loaded, the library can be read and turns are taken; otherwise 503."""
        missing = [] if agent.model_ready else ["model"]
        if not await asyncio.to_thread(_readable, agent):
            missing.append("library")
        if turns.draining:
            missing.append("turns")
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200, headers=FRESH)

    @api.get("/metrics", tags=["operation"], responses={200: {"content": {"text/plain": {}}}}, response_class=Response)
    async def figures(_: Authorised) -> Response:
        """Counts in the text format of Prometheus."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST, headers=FRESH)


def _readable(agent: Agent) -> bool:
    try:
        agent.library.status()
    except (ToolError, OSError) as error:
        log.warning("The library cannot be read: %s", type(error).__name__)
        return False
    return True
