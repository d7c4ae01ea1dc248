"""Questions that a program sends with a key of its own, so that one that it sends again is not asked again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiosqlite

    from agent.state import Answer

LASTS = 86_400
"""Seconds after which a key may be used anew."""


@dataclass(frozen=True)
class Key:
    """A key, and a fingerprint of all that was asked with it."""

    key: str
    asked: str


@dataclass(frozen=True)
class Answered:
    """What a key was used for: a fingerprint of what was asked, and its answer, exchange `index` of a conversation."""

    asked: str
    thread: str
    index: int
    turn: str
    answer: Answer


class Repeats:
    """The table `repeats` in the conversations' database: a row for each answer to a question that came with a key.
    What was asked stands in it as a fingerprint only."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db

    async def prepare(self) -> None:
        """Make the table where it is missing. Every new row takes those along that have expired."""
        await self._db.execute(
            "CREATE TABLE IF NOT EXISTS repeats (asker TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, "
            "thread TEXT NOT NULL, turn TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (asker, key))"
        )
        await self._db.execute("CREATE INDEX IF NOT EXISTS repeats_at ON repeats (at)")
        await self._db.execute("CREATE INDEX IF NOT EXISTS repeats_of ON repeats (thread)")
        await self._db.execute(
            "CREATE TRIGGER IF NOT EXISTS repeats_expire AFTER INSERT ON repeats "
            f"BEGIN DELETE FROM repeats WHERE at < NEW.at - {LASTS}; END"
        )
        await self._db.execute("DELETE FROM repeats WHERE at < ?", (time.time() - LASTS,))

    async def put(self, asker: str, key: Key, thread: str, turn: str) -> None:
        """Keep that the question was answered. It is the caller's to commit."""
        row = (asker, key.key, key.asked, thread, turn, time.time())
        await self._db.execute("INSERT OR REPLACE INTO repeats VALUES (?, ?, ?, ?, ?, ?)", row)

    async def find(self, asker: str, key: str) -> tuple[str, str, str] | None:
        """What was asked with a key, in which conversation, and the id of its answer."""
        query = "SELECT asked, thread, turn FROM repeats WHERE asker = ? AND key = ? AND at >= ?"
        rows = list(await self._db.execute_fetchall(query, (asker, key, time.time() - LASTS)))
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    async def drop(self, thread: str) -> None:
        """Forget the keys of those answers of a conversation that are not among what was asked. It is the caller's to
        commit."""
        kept = "(SELECT turn FROM asked WHERE thread = ?)"
        await self._db.execute(f"DELETE FROM repeats WHERE thread = ? AND turn NOT IN {kept}", (thread, thread))
