"""Reading what has changed: whether a file or page is what it was, and if not, the document that it is now."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.library import collection, load
from tools.library.listing import Seen
from tools.library.load import Limits, Loaded, LoadError
from tools.library.outcome import Outcome
from tools.library.records import DEFAULT, SourceKind, Text
from tools.library.sources import Page
from tools.library.store import NewDocument, Store
from tools.library.tokens import language
from tools.library.worker import Worker

if TYPE_CHECKING:
    from tools.web.egress import Egress

_RACY = 2.0
"""Seconds. A file changed this shortly before it was indexed may have changed again within the clock's grain."""


@dataclass(frozen=True)
class Order:
    """What a run is to do. `egress` fetches pages; without one there are none."""

    collection: str = DEFAULT
    owner: str | None = None
    every: float | None = None
    anew: bool = False
    """Read what is given even if it is unchanged."""
    roots: bool = True
    """Remember what is given as roots."""
    patient: bool = False
    """Pass over what failed before and has not changed since."""
    egress: Egress | None = None


@dataclass(frozen=True)
class _Content:
    """A file or page that was read: its size, its last change in nanoseconds, and its text."""

    bytes: int
    modified: int
    sha256: str
    loaded: Loaded


class Reader:
    """Reads for one run. A method gives None when nothing is to be written: unchanged, or noted in the outcome."""

    def __init__(self, store: Store, order: Order, own: int, outcome: Outcome, limits: Limits, worker: Worker) -> None:
        self._store = store
        self._order = order
        self._own = own
        self._outcome = outcome
        self._limits = limits
        self._worker = worker

    def file(self, path: Path, known: Seen | None) -> NewDocument | None:
        """The document in a file."""
        stat: os.stat_result | None = None
        name = str(path)
        try:
            name.encode()
            stat = path.stat()
            # what has no digest was read in part
            same = known and known.sha256 and (known.bytes, known.modified) == (stat.st_size, stat.st_mtime_ns)
            foreign = self._order.anew or (known is not None and known.source == "import")
            if known and same and not foreign:
                racy = stat.st_mtime_ns / 1e9 > known.checked_at - _RACY
                if not racy or _sha256(path) == known.sha256:
                    self._unchanged(known, stat, touched=racy)
                    return None
            if self._order.patient and self._outcome.failed_as_it_is(name, stat):
                return None
            load.examine(stat.st_size, self._limits)
            fresh = _sha256(path)
            if known and fresh == known.sha256 and not foreign:
                self._unchanged(known, stat, touched=True)
                return None
            loaded = self._worker.read(path)
        except UnicodeEncodeError:
            shown = name.encode("utf-8", "replace").decode()
            self._fail(shown, "The name of the file is not valid Unicode: rename it.")
        except LoadError as error:
            self._fail(name, str(error), known, stat)
        except FileNotFoundError:
            reason = "The link leads nowhere" if path.is_symlink() else "The file vanished while it was indexed"
            self._fail(name, f"{reason}: index again when it is back.", known)
        except PermissionError:
            self._fail(name, "The file may not be read: change its permissions.", known, stat)
        except OSError as error:
            self._fail(name, f"The file cannot be read ({error.strerror}): check the disk.", known, stat)
        else:
            if known and known.source == "import" and not loaded.unread and self._same_text(known, loaded):
                self._unchanged(known, stat, touched=True, sha256=fresh)
                return None
            content = _Content(stat.st_size, stat.st_mtime_ns, fresh, loaded)
            if loaded.unread:
                content = self._in_part(name, content)
            return self._document(name, "file", content, known)
        return None

    def page(self, url: str, page: Page, known: Seen | None) -> NewDocument | None:
        """The document at an address; `page` is what its server said last time."""
        from tools.library.urls import Missing, read_url
        from tools.web.addresses import EgressError

        if self._order.egress is None:
            self._fail(url, "Pages of the web cannot be read here: save it and index the file.", known)
            return None
        trusted = known and known.source == "url" and not known.gone and not self._order.anew
        before = known.sha256 if known and trusted else ""
        try:
            found = read_url(self._order.egress, url, page, before, self._limits, self._worker)
        except Missing as error:
            self._outcome.pages[url] = replace(page, missing=page.missing + 1)
            if known is None or page.missing == 0:
                self._fail(url, str(error), known)
            elif not known.gone:
                self._outcome.gone.append(known.id)
                self._outcome.change("gone", url, str(error))
            return None
        except (LoadError, EgressError) as error:
            self._fail(url, str(error), known)
            return None
        self._outcome.pages[url] = found.page
        if found.loaded is None:
            assert known is not None
            self._unchanged(known)
            return None
        content = _Content(found.bytes, found.modified, found.sha256, found.loaded)
        if found.loaded.unread:
            content = self._in_part(url, content)
        return self._document(url, "url", content, known)

    def _in_part(self, path: str, content: _Content) -> _Content:
        """Note what is missing. Without a digest it is read again next time, perhaps with what was missing."""
        self._outcome.fail(path, content.loaded.unread, (content.bytes, content.modified), partial=True)
        return replace(content, sha256="")

    def _unchanged(
        self, known: Seen, stat: os.stat_result | None = None, *, touched: bool = False, sha256: str = ""
    ) -> None:
        self._outcome.unchanged += 1
        owner = known.owner if self._order.owner is None else self._order.owner
        if touched or owner != known.owner:
            size, modified = (stat.st_size, stat.st_mtime_ns) if stat else (known.bytes, known.modified)
            seen = replace(
                known,
                bytes=size,
                modified=modified,
                checked_at=time.time(),
                owner=owner,
                source="file" if stat else known.source,
                sha256=sha256 or known.sha256,
            )
            self._outcome.touched.append((known, seen))

    def _document(self, path: str, source: SourceKind, content: _Content, known: Seen | None) -> NewDocument:
        now = time.time()
        loaded = content.loaded
        return NewDocument(
            id=self._id(path, known),
            collection=self._own,
            path=path,
            title=_title(loaded),
            type=loaded.type,
            language=language(loaded.text[:20_000]),
            owner=(known.owner if known else "") if self._order.owner is None else self._order.owner,
            source=source,
            bytes=content.bytes,
            modified=content.modified,
            sha256=content.sha256,
            indexed_at=now,
            checked_at=now,
            gone=0,
            pages=loaded.pages,
            text=loaded.text,
        )

    def _id(self, path: str, known: Seen | None) -> str:
        if known:
            return known.id
        with self._store.read() as db:
            assert db is not None
            return new_id(db, path, self._own)

    def _same_text(self, known: Seen, loaded: Loaded) -> bool:
        """Whether what an archive brought is what really stands there; the archive's checksum proves nothing."""
        with self._store.read() as db:
            row = db and db.execute("SELECT title, text FROM documents WHERE id = ?", (known.id,)).fetchone()
        return bool(row) and row == (_title(loaded), loaded.text)

    def _fail(self, path: str, reason: str, known: Seen | None = None, stat: os.stat_result | None = None) -> None:
        state = (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)
        self._outcome.fail(path, reason, state, kept=known is not None)


