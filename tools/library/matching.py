"""The word index, asked: which passages hold a query's terms, and their BM25.

SQLite computes BM25 for every passage that holds any of the terms, which takes a microsecond each: 30 ms for a common
word among 100,000 passages. So the rarest terms alone propose passages, and BM25 with all terms is computed for these.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Any

from tools.library import access, bm25, store
from tools.library.forms import Word
from tools.library.records import EVERYTHING, Scope

LOOKED_AT = 10_000
"""Passages that SQLite may have to rank for one query. In a smaller library all terms propose."""
OTHER = 0.5
"""What another form of a word counts beside the word itself. However often a passage repeats it, it then gets no more
than for the word itself once."""


def matches(
    db: sqlite3.Connection, terms: Sequence[str], limit: int, scope: Scope = EVERYTHING, looked_at: int = LOOKED_AT
) -> list[int]:
    """Numbers of the permitted passages that hold any of `terms`, the best `limit` by the rarest terms, best first.

    A term may be several with spaces between them, which then stand one after another.
    """
    counts = {term: count for term, count in frequencies(db, terms).items() if count}
    rare = _rarest(counts, looked_at)
    found = _matches(db, rare, limit, scope)
    if len(found) < limit and len(rare) < len(counts):
        return _matches(db, list(counts), limit, scope)
    return found


def scores(
    db: sqlite3.Connection,
    terms: Sequence[str],
    passages: Sequence[int],
    total: int,
    words: Sequence[Word] = (),
    other: float = OTHER,
) -> dict[int, float]:
    """BM25 of `passages` for distinct `terms`, of those that hold any. `total` is how many the library has.

    How rare a term is, is counted over the whole library; how long a passage usually is, over these. `words` are those
    of the terms that have other forms: a passage that has another form in their place gets `other` of what they say.
    """
    counts = frequencies(db, [*terms, *(form for word in words for form in word.others)])
    rarity = {term: max(1e-6, math.log((total - n + 0.5) / (n + 0.5))) for term, n in counts.items() if n}
    weights = {term: rarity[term] for term in terms if term in rarity}
    instead = []
    for word in words:
        most = sum(weights.get(term, 0.0) for term in word.own) or math.inf
        others = {form: other * min(rarity[form], most) for form in word.others if form in rarity}
        if others:
            instead.append((word.own, others))
    if not passages or not (weights or instead):
        return {}
    rows = store.select(db, "SELECT rowid, terms FROM words WHERE rowid IN", passages)
    return bm25.scores({number: held.split(" ") for number, held in rows}, weights, instead)


def holds(db: sqlite3.Connection, terms: Sequence[str], scope: Scope = EVERYTHING) -> bool:
    """Whether one permitted passage holds all of `terms`."""
    query = " AND ".join(f'"{term}"' for term in terms)
    tables, condition, values = _permitted(scope)
    found = db.execute(
        f"SELECT 1 FROM {tables} WHERE words MATCH :query AND {condition} LIMIT 1", values | {"query": query}
    )
    return found.fetchone() is not None


def frequencies(db: sqlite3.Connection, terms: Sequence[str]) -> dict[str, int]:
    """How many passages hold each of `terms`; at most how many, where one is several with spaces between them."""
    parts = {part for term in terms for part in term.split(" ")}
    counts = dict(store.select(db, "SELECT term, doc FROM temp.frequencies WHERE term IN", list(parts)))
    return {term: min(counts.get(part, 0) for part in term.split(" ")) for term in terms}


def _rarest(counts: dict[str, int], most: int) -> list[str]:
    """Terms that occur, from the rarest on, until their passages may be more than `most`; one at least."""
    taken: list[str] = []
    room = most
    for term, count in sorted(counts.items(), key=lambda item: item[1]):
        if not taken or count <= room:
            taken.append(term)
            room -= count
    return taken


def _matches(db: sqlite3.Connection, terms: Sequence[str], limit: int, scope: Scope) -> list[int]:
    if not terms:
        return []
    query = " OR ".join(f'"{term}"' for term in terms)
    tables, condition, values = _permitted(scope)
    rows = db.execute(
        f"SELECT w.rowid FROM {tables} WHERE words MATCH :query AND {condition} ORDER BY w.rank LIMIT :limit",
        values | {"query": query, "limit": limit},
    )
    return [number for (number,) in rows]


def _permitted(scope: Scope) -> tuple[str, str, dict[str, Any]]:
    """Tables and condition of the passages' words that `scope` permits: best first, read until there are enough."""
    condition, values = access.condition(scope)
    if scope == EVERYTHING:
        return "words w", condition, values
    # CROSS JOIN keeps the order: the words decide which passages are looked at
    tables = "words w CROSS JOIN passages p ON p.number = w.rowid CROSS JOIN documents d ON d.id = p.document"
    return tables, condition, values
