"""Logging in and out, and choosing a password: pages that work without JavaScript."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ui import strings
from ui.http.asker import Visiting, visitor_of
from ui.languages import asked_language
from ui.people.errors import PeopleError, ThrottledError, WrongLoginError
from ui.people.login_page import login_html, password_html

if TYPE_CHECKING:
    from ui.people.accounts import Accounts
    from ui.strings import Strings

_FRESH = {"Cache-Control": "no-store"}
_LONGEST_FORM = 8192
_LONGEST_PATH = 2000


def serve_login(app: FastAPI, accounts: Accounts) -> None:
    """Add the pages. That a form comes from our own page is checked in `ui.shield`."""

    @app.get("/login")
    async def login_page(request: Request) -> Response:
        wanted = local(request.query_params.get("next", ""))
        if visitor_of(request).session:
            return _to(wanted or "/")
        return _page(login_html(_words(request), wanted))

    @app.post("/login")
    async def login(request: Request) -> Response:
        words, form = _words(request), await _form(request)
        wanted = local(form.get("next", ""))
        try:
            person, token = await accounts.login(
                form.get("name", ""), form.get("password", ""), _address(request), accounts.token(request.headers)
            )
        except WrongLoginError:
            return _page(login_html(words, wanted, words("login.wrong")), 401)
        except ThrottledError as error:
            return _throttled(login_html(words, wanted, _wait(error, words)), error)
        target = "/password" if person.must_change else wanted or f"/chat/{words.language}/"
        return _to(target, accounts.set_cookie(token))

    @app.post("/logout")
    async def logout(request: Request) -> Response:
        if token := accounts.token(request.headers):
            await asyncio.to_thread(accounts.sessions.end, token)
        return _to("/login", accounts.set_cookie(""))

    @app.get("/password")
    async def password_page(request: Request, visitor: Visiting) -> Response:
        assert visitor.person is not None
        return _page(password_html(_words(request), visitor.person))

    @app.post("/password")
    async def choose(request: Request, visitor: Visiting) -> Response:
        words, form, person = _words(request), await _form(request), visitor.person
        assert person is not None
        new = form.get("new", "")
        if new != form.get("again", ""):
            return _page(password_html(words, person, words("login.different")), 422)
        try:
            token = await accounts.choose_password(person, form.get("password", ""), new, _address(request))
        except PeopleError as error:
            said = words.code("people", error.reason) or words("error.unknown")
            return _page(password_html(words, person, said), 422)
        except WrongLoginError:
            return _page(password_html(words, person, words("login.old_wrong")), 401)
        except ThrottledError as error:
            return _throttled(password_html(words, person, _wait(error, words)), error)
        return _to("/", accounts.set_cookie(token))


def local(target: str) -> str:
    """`target` if it is a path of ours, to be gone to after the login; otherwise ""."""
    if len(target) > _LONGEST_PATH or not re.fullmatch(r"/[!-~]*", target) or "\\" in target:
        return ""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or target.startswith("//"):
        return ""
    # pages only: no answer of the API, and not the login again
    return target if re.fullmatch(r"/(?:chat(?:/.*)?|language/.*|password)?", parts.path) else ""


def _to(target: str, cookie: str = "") -> Response:
    return RedirectResponse(target, 303, headers=_FRESH | ({"Set-Cookie": cookie} if cookie else {}))


def _page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status, headers=_FRESH)


def _throttled(html: str, error: ThrottledError) -> Response:
    return HTMLResponse(html, 429, headers=_FRESH | {"Retry-After": str(error.after)})


def _wait(error: ThrottledError, words: Strings) -> str:
    return words("login.wait", seconds=error.after)


def _words(request: Request) -> Strings:
    return strings.load(asked_language(request))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; none of one that is longer than ours, or no form."""
    body = await request.body()
    if len(body) > _LONGEST_FORM:
        return {}
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
