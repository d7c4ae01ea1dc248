"""What a run finds besides the documents it writes: what is gone, touched, failing, and no longer failing."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from tools.library import sources, store
from tools.library.listing import Seen
from tools.library.records import DEFAULT, Change, ChangeKind, Failure, OnChange
from tools.library.scan import Scan
from tools.library.sources import Failed, Page

KEPT = "What was indexed of it before is kept."
"""Follows the reason when a document could be read once and no longer can."""


@dataclass(frozen=True)
class Scanned:
    """What a run was given and found."""

    found: Scan
    given: set[str]
    """Absolute paths, as they were given."""
    urls: tuple[str, ...]
    known: Mapping[str, Seen]
    welcome: frozenset[str]
    """Files that were passed over until now."""

    @cached_property
    def roots(self) -> dict[str, Literal["file", "folder", "url"]]:
        """What is to be kept current: folders, and files and pages that stand in none of them."""
        roots: dict[str, Literal["file", "folder", "url"]] = {str(folder): "folder" for folder in self.found.folders}
        roots |= {str(file): "file" for file in self.found.files if str(file) in self.given and not self.covers(file)}
        return roots | dict.fromkeys(self.urls, "url")

    def covers(self, path: Path) -> bool:
        """Whether a file at `path` would have been found in a given folder if it were there."""
        return self.found.covers(path)


class Outcome:
    """Collected while a run goes on, written in its last transaction."""

    def __init__(
        self,
        collection: str = DEFAULT,
        before: Mapping[str, Failed] | None = None,
        changed: OnChange | None = None,
    ) -> None:
        self._collection = collection
        self._before = dict(before or {})
        self._changed = changed
        self._untold: list[Change] = []
        self._failing: dict[str, Failed] = {}
        self._unremembered: set[str] = set()
        self._forgiven: list[str] = []
        self._found_again: list[str] = []
        self.unchanged = 0
        self.touched: list[tuple[Seen, Seen]] = []
        """Documents whose content is what it was, before and after: dates, owner or kind of source differ."""
        self.removed: list[str] = []
        """Ids of documents whose files have gone."""
        self.gone: list[str] = []
        """Ids of documents whose pages are no longer there."""
        self.pages: dict[str, Page] = {}

    def change(self, kind: ChangeKind, path: str, reason: str = "", *, written: bool = False) -> None:
        """Note what became of one document; it is told once it is `written`."""
        if self._changed is not None:
            tell = self._changed if written else self._untold.append
            tell(Change(kind, path, self._collection, reason))

    def tell(self) -> None:
        """Tell the caller what was noted."""
        untold, self._untold = self._untold, []
        for change in untold:
            assert self._changed is not None
            self._changed(change)

    def fail(
        self,
        path: str,
        reason: str,
        state: tuple[int, int] = (0, 0),
        *,
        kept: bool = False,
        partial: bool = False,
        remember: bool = True,
    ) -> None:
        """Note a failure; one that is not to be remembered is only reported. `state`: size and time of change.

        `kept`: it could be read once. `partial`: it was read, without what `reason` says.
        """
        if kept:
            reason += f" {KEPT}"
        before = self._before.get(path)
        tries = before.tries + 1 if before else 1
        self._failing[path] = Failed(reason, time.time(), tries, *state, partial)
        # a misspelt path is nothing that can be tried again
        if not remember or not (sources.is_url(path) or os.path.lexists(path)):
            self._unremembered.add(path)
        if before is None or before.reason != reason:  # a watched folder tells it once
            self.change("partial" if partial else "failed", path, reason)

    def failed_as_it_is(self, path: str, stat: os.stat_result) -> bool:
        """Whether a file failed before and has not changed since; it is then reported as it was."""
        before = self._before.get(path)
        if before is None or (before.bytes, before.modified) != (stat.st_size, stat.st_mtime_ns):
            return False
        self._failing[path] = before
        return True

    def failures(self) -> tuple[Failure, ...]:
        """What failed in this run, in the order in which it did."""
        return tuple(
            Failure(path, entry.reason, self._collection, entry.failed_at, entry.tries, entry.partial)
            for path, entry in self._failing.items()
        )

    def settle(self, scanned: Scanned) -> None:
        """Find what is over: the documents whose files have gone, and failures of before."""
        there = set(map(str, scanned.found.files))

        def over(path: str) -> bool:
            looked_at = path in scanned.given or scanned.covers(Path(path))
            return looked_at and path not in there and not os.path.exists(path)

        for path, seen in scanned.known.items():
            if seen.source == "file" and over(path):
                self._failing.pop(path, None)
                self.removed.append(seen.id)
                self.change("removed", path)
        read = scanned.given | set(scanned.urls)
        self._forgiven = [
            path
            for path in self._before
            if path not in self._failing and (path in read or path in there or scanned.covers(Path(path)))
        ]
        self._found_again = [path for path in scanned.welcome if path in there]

    @property
    def changes_passages(self) -> bool:
        """Whether writing it changes what a search finds or may find."""
        seen = any(replace(before, checked_at=after.checked_at) != after for before, after in self.touched)
        return bool(self.removed or self.gone or seen)

    def write(self, db: sqlite3.Connection, own: int) -> None:
        """Everything, after `settle`."""
        for id in self.removed:
            store.remove(db, id)
        for id in self.gone:
            store.empty(db, id)
        for before, seen in self.touched:
            db.execute(
                "UPDATE documents SET bytes = ?, modified = ?, checked_at = ?, owner = ?, source = ?, sha256 = ? "
                "WHERE id = ? AND sha256 = ?",
                (
                    *(seen.bytes, seen.modified, seen.checked_at, seen.owner, seen.source, seen.sha256),
                    *(seen.id, before.sha256),
                ),
            )
        sources.forgive(db, own, self._forgiven)
        db.executemany("DELETE FROM ignored WHERE collection = ? AND path = ?", [(own, p) for p in self._found_again])
        self.write_failures(db, own)

    def write_failures(self, db: sqlite3.Connection, own: int) -> None:
        """What failed, as far as it can be tried again."""
        for path, entry in self._failing.items():
            if path not in self._unremembered and entry is not self._before.get(path):
                sources.fail(db, own, path, entry)
            elif path in self._unremembered:
                sources.forgive(db, own, [path])
