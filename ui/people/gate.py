"""The one gate: who may send which request. Nothing else in Kotae decides that.

It is closed by default: a request that no line of the table names is the owner's. What of the conversations and the
library somebody meets behind it follows from who they are (`agent.acting_for`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from ui.people.roles import KeyScope, Role, Visitor

Verdict = Literal["pass", "login", "password", "scope", "forbidden"]
"""`login`: nobody has logged in; `password`: they have to choose a password first; `scope`: their key is not for this;
`forbidden`: their role is not enough."""

TABLE: tuple[tuple[str, str, Role | None, KeyScope | None], ...] = (
    # open: logging in, what it looks like, and what starts and watches servers
    ("GET POST", "/login", None, None),
    ("POST", "/logout", None, None),
    ("GET", "/assets/**", None, None),
    ("GET", "/favicon.ico", None, None),
    ("GET", "/health", None, None),
    ("GET", "/ready", None, None),
    # the widget checks its visitors itself
    ("GET", "/widget.js", None, None),
    ("GET POST DELETE OPTIONS", "/widget/**", None, None),
    # one's own account
    ("GET POST", "/password", "reader", None),
    ("GET", "/api/account", "reader", None),
    ("DELETE", "/api/account/sessions/{id}", "reader", None),
    ("POST", "/api/account/keys", "reader", None),
    ("DELETE", "/api/account/keys/{id}", "reader", None),
    # the page
    ("GET", "/", "reader", None),
    ("GET", "/chat", "reader", None),
    ("GET", "/chat/", "reader", None),
    ("GET", "/chat/{language}", "reader", None),
    ("GET", "/language/{language}", "reader", None),
    ("GET POST", "/chat/{language}/**", "reader", None),
    ("GET POST", "/api/memory", "reader", None),
    ("POST", "/api/memory/forget", "reader", None),
    # asking
    ("POST", "/api/chat", "reader", "chat"),
    ("GET DELETE", "/api/chat/{turn}", "reader", "chat"),
    ("GET", "/v1/models", "reader", "chat"),
    ("POST", "/v1/chat/completions", "reader", "chat"),
    # one's conversations
    ("GET", "/api/threads", "reader", "read"),
    ("GET", "/api/threads/{thread}", "reader", "read"),
    ("PATCH DELETE", "/api/threads/{thread}", "reader", "write"),
    ("GET", "/api/threads/{thread}/answers/{index}/sources/{n}", "reader", "read"),
    ("GET", "/api/threads/{thread}/answers/{index}/sources/{n}/page.png", "reader", "read"),
    ("GET", "/api/threads/{thread}/answers/{index}/sources/{n}/document", "reader", "read"),
    ("GET", "/api/threads/{thread}/turns/{turn}/feedback", "reader", "read"),
    ("PUT DELETE", "/api/threads/{thread}/turns/{turn}/feedback", "reader", "write"),
    ("GET", "/api/feedback", "reader", "read"),
    # what may be read of the library
    ("GET", "/api/openapi.json", "reader", "read"),
    ("GET", "/api/search", "reader", "read"),
    ("GET", "/api/documents", "reader", "read"),
    ("GET", "/api/documents/{id}", "reader", "read"),
    ("GET", "/api/collections", "reader", "read"),
    ("GET", "/api/specialists", "reader", "read"),
    ("GET", "/api/library/documents/{id}/document", "reader", "read"),
    ("GET", "/api/library/documents/{id}/pages/{page}.png", "reader", "read"),
    # tending it
    ("GET", "/api/library/**", "editor", "read"),
    ("POST DELETE", "/api/library/**", "editor", "write"),
    ("GET", "/api/specialists/**", "editor", "read"),
    ("POST DELETE", "/api/specialists/**", "editor", "write"),
    ("GET", "/api/insights/**", "editor", "read"),
    # the installation
    ("GET", "/metrics", "owner", "metrics"),
    ("GET POST", "/api/settings/**", "owner", None),
    ("GET POST PUT DELETE", "/api/sites/**", "owner", None),
    ("GET POST PATCH", "/api/people", "owner", None),
    ("POST PATCH DELETE", "/api/people/**", "owner", None),
)
"""Methods, path, the least role (None: everybody, logged in or not), and what a key must be good for (None: no key
opens it). The first line that fits counts. `{…}` is one part of a path, `**` any number of them."""

PAGES = re.compile(r"/(?:chat/?|chat/(?:en|ja)/?|language/[^/]+|password)?")
"""Where somebody who has not logged in is led to the login, rather than refused."""


@dataclass(frozen=True)
class Line:
    """A line of the table. `least` None: open to everybody."""

    least: Role | None
    scope: KeyScope | None


def decide(method: str, path: str, visitor: Visitor) -> Verdict:
    """Whether `visitor` may send this request, and why not."""
    line = line_of(method, path)
    if line is not None and line.least is None:
        return "pass"
    if visitor.role is None:
        return "login"
    if visitor.scopes is not None and (line is None or line.scope not in visitor.scopes):
        return "scope"
    if visitor.person is not None and visitor.person.must_change and path != "/password":
        return "password"
    return "pass" if visitor.may("owner" if line is None or line.least is None else line.least) else "forbidden"


@lru_cache(maxsize=1024)
def line_of(method: str, path: str) -> Line | None:
    """The line that a request falls under; None is the owner's."""
    asked = "GET" if method == "HEAD" else method
    for methods, pattern, least, scope in _COMPILED:
        if asked in methods and pattern.fullmatch(path):
            return Line(least, scope)
    return None


def _compiled(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\}|\*\*)", path)
    kinds = {"**": ".*"}
    return re.compile("".join(kinds.get(p) or ("[^/]+" if p.startswith("{") else re.escape(p)) for p in parts), re.S)


_COMPILED = tuple((frozenset(m.split()), _compiled(path), least, scope) for m, path, least, scope in TABLE)
