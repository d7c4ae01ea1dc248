"""The state machine itself, without any interface."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from agent.errors import KotaeError, QuestionError
from agent.events import Checked, Done, Draft, Event, Sources, Status
from agent.models.scripted import ScriptExhausted
from ui.conversing.targets import Played, TargetName, joined, seen

if TYPE_CHECKING:
    from agent import Agent
    from tools.base import Consent
    from ui.conversing.stage import Stage


class GraphTarget:
    """Sees everything."""

    name: TargetName = "graph"
    elsewhere = False

    def __init__(self, url: str = "") -> None:
        if url:
            raise KotaeError("The target graph runs in this program; --url goes with http or chat.")

    @asynccontextmanager
    async def open(self, stage: Stage) -> AsyncIterator[_Threads]:
        yield _Threads(stage.agent)

    async def close(self) -> None:
        pass


class _Threads:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._ids: dict[str, str] = {}

    async def ask(self, question: str, *, thread: str, web: Consent | None) -> Played:
        ids = self._ids.setdefault(thread, self._agent.new_thread())
        began = time.perf_counter()
        kinds: list[str] = []
        answer = None
        try:
            async with aclosing(self._agent.stream(question, ids, web=web)) as events:  # type: ignore[type-var]
                async for event in events:
                    if kind := kind_of(event):
                        kinds.append(kind)
                    if isinstance(event, Done):
                        answer = event.answer.as_json()
        except QuestionError as refused:
            return Played(error=str(refused), reason=refused.reason, seconds=time.perf_counter() - began)
        except (KotaeError, ScriptExhausted) as failed:
            return Played(error=_cause(failed), seconds=time.perf_counter() - began)
        assert answer is not None
        return seen(answer, events=joined(kinds), seconds=time.perf_counter() - began)


def kind_of(event: Event) -> str:
    """The kind of an event as scripts name it; "" for the end of a node."""
    if isinstance(event, Status):
        return f"status:{event.node}" if event.seconds is None else ""
    return {Draft: "draft", Checked: "checked", Sources: "sources", Done: "done"}.get(type(event), "token")


def _cause(error: BaseException) -> str:
    """What went wrong; a script that ran out of lines hides behind the model's own error."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ScriptExhausted):
            return str(inner)
        inner = inner.__cause__ or inner.__context__
    return str(error)
