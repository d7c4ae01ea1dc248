"""What a visitor sees of a turn and of a conversation: the chat's own renderers, as trees, in words for visitors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from tools.base import ToolError
from ui.faults import sentence
from ui.http.events import HEARTBEAT, frame
from ui.http.turn import Begun, Ended, Failed
from ui.live import Progress
from ui.render import answer_html, draft_html, error_html, source_path, stopped_html
from ui.render_panel import panel_html
from ui.render_path import doing
from ui.widget.tree import Tree, tree

if TYPE_CHECKING:
    from agent import Agent, Exchange, Source
    from ui.http.turn import Turn
    from ui.strings import Strings

_PAUSE = 0.15
"""Seconds between two screens of a stream: a phone far away gets whole drafts, not every word of them."""
_PATIENCE = 0.7
"""Seconds after which a visitor is told that the model is still being started."""


def exchange(one: Exchange, words: Strings, *, thread: str, index: int, last: bool) -> dict[str, Any]:
    """A question and its answer. `verdict` is the thumb that was given, "" for none."""
    if one.answer is None:
        html, sources = stopped_html(words, index=index, last=last), {}
    else:
        sources = {source_path(thread, index, source.n): source.n for source in one.answer.sources}
        html = answer_html(one.answer, words, thread=thread, index=index, last=last, turn=one.turn, given=one.feedback)
    return {
        "index": index,
        "question": one.question,
        "answer": tree(html, sources),
        "turn": one.turn,
        "verdict": one.feedback.verdict if one.feedback else "",
        "refused": one.answer is None or one.answer.refused,
    }


async def conversation(agent: Agent, words: Strings, thread: str) -> list[dict[str, Any]]:
    """All that was said in a conversation, oldest first."""
    said = await agent.history(thread)
    return [exchange(one, words, thread=thread, index=i, last=i == len(said) - 1) for i, one in enumerate(said)]


async def source(agent: Agent, words: Strings, found: Source) -> Tree:
    """A source in its surroundings. The document itself is not handed to visitors."""
    before = after = ""
    present = True
    if found.passage.kind == "library":
        try:
            context = await asyncio.to_thread(agent.library.context, found.passage.id, agent.scope)
        except ToolError:
            context = None
        if present := context is not None:
            assert context is not None
            before, after = context.before, context.after
    return tree(panel_html(found, words, before=before, after=after, present=present))


def fault(code: str, words: Strings, *, limit: int) -> Tree:
    """What a visitor is told when there is no answer."""
    return tree(error_html(sentence(code, words, limit=limit), words))


async def stream(turn: Turn, words: Strings, *, limit: int) -> AsyncGenerator[bytes, None]:
    """A turn as server-sent events: `turn` first, `screen` as often as something has changed, `done` or `error` last.

    Each screen is whole, so a reader who lost the connection goes on with the next one.
    """
    progress, shown = Progress(), b""
    async with aclosing(turn.read()) as parts:
        async for events in parts:
            if not events:
                yield HEARTBEAT
                continue
            for _, event in events:
                if isinstance(event, Begun):
                    yield frame({"turn": event.turn, "thread": event.thread}, type="turn")
                elif isinstance(event, Ended | Failed):
                    yield await _last(turn, event, words, limit)
                else:
                    progress.take(event)
            if turn.outcome is None and (screen := _screen(turn, progress, words)) != shown:
                shown = screen
                yield screen
                await asyncio.sleep(_PAUSE)


def _screen(turn: Turn, progress: Progress, words: Strings) -> bytes:
    starting = not turn.agent.model_ready and time.monotonic() - progress.since > _PATIENCE
    state = words("path.starting") if starting else doing(progress.node, words)
    draft: Tree = []
    if progress.draft.strip():
        draft = tree(draft_html(progress.draft, words, checked=progress.checked))
    return frame({"doing": state, "draft": draft}, type="screen")


async def _last(turn: Turn, event: Ended | Failed, words: Strings, limit: int) -> bytes:
    code = event.code if isinstance(event, Failed) else "thread"
    if isinstance(event, Ended) and event.index is not None:
        said = await turn.agent.history(turn.thread)
        if event.index < len(said):  # otherwise the conversation was deleted meanwhile
            last = event.index == len(said) - 1
            shown = exchange(said[event.index], words, thread=turn.thread, index=event.index, last=last)
            return frame(shown, type="done")
    return frame({"code": code, "answer": fault(code, words, limit=limit)}, type="error")
