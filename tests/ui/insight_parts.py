"""An agent whose conversations hold questions of many days, for tests of the insights."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fake_agent import FakeAgent, answer, settings

from agent.insights import folded
from agent.threads import Threads

HOSTILE = '<img src=x onerror="alert(1)"> =cmd'
FORMULA = "=HYPERLINK(1)"
Row = dict[str, Any]
QUESTIONS: Sequence[Row] = (
    {"question": "When does the canteen open?", "days": 0},
    {"question": "when does the canteen open", "days": 1, "seconds": 3.2},
    {"question": "Who repairs the lift in building C?", "days": 1, "outcome": "refused", "seconds": 6.4},
    {"question": "食堂は何時に開きますか？", "days": 2, "language": "ja", "seconds": 2.9},
    {"question": "育児休業は何日取れますか？", "days": 2, "language": "ja", "outcome": "refused", "seconds": 5.1},
    {"question": HOSTILE, "days": 3, "route": "web", "seconds": 31.4},
    {"question": FORMULA, "days": 3, "outcome": "failed", "route": ""},
    {
        "question": "How many days of leave does a new employee have?",
        "days": 4,
        "verdict": "down",
        "reasons": ["wrong"],
        "corrected": "20 days, and 2 more after a year",
        "comment": "+see <b>page 3</b>",
    },
    {"question": "Thanks!", "days": 4, "route": "direct", "seconds": 0.8, "verdict": "up"},
    {"question": "What is new on the intranet?", "days": 12, "route": "web", "seconds": 14.0},
    {"question": "Where is the first-aid box?", "days": 60, "outcome": "stopped", "route": ""},
)


async def put(threads: Threads, n: int, *, thread: str = "t", **row: Any) -> None:
    """Exchange `n` of a conversation, as the agent notes it."""
    turn, at = f"{thread}-{n}", time.time() - row.get("days", 0) * 86_400 - 60
    noted = (
        *(thread, n, turn, at, row["question"], folded(row["question"]), row.get("language", "en")),
        *(row.get("route", "library"), row.get("outcome", "answered"), row.get("seconds", 2.4), 3, 900, 80),
        row.get("asker", "owner"),
    )
    await threads._db.execute(
        "INSERT OR IGNORE INTO threads (id, title, created, updated) VALUES (?, '', 0, 0)", [thread]
    )
    await threads._db.execute(f"INSERT INTO asked VALUES ({', '.join('?' * 14)})", noted)
    if "verdict" in row:
        given = {name: row.get(name, "") for name in ("verdict", "corrected", "comment")}
        record = json.dumps(given | {"reasons": row.get("reasons", []), "wanted": row.get("wanted")})
        await threads._db.execute("INSERT INTO feedback VALUES (?, ?, ?, ?)", (thread, turn, at, record))
    await threads._db.commit()


@asynccontextmanager
async def opened(folder: Path, rows: Sequence[Row] = QUESTIONS) -> AsyncIterator[FakeAgent]:
    """An agent with these questions in one conversation, which can be opened too."""
    agent = FakeAgent(settings(folder), {})
    async with Threads.open(folder / "threads.db") as threads:
        for n, row in enumerate(rows):
            await put(threads, n, **row)
        agent.insights = threads.asked
        if rows:
            said = answer("It stands in the handbook. " * 12)
            agent.put("t", "The canteen", [(row["question"], said) for row in rows])
        yield agent
