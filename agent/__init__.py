"""The mind: a LangGraph state machine that routes, gathers, judges, answers and reflects.

All that interfaces and scripts may import:

    async with Agent.open() as agent:
        answer = await agent.ask("How do I add documents?")
"""

from agent.agent import Agent, Exchange
from agent.errors import (
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
from agent.settings import Settings
from agent.state import Answer, Decision, Sentence, Source, Step, Usage
from agent.threads import Thread

__all__ = [
    "Agent",
    "Answer",
    "Decision",
    "Done",
    "Draft",
    "Event",
    "Exchange",
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
