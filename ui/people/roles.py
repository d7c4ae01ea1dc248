"""Who there is: people with a role, and whoever sends a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from agent.asker import OWNER, Asker

Role = Literal["reader", "editor", "owner"]
"""Readers chat. Editors tend the library and the specialists besides, and see all of them. Owners do everything."""
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least to the most."""
PERSON = "person:"
"""How the names of people as askers begin; the random id of the account follows."""
KeyScope = Literal["chat", "read", "write", "metrics"]
"""What a key is good for: asking, reading what is there, changing it, the figures of the server."""
SCOPES: tuple[KeyScope, ...] = get_args(KeyScope)


@dataclass(frozen=True)
class Person:
    """An account. `collections`: what they may read; None is all. `exception`: this was said for them alone."""

    id: str
    name: str
    role: Role
    asker: str
    """The name of their `Asker`: never the login name, and the same as long as the account exists."""
    created: float
    collections: frozenset[str] | None = None
    exception: bool = False
    must_change: bool = False
    """The password was given to them by somebody else, and lasts until they choose one."""

    def as_asker(self) -> Asker:
        """This person as the agent meets them."""
        tends = self.role != "reader"
        return Asker(
            self.asker,
            collections=None if tends else self.collections,
            web="on",
            specialists=True,
            teaches=tends,
            remembered=True,
        )


@dataclass(frozen=True)
class Visitor:
    """Who sends a request. `role` is None for somebody who has not logged in."""

    asker: Asker
    role: Role | None
    person: Person | None = None
    session: str = ""
    """The id of their session, if they came with one."""
    key: str = ""
    """The id of their key, if they came with one."""
    scopes: frozenset[KeyScope] | None = None
    """What their key is good for, if they came with one."""

    def may(self, least: Role) -> bool:
        """Whether their role is `least` or more."""
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(least)


NOBODY = Visitor(Asker("nobody"), None)
AT_THE_MACHINE = Visitor(OWNER, "owner")
"""Everybody, where there are no accounts: Kotae is served to its own machine only then."""
