"""The accounts themselves: who there is, with which role, and what of the library each of them may read."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal

from agent.asker import OWNER, Asker
from ui.people.database import Database
from ui.people.errors import PeopleError
from ui.people.roles import PERSON, ROLES, Person, Role

LONGEST_NAME = 64
Reading = frozenset[str] | Literal["all"]
"""Collections of the library, or every one."""
_COLUMNS = "id, name, p.role, asker, created, coalesce(p.reads, r.reads), p.reads IS NOT NULL, must_change"
_FROM = "FROM people p LEFT JOIN roles r ON r.role = p.role"


class Store:
    """The people of one data folder. Every method raises `PeopleError`; one of them when there is no such person."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return [_person(row) for row in self._db.rows(f"SELECT {_COLUMNS} {_FROM} ORDER BY p.folded")]

    def find(self, id: str) -> Person | None:
        rows = self._db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE p.id = ?", (id,))
        return _person(rows[0]) if rows else None

    def asker(self, name: str) -> Asker | None:
        """Who asks under `name` (see `Asker.name`); None for somebody who is gone, or shut out."""
        rows = self._db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE p.asker = ? AND p.password <> ''", (name,))
        return _person(rows[0]).as_asker() if rows else None

    def get(self, id: str) -> Person:
        if (person := self.find(id)) is None:
            raise PeopleError("unknown", "There is no such person; see kotae people list.")
        return person

    def named(self, name: str) -> Person:
        rows = self._db.rows(f"SELECT {_COLUMNS} {_FROM} WHERE p.folded = ?", (folded(name),))
        if not rows:
            raise PeopleError("unknown", f"There is nobody called {name!r}; see kotae people list.")
        return _person(rows[0])

    def has_owner(self) -> bool:
        """Whether anybody could log in and do everything."""
        return bool(self._db.rows("SELECT 1 FROM people WHERE role = 'owner' LIMIT 1"))

    def login(self, name: str) -> tuple[Person, str] | None:
        """Who has this name, and what is kept of the password."""
        rows = self._db.rows(f"SELECT {_COLUMNS}, password {_FROM} WHERE p.folded = ?", (folded(name),))
        return (_person(rows[0][:-1]), rows[0][-1]) if rows else None

    def add(self, name: str, role: Role, password: str, *, must_change: bool = False) -> Person:
        """A new account; `password` is hashed already.

        The first owner is who sat at the machine before there were accounts, so the conversations from then are
        theirs."""
        shown = checked(name)
        id = secrets.token_hex(8)
        try:
            with self._db.changing(alone=True) as db:
                taken = db.execute("SELECT 1 FROM people WHERE asker = ?", (OWNER.name,)).fetchone()
                asker = OWNER.name if role == "owner" and not taken else f"{PERSON}{id}"
                db.execute(
                    "INSERT INTO people (id, name, folded, role, asker, password, must_change, created) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (id, shown, folded(shown), role, asker, password, must_change, self._clock()),
                )
        except sqlite3.IntegrityError as error:
            raise PeopleError("taken", f"There is somebody called {shown!r} already.") from error
        return self.get(id)

    def set_password(self, id: str, password: str, *, must_change: bool = False) -> None:
        """`password` is hashed already."""
        query = "UPDATE people SET password = ?, must_change = ? WHERE id = ?"
        if self._db.change(query, (password, must_change, id)) == 0:
            self.get(id)

    def set_role(self, id: str, role: Role) -> None:
        """Refused where no owner would be left."""
        with self._db.changing(alone=True) as db:
            if role != "owner":
                self._keep_an_owner(db, id)
            db.execute("UPDATE people SET role = ? WHERE id = ?", (role, id))
        self.get(id)

    def set_collections(self, id: str, reads: Reading | None) -> None:
        """What one person may read, whatever their role may; None takes the exception back."""
        if self.get(id).role != "reader" and reads not in (None, "all"):
            raise _tends()
        self._db.change("UPDATE people SET reads = ? WHERE id = ?", (None if reads is None else _written(reads), id))

    def set_role_collections(self, role: Role, reads: Reading) -> None:
        """What everybody of a role may read."""
        if role != "reader" and reads != "all":
            raise _tends()
        self._db.change("INSERT OR REPLACE INTO roles (role, reads) VALUES (?, ?)", (role, _written(reads)))

    def role_collections(self, role: Role) -> frozenset[str] | None:
        """What everybody of a role may read; None is all."""
        rows = self._db.rows("SELECT reads FROM roles WHERE role = ?", (role,))
        return _read(rows[0][0]) if rows else None

    def shut_out(self, id: str) -> None:
        """End every way in of somebody who is about to be removed."""
        with self._db.changing(alone=True) as db:
            db.execute("UPDATE people SET password = '' WHERE id = ?", (id,))
            for table in ("sessions", "keys"):
                db.execute(f"DELETE FROM {table} WHERE person = ?", (id,))

    def remove(self, id: str) -> None:
        """Delete an account with its sessions and keys. The last owner goes last."""
        with self._db.changing(alone=True) as db:
            if db.execute("SELECT count(*) FROM people").fetchone()[0] > 1:
                self._keep_an_owner(db, id)
            db.execute("DELETE FROM people WHERE id = ?", (id,))

    def expect_removable(self, id: str) -> Person:
        """Who would be removed. Raises what `remove` would raise."""
        person = self.get(id)
        with self._db.changing() as db:
            if len(self.all()) > 1:
                self._keep_an_owner(db, id)
        return person

    @staticmethod
    def _keep_an_owner(db: sqlite3.Connection, id: str) -> None:
        """Raises `PeopleError` when `id` is the only owner."""
        owners = [row[0] for row in db.execute("SELECT id FROM people WHERE role = 'owner'")]
        if owners == [id]:
            raise PeopleError("last_owner", "This is the only owner; make somebody else an owner first.")


def folded(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()


def checked(name: str) -> str:
    """A name as it is kept. Raises `PeopleError`."""
    text = unicodedata.normalize("NFKC", " ".join(name.split()))
    if not 1 <= len(text) <= LONGEST_NAME or not text.isprintable():
        raise PeopleError("name", f"A name has from 1 to {LONGEST_NAME} characters that can be printed.")
    return text


def role_of(text: str) -> Role:
    """Raises `PeopleError` for what is no role."""
    for role in ROLES:
        if role == text:
            return role
    raise PeopleError("role_unknown", f"A role is one of {', '.join(ROLES)}.")


def _tends() -> PeopleError:
    return PeopleError("tends", "Editors and owners tend the library and read all of it; only readers can be limited.")


def _person(row: Iterable[object]) -> Person:
    id, name, role, asker, created, reads, exception, must_change = row
    return Person(
        str(id),
        str(name),
        role_of(str(role)),
        str(asker),
        float(str(created)),
        _read(reads),
        bool(exception),
        bool(must_change),
    )


def _written(reads: Reading) -> str:
    return json.dumps("all" if reads == "all" else sorted(reads), ensure_ascii=False)


def _read(reads: object) -> frozenset[str] | None:
    """What was written; nothing written is all, anything else that is no list is nothing."""
    if reads is None:
        return None
    found = json.loads(str(reads))
    if found == "all":
        return None
    return frozenset(str(name) for name in found) if isinstance(found, list) else frozenset()
