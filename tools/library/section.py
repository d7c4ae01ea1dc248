"""What is read around what was matched: a small passage finds its place, the section that it was cut from is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace

from tools.base import Passage
from tools.library import access
from tools.library.records import EVERYTHING, Scope


def widened(
    db: sqlite3.Connection,
    passages: Sequence[Passage],
    tokens: int,
    count: Callable[[str], int],
    scope: Scope = EVERYTHING,
) -> list[Passage]:
    """The passages with what stands around them under the same heading, `tokens` each at most, in their order.

    Whole neighbouring passages are added, what follows first, as long as they fit. A passage that one before it has
    taken in is left out. `start`, `end` and `text` tell the wider span; id, score and stages stay those of the match.
    """
    read: list[Passage] = []
    for passage in passages:
        if any(_inside(passage, other) for other in read):
            continue
        start, end = _span(_neighbours(db, passage, scope), passage, tokens, count)
        # not over what an earlier one shows already
        for other in read:
            if other.document == passage.document and other.end <= passage.start:
                start = max(start, other.end)
            if other.document == passage.document and other.start >= passage.end:
                end = min(end, other.start)
        text = _text(db, passage.document, start, end, scope)
        read.append(passage if text is None else replace(passage, text=text, start=start, end=end))
    return read


def _neighbours(db: sqlite3.Connection, passage: Passage, scope: Scope) -> list[tuple[int, int, str]]:
    """Start, end and text of the passages of the same document under the same heading, in order."""
    allowed, values = access.condition(scope)
    return db.execute(
        "SELECT p.start, p.end, p.text FROM passages m "
        "JOIN passages p ON p.document = m.document AND p.heading = m.heading JOIN documents d ON d.id = p.document "
        f"WHERE m.id = :id AND {allowed} ORDER BY p.start",
        values | {"id": passage.id},
    ).fetchall()


def _span(
    rows: Sequence[tuple[int, int, str]], passage: Passage, tokens: int, count: Callable[[str], int]
) -> tuple[int, int]:
    at = next((i for i, (start, _, _) in enumerate(rows) if start == passage.start), None)
    if at is None:
        return passage.start, passage.end
    first = last = at
    room = tokens - count(rows[at][2])
    # outwards in turns, so that the passage stays in the middle of a long section
    steps = [1, -1]
    while steps:
        step = steps.pop(0)
        nearest = last + 1 if step > 0 else first - 1
        if not 0 <= nearest < len(rows):
            continue
        room -= count(rows[nearest][2])
        if room < 0:
            break
        first, last = min(first, nearest), max(last, nearest)
        steps.append(step)
    return rows[first][0], rows[last][1]


def _text(db: sqlite3.Connection, document: str, start: int, end: int, scope: Scope) -> str | None:
    allowed, values = access.condition(scope)
    row = db.execute(
        f"SELECT substr(d.text, :first, :length) FROM documents d WHERE d.id = :document AND {allowed}",
        values | {"first": start + 1, "length": end - start, "document": document},
    ).fetchone()
    return None if row is None or not row[0].strip() else str(row[0])


def _inside(passage: Passage, other: Passage) -> bool:
    return passage.document == other.document and other.start <= passage.start and passage.end <= other.end
