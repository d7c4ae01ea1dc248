"""Old exchanges of long conversations, beside the checkpoints: a checkpoint is read and written whole with every turn,
so it holds the last exchanges only, and does not grow with the conversation.

Nothing is summed up or left out: what the reader is shown is complete. For later turns `Gist`s stay within reach.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.digest import Gist, gists

KEPT = 24
"""Exchanges that stay in the checkpoint, about 60 to 120 kB."""
SLACK = 8
"""They are moved so many at a time, since moving writes a checkpoint more."""


@dataclass(frozen=True)
class Kept:
    """An exchange as it was: `text` and `record` (see `agent.records`) are None where no answer was given."""

    id: str
    """That of the question's message."""
    question: str
    text: str | None
    record: dict[str, Any] | None
    turn: str = ""
    """The id of the answer's message."""

    def messages(self) -> list[AnyMessage]:
        """The messages that it was."""
        asked = HumanMessage(self.question, id=self.id)
        if self.text is None:
            return [asked]
        record = {} if self.record is None else {"answer": self.record}
        return [asked, AIMessage(self.text, id=self.turn or None, additional_kwargs=record)]


class Archive:
    """The table `past`. Its rows are known by the id of their question, so that one that was moved by halves before the
    process was killed is told from two."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def prepare(self) -> None:
        await self._db.execute(
            "CREATE TABLE IF NOT EXISTS past (thread TEXT NOT NULL, id TEXT NOT NULL, n INTEGER NOT NULL, "
            "question TEXT NOT NULL, text TEXT, record TEXT, turn TEXT NOT NULL, asked TEXT NOT NULL, "
            "said TEXT NOT NULL, PRIMARY KEY (thread, id))"
        )

    async def add(self, thread: str, messages: Sequence[AnyMessage]) -> None:
        """Keep whole exchanges behind those that are there."""
        async with self._db.execute("SELECT max(n) FROM past WHERE thread = ?", (thread,)) as rows:
            row = await rows.fetchone()
        n = 0 if row is None or row[0] is None else row[0] + 1
        found = zip(exchanges(messages), gists(messages), strict=True)
        await self._db.executemany(
            "INSERT OR IGNORE INTO past VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (thread, one.id, n + i, one.question, one.text, _dumped(one.record), one.turn, gist.asked, gist.said)
                for i, (one, gist) in enumerate(found)
            ],
        )
        await self._db.commit()

    async def read(self, thread: str) -> list[Kept]:
        """All that was moved, oldest first."""
        query = "SELECT id, question, text, record, turn FROM past WHERE thread = ? ORDER BY n"
        async with self._db.execute(query, (thread,)) as rows:
            return [_kept(*row) async for row in rows]

    async def gists(self, thread: str) -> list[Gist]:
        """What stays of it for the turns to come."""
        query = "SELECT asked, said FROM past WHERE thread = ? ORDER BY n"
        async with self._db.execute(query, (thread,)) as rows:
            return [Gist(*row) async for row in rows]

    async def drop(self, thread: str, ids: Sequence[str] | None = None) -> None:
        """Remove these exchanges of a conversation, or all of them."""
        if ids is None:
            await self._db.execute("DELETE FROM past WHERE thread = ?", (thread,))
        else:
            await self._db.executemany("DELETE FROM past WHERE thread = ? AND id = ?", [(thread, id) for id in ids])
        await self._db.commit()


def exchanges(messages: Sequence[AnyMessage]) -> list[Kept]:
    """Messages as exchanges, oldest first."""
    found: list[Kept] = []
    for message in messages:
        if isinstance(message, HumanMessage):
            found.append(Kept(str(message.id), str(message.text), None, None))
        elif isinstance(message, AIMessage) and found:
            last = found[-1]
            record = message.additional_kwargs.get("answer")
            found[-1] = Kept(last.id, last.question, str(message.text), record, str(message.id))
    return found


def _kept(id: str, question: str, text: str | None, record: str | None, turn: str) -> Kept:
    return Kept(id, question, text, None if record is None else json.loads(record), turn)


def _dumped(record: dict[str, Any] | None) -> str | None:
    return None if record is None else json.dumps(record, ensure_ascii=False)
