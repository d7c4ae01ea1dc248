"""Who may see what: the one place where a `Scope` becomes a condition on documents."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.library.records import EVERYTHING, Scope

Numbers = npt.NDArray[np.int64]


def condition(scope: Scope) -> tuple[str, dict[str, Any]]:
    """SQL over the table of documents `d`, and its values by name. Every reading of the library goes through it."""
    parts: list[str] = []
    values: dict[str, Any] = {}

    def among(column: str, allowed: frozenset[Any] | None, inner: str = "{}") -> None:
        if allowed is not None:
            names = {f"{column}{i}": value for i, value in enumerate(sorted(allowed))}
            parts.append(f"d.{column} IN ({inner.format(', '.join(f':{name}' for name in names))})")
            values.update(names)

    among("collection", scope.collections, "SELECT number FROM collections WHERE name IN ({})")
    among("type", scope.types)
    among("owner", scope.owners)
    for name, comparison, moment in (("since", ">=", scope.since), ("until", "<", scope.until)):
        if moment is not None:
            parts.append(f"d.modified {comparison} :{name}")
            values[name] = max(-(2**63), min(2**63 - 1, round(moment * 1e9)))
    return " AND ".join(parts) or "1", values


@dataclass(frozen=True, eq=False)
class Permitted:
    """The passages that a scope permits. Each is itself, so that what is made from it can be remembered with it."""

    numbers: Numbers
    """Ascending."""
    bitmap: npt.NDArray[np.uint8]
    """One bit for each number from 0, the lowest bit of a byte first."""


def permitted(db: sqlite3.Connection, scope: Scope) -> Permitted | None:
    """The passages that `scope` permits; None when it permits all."""
    if scope == EVERYTHING:
        return None
    allowed, values = condition(scope)
    rows = db.execute(
        f"SELECT p.number FROM documents d CROSS JOIN passages p ON p.document = d.id WHERE {allowed}", values
    )
    numbers = np.sort(np.fromiter((row[0] for row in rows), np.int64))
    flags = np.zeros(int(numbers[-1]) + 1 if len(numbers) else 1, np.bool_)
    flags[numbers] = True
    return Permitted(numbers, np.packbits(flags, bitorder="little"))


class Permissions:
    """Remembers what scopes permit while the content of the library stays the same. Not thread-safe."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._state = ""
        self._known: OrderedDict[Scope, Permitted | None] = OrderedDict()

    def of(self, db: sqlite3.Connection, scope: Scope, state: str) -> Permitted | None:
        """See `permitted`. `state` names the content of `db`."""
        if state != self._state:
            self._known.clear()
            self._state = state
        if scope not in self._known:
            self._known[scope] = permitted(db, scope)
        self._known.move_to_end(scope)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return self._known[scope]
