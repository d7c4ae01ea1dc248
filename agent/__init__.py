"""The mind: a LangGraph state machine that routes, gathers, judges, answers and reflects.

All that interfaces and scripts may import:

    async with Agent.open() as agent:
        answer = await agent.ask("How do I add documents?")

Each name is loaded when it is asked for, so that what needs the settings or the library alone does not wait for
LangGraph.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.agent import Agent
    from agent.asker import Asker
    from agent.conversations import Exchange
    from agent.errors import (
        FeedbackError,
        KotaeError,
        ModelError,
        ModelMissing,
        ModelUnavailable,
        ModelUnusable,
        PromptError,
        QuestionError,
        SettingsError,
        ThreadError,
    )
    from agent.events import Done, Draft, Event, Sources, Status, Token
    from agent.feedback import Feedback
    from agent.settings import Settings
    from agent.state import Answer, Decision, Sentence, Source, Step, Usage
    from agent.threads import Thread

_PLACES = {
    "agent": ("Agent",),
    "asker": ("Asker",),
    "conversations": ("Exchange",),
    "errors": (
        *("FeedbackError", "KotaeError", "ModelError", "ModelMissing", "ModelUnavailable", "ModelUnusable"),
        *("PromptError", "QuestionError", "SettingsError", "ThreadError"),
    ),
    "events": ("Done", "Draft", "Event", "Sources", "Status", "Token"),
    "feedback": ("Feedback",),
    "settings": ("Settings",),
    "state": ("Answer", "Decision", "Sentence", "Source", "Step", "Usage"),
    "threads": ("Thread",),
}

__all__ = [
    "Agent",
    "Answer",
    "Asker",
    "Decision",
    "Done",
    "Draft",
    "Event",
    "Exchange",
    "Feedback",
    "FeedbackError",
    "KotaeError",
    "ModelError",
    "ModelMissing",
    "ModelUnavailable",
    "ModelUnusable",
    "PromptError",
    "QuestionError",
    "Sentence",
    "Settings",
    "SettingsError",
    "Source",
    "Sources",
    "Status",
    "Step",
    "Thread",
    "ThreadError",
    "Token",
    "Usage",
]


def __getattr__(name: str) -> object:
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"agent.{place}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
