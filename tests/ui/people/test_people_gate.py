"""The one gate: every route is named in it, and what nobody thought of is the owner's."""

from __future__ import annotations

import re

import pytest

from tests.ui.people.conftest import Open
from tests.ui.people.town import endpoints
from ui.people.gate import TABLE, decide, line_of
from ui.people.roles import AT_THE_MACHINE, NOBODY, Person, Visitor
from ui.shield import _GRADIO

UNNAMED = {("GET", "/api/{rest:path}")}
"""Says that there is nothing; what it catches is nobody's business but the owner's."""


def path_of(template: str) -> str:
    """A path that fits a route."""
    return re.sub(r"\{\w+(:path)?\}", "1", template)


def visitor(role: str | None, *scopes: str, must_change: bool = False) -> Visitor:
    if role is None:
        return NOBODY
    person = Person("1", "n", role, "person:1", 0, must_change=must_change)  # type: ignore[arg-type]
    return Visitor(person.as_asker(), person.role, person, scopes=frozenset(scopes) if scopes else None)  # type: ignore[arg-type]


async def test_every_route_is_named_in_the_table(open_town: Open) -> None:
    here = await open_town(chat=True)
    found = endpoints(here.app)
    assert len(found) > 120
    assert sum(path.startswith("/chat/ja/") for _, path in found) > 20, "mounted applications are looked into"
    unnamed = {
        (method, path)
        for method, path in found
        if line_of(method, path_of(path)) is None
        # what the shield lets nobody reach
        and not ((page := re.match(r"/chat/(?:en|ja)(/.*)?", path)) and not _GRADIO.match(path_of(page[1] or "/")))
    }
    assert unnamed == UNNAMED


def test_without_accounts_nothing_is_different() -> None:
    assert decide("DELETE", "/api/people/1", AT_THE_MACHINE) == "pass"
    assert decide("GET", "/nobody/thought/of/it", AT_THE_MACHINE) == "pass"


@pytest.mark.parametrize(
    ("method", "path", "who", "verdict"),
    [
        ("GET", "/health", visitor(None), "pass"),
        ("GET", "/widget.js", visitor(None), "pass"),
        ("POST", "/widget/abc/ask", visitor(None), "pass"),
        ("GET", "/assets/kotae.css", visitor(None), "pass"),
        ("PUT", "/assets/kotae.css", visitor(None), "login"),
        ("GET", "/widgets", visitor(None), "login"),
        ("GET", "/healthy", visitor(None), "login"),
        ("HEAD", "/", visitor(None), "login"),
        ("GET", "/new", visitor("editor"), "forbidden"),
        ("GET", "/new", visitor("owner"), "pass"),
        ("TRACE", "/api/threads", visitor("reader"), "forbidden"),
        ("GET", "/api/threads/", visitor("reader"), "forbidden"),
        ("GET", "/api/threads", visitor("reader"), "pass"),
        ("HEAD", "/api/threads", visitor("reader"), "pass"),
        ("GET", "/api/library/frame", visitor("reader"), "forbidden"),
        ("GET", "/api/library/frame", visitor("editor"), "pass"),
        ("GET", "/api/library/documents/1/document", visitor("reader"), "pass"),
        ("GET", "/api/library/documents/1/2/document", visitor("reader"), "forbidden"),
        ("GET", "/metrics", visitor("editor"), "forbidden"),
        ("GET", "/api/people", visitor("editor"), "forbidden"),
        ("POST", "/api/chat", visitor("reader", "chat"), "pass"),
        ("POST", "/api/chat", visitor("owner", "read", "write", "metrics"), "scope"),
        ("GET", "/metrics", visitor("owner", "metrics"), "pass"),
        ("GET", "/metrics", visitor("reader", "metrics"), "forbidden"),
        ("GET", "/new", visitor("owner", "chat", "read", "write", "metrics"), "scope"),
        ("GET", "/api/people", visitor("owner", "chat", "read", "write", "metrics"), "scope"),
        ("POST", "/api/account/keys", visitor("owner", "write"), "scope"),
        ("GET", "/chat/en/", visitor("owner", "chat", "read"), "scope"),
        ("GET", "/api/threads", visitor("owner", must_change=True), "password"),
        ("POST", "/password", visitor("reader", must_change=True), "pass"),
        ("POST", "/logout", visitor("reader", must_change=True), "pass"),
    ],
)
def test_who_may_what(method: str, path: str, who: Visitor, verdict: str) -> None:
    assert decide(method, path, who) == verdict


def test_no_line_hides_a_stricter_one() -> None:
    """The first line that fits counts, so each has to be reached by the path it names."""
    for methods, path, least, scope in TABLE:
        for method in methods.split():
            line = line_of(method, path_of(path).replace("**", "x"))
            assert line is not None
            assert (line.least, line.scope) == (least, scope), path
