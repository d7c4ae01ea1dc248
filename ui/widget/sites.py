"""The sites of an installation, and how much was asked on them: one SQLite file, `sites.db`, in the data folder."""

from __future__ import annotations

import secrets
import sqlite3
import string
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Literal

from agent.errors import KotaeError
from ui.widget.site import Site

_ALPHABET = string.ascii_lowercase + string.digits
_DAYS = 35
"""Days for which it is kept how much was asked."""
LOGO_BYTES = 200_000
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}

Limit = Literal["site_limit", "visitor_limit"]


class SiteUnknown(KotaeError):
    """There is no such site."""


class LogoError(KotaeError):
    """The picture cannot be a logo. `code` has a sentence in each language."""

    def __init__(self, code: Literal["logo_size", "logo_kind"]) -> None:
        super().__init__("A logo is a PNG, JPEG, GIF or WebP picture of at most 200 kB.")
        self.code = code


class Sites:
    """Threads may call at once, and other programs may change the sites meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sites.db"
        folder.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("CREATE TABLE IF NOT EXISTS sites (id TEXT PRIMARY KEY, record TEXT NOT NULL, logo BLOB)")
            db.execute(
                "CREATE TABLE IF NOT EXISTS asked (site TEXT NOT NULL, day TEXT NOT NULL, visitor TEXT NOT NULL, "
                "questions INTEGER NOT NULL, PRIMARY KEY (site, day, visitor)) WITHOUT ROWID"
            )

    @staticmethod
    def new_id() -> str:
        """An id that no other site has."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(12))

    def all(self) -> list[Site]:
        """Every site by its name."""
        with self._open() as db:
            found = [Site.model_validate_json(record) for (record,) in db.execute("SELECT record FROM sites")]
        return sorted(found, key=lambda site: (site.name.casefold(), site.id))

    def find(self, id: str) -> Site | None:
        """The site of that id."""
        with self._open() as db:
            row = db.execute("SELECT record FROM sites WHERE id = ?", (id,)).fetchone()
        return Site.model_validate_json(row[0]) if row else None

    def put(self, site: Site) -> None:
        """Keep a site, new or changed; its logo stays."""
        with self._open() as db:
            db.execute(
                "INSERT INTO sites (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
                (site.id, site.model_dump_json()),
            )

    def remove(self, id: str) -> None:
        """Forget a site and what was counted of it. Raises `SiteUnknown`."""
        with self._open() as db:
            db.execute("DELETE FROM asked WHERE site = ?", (id,))
            if db.execute("DELETE FROM sites WHERE id = ?", (id,)).rowcount == 0:
                raise SiteUnknown("There is no such site.")

    def logo(self, id: str) -> bytes | None:
        """The picture that is a site's logo."""
        with self._open() as db:
            row = db.execute("SELECT logo FROM sites WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None

    def set_logo(self, id: str, picture: bytes) -> Site:
        """Keep a picture as the logo of a site; an empty one takes it away. Raises `SiteUnknown` and `LogoError`."""
        kind = _kind(picture) if picture else ""
        with self._open() as db:
            row = db.execute("SELECT record FROM sites WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise SiteUnknown("There is no such site.")
            site = Site.model_validate_json(row[0]).model_copy(update={"logo": kind})
            record = (site.model_dump_json(), picture or None, id)
            db.execute("UPDATE sites SET record = ?, logo = ? WHERE id = ?", record)
        return site

    def count(self, site: Site, visitor: str) -> Limit | None:
        """Count a question of a visitor, or say which limit it would exceed."""
        today = date.today().isoformat()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            query = (
                "SELECT total(questions), total(iif(visitor = ?, questions, 0)) FROM asked WHERE site = ? AND day = ?"
            )
            everybody, own = db.execute(query, (visitor, site.id, today)).fetchone()
            if everybody >= site.daily:
                return "site_limit"
            if own >= site.daily_each:
                return "visitor_limit"
            db.execute(
                "INSERT INTO asked VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET questions = questions + 1",
                (site.id, today, visitor),
            )
            db.execute("DELETE FROM asked WHERE day < date(?, ?)", (today, f"-{_DAYS} days"))
        return None

    def asked(self, id: str) -> dict[str, int]:
        """How many questions were asked on a site, by day (`2026-11-27`)."""
        query = "SELECT day, sum(questions) FROM asked WHERE site = ? GROUP BY day ORDER BY day"
        with self._open() as db:
            return dict(db.execute(query, (id,)).fetchall())

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        try:
            with db:
                yield db
        except sqlite3.Error as error:
            raise KotaeError(f"The sites in {self._path} cannot be read or written ({error}).") from error
        finally:
            db.close()


def _kind(picture: bytes) -> str:
    if len(picture) > LOGO_BYTES:
        raise LogoError("logo_size")
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    for start, kind in _PICTURES.items():
        if picture.startswith(start):
            return kind
    raise LogoError("logo_kind")
