"""A row for each turn, kept beside the conversation and gone with it.

All figures are made in SQL: a hundred thousand rows are counted, ordered and searched without being read into Python.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from agent.insights import LONGEST, Asked, Ending, Figures, Listed, Listing, Span, Step, folded
from agent.repeats import Repeats

if TYPE_CHECKING:
    import aiosqlite

    from agent.repeats import Key
    from agent.state import Turn

log = logging.getLogger(__name__)

_DAYS, _WEEKS = 92, 730
"""Days that are shown one by one, and those that are shown by weeks; more are shown by months."""
_BATCH = 500

_VERDICT = "CASE WHEN json_valid(record) THEN json_extract(record, '$.verdict') END"
_FIELDS = tuple("thread n turn at question language route outcome seconds calls prompt completion asker".split())
_COLUMNS = ", ".join(f"a.{name}" for name in _FIELDS)
_STEPS: dict[Step, str] = {
    "day": "date(at, 'unixepoch', 'localtime')",
    "week": "date(at, 'unixepoch', 'localtime', 'weekday 0', '-6 days')",
    "month": "date(at, 'unixepoch', 'localtime', 'start of month')",
}


class AskedStore:
    """The table `asked` in the conversations' database."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self.repeats = Repeats(db)
        """Which of the answers came to a question with a key."""

    async def prepare(self) -> None:
        """Make the table and its indexes where they are missing. Those of the archive and of feedback are there."""
        await self._db.execute(
            "CREATE TABLE IF NOT EXISTS asked (thread TEXT NOT NULL, n INTEGER NOT NULL, turn TEXT NOT NULL, "
            "at REAL NOT NULL, question TEXT NOT NULL, same TEXT NOT NULL, language TEXT NOT NULL, "
            "route TEXT NOT NULL, outcome TEXT NOT NULL, seconds REAL NOT NULL, calls INTEGER NOT NULL, "
            "prompt INTEGER NOT NULL, completion INTEGER NOT NULL, asker TEXT NOT NULL DEFAULT 'owner', "
            "PRIMARY KEY (thread, n))"
        )
        for index in (
            "asked_at ON asked (at, outcome, language, route, seconds)",
            "asked_outcome ON asked (outcome, at)",
            "asked_seconds ON asked (seconds)",
            "asked_same ON asked (same, at)",
            "asked_turn ON asked (thread, turn)",
            f"feedback_verdict ON feedback ({_VERDICT}, thread, turn)",
        ):
            await self._db.execute(f"CREATE INDEX IF NOT EXISTS {index}")
        await self.repeats.prepare()

    async def note(
        self, thread: str, turn: Turn, messages: Sequence[AnyMessage], ending: Ending, seconds: float, *,
        asker: str, key: Key | None = None,
    ) -> int | None:  # fmt: skip
        """Keep what became of a turn; `messages` are those of the checkpoint after it. Returns where its exchange
        stands in the conversation. A database that cannot be written costs the figures a row, and nobody their
        answer: None, as for a conversation that is deleted. `key`: what the question came with."""
        answer = turn.answer if ending == "ended" else None
        outcome: str = ending if answer is None else "refused" if answer.refused else "answered"
        chosen = turn.decision
        route = answer.place if answer else chosen.place if chosen else ""
        last = messages[-1] if messages else None
        id = str(last.id) if answer is not None and isinstance(last, AIMessage) else ""
        held = [str(m.id) for m in messages if isinstance(m, HumanMessage)]
        usage = turn.usage
        row = (
            *(thread, thread, json.dumps(held), len(held) - 1, id, turn.started, turn.question[:LONGEST]),
            *(folded(turn.question), turn.language, route, outcome, seconds),
            *(usage.calls, usage.prompt, usage.completion, asker),
        )
        moved = "SELECT count(*) FROM past WHERE thread = ? AND id NOT IN (SELECT value FROM json_each(?))"
        try:
            insert = f"INSERT OR REPLACE INTO asked VALUES (?, ({moved}) + ?, {', '.join('?' * 12)}) RETURNING n"
            rows = list(await self._db.execute_fetchall(insert, row))
            if key is not None and id:
                await self.repeats.put(asker, key, thread, id)
            await self._db.commit()
            return int(rows[0][0]) if rows else None
        except (sqlite3.Error, ValueError) as error:  # ValueError: the file was closed over a turn that was stopped
            log.warning("what was asked could not be noted: %s", error)
            return None

    async def drop(self, thread: str, first: int) -> None:
        """Forget exchange `first` of a conversation and all after it."""
        await self._db.execute("DELETE FROM asked WHERE thread = ? AND n >= ?", (thread, first))
        await self.repeats.drop(thread)
        await self._db.commit()

    async def figures(self, since: float = 0.0) -> Figures:
        """Everything from `since` (`time.time()`) on."""
        counts: dict[str, int] = dict(
            await self._rows("SELECT outcome, count(*) FROM asked WHERE at >= ? GROUP BY 1", since)
        )
        ended = counts.get("answered", 0) + counts.get("refused", 0)
        [sums] = await self._rows("SELECT sum(calls), sum(prompt), sum(completion) FROM asked WHERE at >= ?", since)
        verdicts = dict(
            await self._rows(
                f"SELECT {_VERDICT}, count(*) FROM feedback f JOIN asked a ON a.thread = f.thread AND a.turn = f.turn "
                "WHERE a.at >= ? GROUP BY 1",
                since,
            )
        )
        step = await self._step(since)
        spans = await self._rows(
            f"SELECT {_STEPS[step]}, count(*), sum(outcome = 'refused') FROM asked WHERE at >= ? GROUP BY 1 ORDER BY 1",
            since,
        )
        return Figures(
            asked=sum(counts.values()),
            refused=counts.get("refused", 0),
            failed=counts.get("failed", 0),
            stopped=counts.get("stopped", 0),
            liked=verdicts.get("up", 0),
            disliked=verdicts.get("down", 0),
            median=await self._quantile(since, ended, 0.5),
            p95=await self._quantile(since, ended, 0.95),
            calls=sums[0] or 0,
            prompt=sums[1] or 0,
            completion=sums[2] or 0,
            routes=await self._shares("route", since),
            languages=await self._shares("language", since),
            step=step,
            spans=tuple(Span(*row) for row in spans),
        )

    async def listed(
        self, which: Listing, since: float = 0.0, text: str = "", *, first: int = 0, most: int = 25
    ) -> Listed:
        """A page of a list: the latest first, but the slowest and the most frequent by that. `text` is looked for in
        the questions, whatever their case, width and spaces."""
        where, values = _where(which, since, text)
        if which == "repeated":
            grouped = f"FROM asked a WHERE {where} GROUP BY a.same HAVING count(*) > 1"
            [(total,)] = await self._rows(f"SELECT count(*) FROM (SELECT 1 {grouped})", *values)
            # beside max() SQLite takes the other columns from the very row that has the maximum
            columns = _COLUMNS.replace("a.at", "max(a.at)")
            query = (
                f"SELECT {columns}, count(*), NULL {grouped} ORDER BY count(*) DESC, max(a.at) DESC LIMIT ? OFFSET ?"
            )
        else:
            counted = _joined(which) if which == "disliked" else "FROM asked a"
            [(total,)] = await self._rows(f"SELECT count(*) {counted} WHERE {where}", *values)
            order = "a.seconds DESC" if which == "slowest" else "a.at DESC"
            query = f"SELECT {_COLUMNS}, 1, f.record {_joined(which)} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
        rows = await self._rows(query, *values, most, first)
        return Listed(total, tuple(_asked(row) for row in rows))

    async def all(self, which: Listing, since: float = 0.0, text: str = "") -> AsyncIterator[Asked]:
        """Every row of a list, the latest first and some at a time; of what was asked often, every question."""
        where, values = _where(which, since, text)
        if which == "repeated":
            where += " AND a.same IN (SELECT same FROM asked WHERE at >= ? GROUP BY same HAVING count(*) > 1)"
            values = (*values, since)
        query = (
            f"SELECT a.rowid, {_COLUMNS}, 1, f.record {_joined(which)} WHERE {where} AND (a.at, a.rowid) < (?, ?) "
            "ORDER BY a.at DESC, a.rowid DESC LIMIT ?"
        )
        before: tuple[float, int] = (math.inf, 0)
        while rows := await self._rows(query, *values, *before, _BATCH):
            for row in rows:
                yield _asked(row[1:])
            before = rows[-1][4], rows[-1][0]

    async def _rows(self, query: str, *values: object) -> list[Any]:
        # at once: a cursor that stays open keeps what is deleted meanwhile from leaving the file
        return list(await self._db.execute_fetchall(query, values))

    async def _shares(self, column: str, since: float) -> tuple[tuple[str, int], ...]:
        query = f"SELECT {column}, count(*) FROM asked WHERE at >= ? AND {column} <> '' GROUP BY 1 ORDER BY 2 DESC, 1"
        return tuple((str(name), int(n)) for name, n in await self._rows(query, since))

    async def _quantile(self, since: float, ended: int, share: float) -> float | None:
        """By nearest rank."""
        if not ended:
            return None
        query = (
            "SELECT seconds FROM asked WHERE at >= ? AND outcome IN ('answered', 'refused') "
            "ORDER BY seconds LIMIT 1 OFFSET ?"
        )
        rows = await self._rows(query, since, max(0, math.ceil(share * ended) - 1))
        return float(rows[0][0]) if rows else None

    async def _step(self, since: float) -> Step:
        [(first, last)] = await self._rows("SELECT min(at), max(at) FROM asked WHERE at >= ?", since)
        days = ((last or 0.0) - (first or 0.0)) / 86_400
        return "day" if days <= _DAYS else "week" if days <= _WEEKS else "month"


