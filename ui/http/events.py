"""What a turn tells, as it travels: one JSON object for each event, framed as server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from agent.events import Checked, Draft, Sources, Status
from ui.faults import sentence
from ui.http.turn import Begun, Ended, Failed, Queued

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from agent.state import Source
    from ui.http.turn import Turn, TurnEvent
    from ui.strings import Strings

HEARTBEAT = b": still here\n\n"


def wire(event: TurnEvent, turn: Turn, words: Strings, *, limit: int) -> tuple[str, dict[str, Any]]:
    """The type of an event and its data. `limit`: the most characters of a question, for the sentence that says so."""
    if isinstance(event, Begun):
        return "turn", {"turn": event.turn, "thread": event.thread}
    if isinstance(event, Queued):
        return "status", {"node": "queue", "seconds": _rounded(event.seconds), "facts": {"ahead": event.ahead}}
    if isinstance(event, Status):
        return "status", {"node": event.node, "seconds": _rounded(event.seconds), "facts": event.facts}
    if isinstance(event, Draft):
        return "draft", {"number": event.number}
    if isinstance(event, Checked):
        return "checked", {"number": event.number, "state": event.state}
    if isinstance(event, Sources):
        return "sources", {"sources": [_source(source) for source in event.sources]}
    if isinstance(event, Failed):
        return "error", {"code": event.code, "message": sentence(event.code, words, limit=limit)}
    if isinstance(event, Ended):
        exchange = None if event.index is None else {"index": event.index, "id": event.id}
        return "done", {
            "turn": turn.id,
            "thread": turn.thread,
            "exchange": exchange,
            "answer": event.answer.as_json(),
        }
    return "token", {"text": getattr(event, "text", "")}


def frame(data: str | dict[str, Any], *, type: str = "", id: str = "") -> bytes:
    """One server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    head = (f"id: {id}\n" if id else "") + (f"event: {type}\n" if type else "")
    return f"{head}data: {text}\n\n".encode()


def frames(events: Sequence[tuple[int, TurnEvent]], turn: Turn, words: Strings, *, limit: int) -> bytes:
    """Events of a turn with their numbers, or a sign of life when there are none."""
    if not events:
        return HEARTBEAT
    parts = []
    for n, event in events:
        type, data = wire(event, turn, words, limit=limit)
        parts.append(frame(data, type=type, id=f"{turn.id}/{n}"))
    return b"".join(parts)


class EventStream(StreamingResponse):
    """A response of server-sent events.

    Starlette leaves the generator of a response whose reader went to the garbage collector; here it is closed at once,
    so that the turn learns that it has lost its reader.
    """

    media_type = "text/event-stream"

    def __init__(self, content: AsyncGenerator[bytes, None]) -> None:
        super().__init__(content, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._content.aclose()


def _source(source: Source) -> dict[str, Any]:
    passage = source.passage
    return {
        "n": source.n,
        "id": passage.id,
        "title": passage.title,
        "url": passage.url,
        "page": passage.page,
        "kind": passage.kind,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
