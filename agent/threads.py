"""Conversations: LangGraph's SQLite checkpointer, and beside it a list with titles.

One file, `threads.db`. What a person deletes is gone from it: after every turn only the latest checkpoint of a thread
is kept, so no earlier state keeps words that were rewound or deleted. A checkpoint holds the last exchanges of a
conversation, `agent.archive` those before them.
"""

from __future__ import annotations

import inspect
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agent import state
from agent.archive import Archive
from agent.asker import OWNER
from agent.errors import ThreadError
from agent.feedback import FeedbackStore
from agent.insights_store import AskedStore
from tools.base import Consent, Passage, Sent

_TITLE_CHARS = 60
_WEB = "web TEXT"
_HELD = {"checkpoints": "thread_id", "writes": "thread_id"} | dict.fromkeys(
    ("past", "feedback", "asked", "repeats"), "thread"
)
"""Tables of what belongs to a conversation. Where that is deleted, perhaps by another process while a turn runs in it,
nothing more is written to them."""
_ASKER = f"asker TEXT NOT NULL DEFAULT '{OWNER.name}'"


@dataclass(frozen=True)
class Thread:
    """A conversation. `updated` is `time.time()` of its last turn."""

    id: str
    title: str
    updated: float
    web: Consent | None = None
    """Whether its questions may go to a web search, where somebody has said so for this conversation."""


def _serializer() -> JsonPlusSerializer:
    """Only our own state types are rebuilt from a checkpoint: a planted one runs nothing (CVE-2026-28277)."""
    ours = [t for t in vars(state).values() if inspect.isclass(t) and t.__module__ == state.__name__]
    return JsonPlusSerializer(
        pickle_fallback=False,
        allowed_msgpack_modules=[(t.__module__, t.__qualname__) for t in (*ours, Passage, Sent)],
    )