def _where(which: Listing, since: float, text: str) -> tuple[str, tuple[object, ...]]:
    parts, values = ["a.at >= ?"], [since]
    if which in ("refused", "failed"):
        parts.append(f"a.outcome = '{which}'")
    elif which == "slowest":
        parts.append("a.outcome IN ('answered', 'refused')")
    elif which == "disliked":
        parts.append(f"{_VERDICT} = 'down'")
    if sought := folded(text):
        parts.append("a.same LIKE ? ESCAPE '\\'")
        return " AND ".join(parts), (*values, f"%{_literal(sought)}%")
    return " AND ".join(parts), tuple(values)


def _joined(which: Listing) -> str:
    kind = "JOIN" if which == "disliked" else "LEFT JOIN"
    return f"FROM asked a {kind} feedback f ON f.thread = a.thread AND f.turn = a.turn"


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _asked(row: Sequence[Any]) -> Asked:
    *told, times, record = row
    columns: dict[str, Any] = dict(zip(_FIELDS, told, strict=True))
    said: dict[str, Any] = {}
    if record:
        try:
            said = json.loads(record)
        except ValueError:
            log.warning("a record of feedback cannot be read")
    return Asked(
        **columns,
        times=times,
        verdict=said.get("verdict") or "",
        reasons=tuple(said.get("reasons") or ()),
        wanted=said.get("wanted") or "",
        corrected=said.get("corrected") or "",
        comment=said.get("comment") or "",
    )