def from_text(text: Text, own: int, order: Order) -> NewDocument:
    """The document of a text that stands in no file."""
    loaded = Loaded(text.text, text.title, "text")
    return given(text.id, loaded, own, order, digest(f"text:{own}:{text.id}"))


def given(place: str, loaded: Loaded, own: int, order: Order, id: str) -> NewDocument:
    """A document that somebody else has read. A file keeps its date, so that it counts as unchanged later."""
    now = time.time()
    data = loaded.text.encode("utf-8", "replace")
    path = Path(place)
    file = path.is_file()
    stat = path.stat() if file else None
    return NewDocument(
        id=id,
        collection=own,
        path=place,
        title=_title(loaded),
        type=loaded.type,
        language=language(loaded.text[:20_000]),
        owner=order.owner or "",
        source="file" if file else "import",
        bytes=stat.st_size if stat else len(data),
        modified=stat.st_mtime_ns if stat else time.time_ns(),
        sha256=_sha256(path) if file else hashlib.sha256(data).hexdigest(),
        indexed_at=now,
        checked_at=now,
        gone=0,
        pages=loaded.pages,
        text=loaded.text,
    )


def new_id(db: sqlite3.Connection, path: str, own: int) -> str:
    """The id of a new document of this path in the collection of this number."""
    id = digest(path if own == collection.FIRST else f"{own}:{path}")
    held = "SELECT 1 FROM documents WHERE id = ? AND NOT (collection = ? AND path = ?)"
    if db.execute(held, (id, own, path)).fetchone():
        return digest(f"{id}:{time.time_ns()}")  # that document was moved to another collection
    return id


def _title(loaded: Loaded) -> str:
    return " ".join(loaded.title.split())[:200]


def digest(text: str) -> str:
    """A name made from a text, the same whenever it is made."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