class Threads:
    """The list of the conversations of one asker, and the checkpointer that holds those of all."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._asker = OWNER.name
        self.checkpointer = AsyncSqliteSaver(db, serde=_serializer())
        self.feedback = FeedbackStore(db)
        """What was said of the answers."""
        self.archive = Archive(db)
        self.asked = AskedStore(db)
        """What became of every turn."""

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Threads]:
        """Open or make the file. Raises `ThreadError` when it cannot be read as what it should be."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            async with aiosqlite.connect(path) as db:
                threads = cls(db)
                await threads._prepare()
                yield threads
        except (sqlite3.DatabaseError, OSError) as error:
            raise ThreadError(
                f"The conversations in {path} cannot be read ({error}); move that file away and start again."
            ) from error

    def of(self, asker: str) -> Threads:
        """The conversations of somebody else, in the same file."""
        other = copy(self)
        other._asker = asker
        return other

    async def _prepare(self) -> None:
        await self._db.execute("PRAGMA secure_delete = ON")
        await self._db.execute("PRAGMA busy_timeout = 5000")
        await self.checkpointer.setup()
        await self.archive.prepare()
        await self._db.execute(
            "CREATE TABLE IF NOT EXISTS threads "
            "(id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, "
            f"{_WEB}, {_ASKER})"
        )
        async with self._db.execute("PRAGMA table_info(threads)") as columns:
            held = {column[1] async for column in columns}
        for column in (_WEB, _ASKER):
            if column.split()[0] not in held:  # made by an earlier version
                await self._db.execute(f"ALTER TABLE threads ADD COLUMN {column}")
        await self._db.execute("CREATE INDEX IF NOT EXISTS threads_of ON threads (asker, updated)")
        await self.feedback.prepare()
        await self.asked.prepare()
        for table, column in _HELD.items():
            await self._db.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_held BEFORE INSERT ON {table} "
                f"WHEN NOT EXISTS (SELECT 1 FROM threads WHERE id = NEW.{column}) BEGIN SELECT RAISE(IGNORE); END"
            )
        await self._db.commit()

    @staticmethod
    def new_id() -> str:
        """An id for a conversation; it is listed from its first question on."""
        return uuid.uuid4().hex

    async def touch(self, thread: str, question: str) -> Consent | None:
        """Note that a question was asked; the first one becomes the title. Returns what was said of the web for the
        conversation. Raises `ThreadError` for a conversation of somebody else, as if there were none."""
        title = " ".join(question.split())
        title = title if len(title) <= _TITLE_CHARS else title[: _TITLE_CHARS - 1] + "…"
        now = time.time()
        rows = list(
            await self._db.execute_fetchall(
                "INSERT INTO threads (id, title, created, updated, asker) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET updated = excluded.updated WHERE asker = excluded.asker RETURNING web",
                (thread, title, now, now, self._asker),
            )
        )
        await self._db.commit()
        self._expect(len(rows))
        web: Consent | None = rows[0][0]
        return web

    async def asker(self, thread: str) -> str:
        """Whose conversation it is; "" for one that is not there."""
        async with self._db.execute("SELECT asker FROM threads WHERE id = ?", (thread,)) as rows:
            row = await rows.fetchone()
        return row[0] if row else ""

    async def askers(self, prefix: str) -> list[str]:
        """All whose name begins so and who have conversations."""
        query = "SELECT DISTINCT asker FROM threads WHERE substr(asker, 1, ?) = ? ORDER BY asker"
        async with self._db.execute(query, (len(prefix), prefix)) as rows:
            return [asker async for (asker,) in rows]

    async def holds(self, thread: str) -> bool:
        """Whether there is such a conversation."""
        query = "SELECT 1 FROM threads WHERE id = ? AND asker = ?"
        async with self._db.execute(query, (thread, self._asker)) as rows:
            return await rows.fetchone() is not None

    async def expect(self, thread: str) -> None:
        """Raises `ThreadError` for a conversation that is not there."""
        self._expect(int(await self.holds(thread)))

    async def list(self) -> list[Thread]:
        """All conversations, the latest first."""
        query = "SELECT id, title, updated, web FROM threads WHERE asker = ? ORDER BY updated DESC"
        async with self._db.execute(query, (self._asker,)) as rows:
            return [Thread(*row) async for row in rows]

    async def web(self, thread: str) -> Consent | None:
        """What was said of the web for this conversation."""
        query = "SELECT web FROM threads WHERE id = ? AND asker = ?"
        async with self._db.execute(query, (thread, self._asker)) as rows:
            row = await rows.fetchone()
        return row[0] if row else None

    async def set_web(self, thread: str, web: Consent | None) -> None:
        """Raises `ThreadError` for a conversation that is not there."""
        done = await self._db.execute(
            "UPDATE threads SET web = ? WHERE id = ? AND asker = ?", (web, thread, self._asker)
        )
        await self._db.commit()
        self._expect(done.rowcount)

    async def rename(self, thread: str, title: str) -> None:
        title = " ".join(title.split())[:200]
        if not title:
            raise ThreadError("A conversation needs a name.")
        done = await self._db.execute(
            "UPDATE threads SET title = ? WHERE id = ? AND asker = ?", (title, thread, self._asker)
        )
        await self._db.commit()
        self._expect(done.rowcount)

    async def delete(self, thread: str) -> None:
        """Remove a conversation and everything that was said in it, and of it, from the file. Raises `ThreadError` for
        one that is not there."""
        await self.expect(thread)
        await self._db.execute("DELETE FROM feedback WHERE thread = ?", (thread,))
        await self._db.execute("DELETE FROM asked WHERE thread = ?", (thread,))
        await self.asked.repeats.drop(thread)
        await self._db.execute("DELETE FROM threads WHERE id = ?", (thread,))
        await self._db.commit()
        await self.checkpointer.adelete_thread(thread)
        await self.archive.drop(thread)
        await self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def prune(self, thread: str) -> None:
        """Keep the latest checkpoint of a thread. The checkpointer for SQLite has no `prune` of its own."""
        latest = "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?)"
        async with self.checkpointer.lock:
            for table in ("writes", "checkpoints"):
                await self._db.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < {latest}", (thread, thread)
                )
            await self._db.commit()

    @staticmethod
    def _expect(rows: int) -> None:
        if rows == 0:
            raise ThreadError("There is no such conversation; it may have been deleted.")
