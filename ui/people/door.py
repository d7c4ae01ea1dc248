"""ASGI middleware that knows who sends a request and asks the gate about it, for every route and every mounted part.

It puts the `Visitor` into the request's state, and whatever needs to know who asks finds it there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from ui import strings
from ui.http.completions import as_openai
from ui.http.problems import Problem, plainly, told
from ui.languages import asked_language
from ui.people.gate import PAGES, decide
from ui.people.roles import AT_THE_MACHINE, Visitor

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ui.people.accounts import Accounts
    from ui.people.gate import Verdict
    from ui.people.watch import Watch

_OPEN_PAGES = 10_000
_CODES = {"login": "login", "password": "password_due", "scope": "key_scope", "forbidden": "forbidden"}


class Door:
    """See the module. Without accounts everybody is the owner. `watch` ends what goes on longer than it may."""

    def __init__(self, app: ASGIApp, accounts: Accounts | None, watch: Watch | None = None) -> None:
        self._app = app
        self._accounts = accounts
        self._watch = watch
        self._pages: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal: Response | None = None
        visitor = AT_THE_MACHINE
        if self._accounts is not None:
            visitor = await asyncio.to_thread(self._accounts.recognise, Headers(scope=scope))
            verdict = decide(scope["method"], scope["path"], visitor)
            if verdict != "pass":
                refusal = _refused(Request(scope), verdict)
            elif not self._is_theirs(scope, visitor):
                refusal = Response(status_code=404)
        scope.setdefault("state", {})["visitor"] = visitor
        if self._watch is None or refusal is not None or visitor.person is None:
            await (refusal or self._app)(scope, receive, send)
        else:
            await self._watch.respond(visitor, self._app, scope, receive, send)

    def _is_theirs(self, scope: Scope, visitor: Visitor) -> bool:
        """Whether an open page of the browser (Gradio's session) belongs to `visitor`: to whoever opened it."""
        place, _, rest = scope["path"].partition("/gradio_api/")
        if not place.startswith("/chat/"):
            return True
        if rest.startswith("heartbeat/"):
            session = rest.removeprefix("heartbeat/")
        elif rest == "queue/data":
            session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        else:
            return True
        owner = self._pages.setdefault(session, visitor.asker.name)
        self._pages.move_to_end(session)
        while len(self._pages) > _OPEN_PAGES:
            self._pages.popitem(last=False)
        return owner == visitor.asker.name


def _refused(request: Request, verdict: Verdict) -> Response:
    path = request.url.path
    if verdict in ("login", "password") and request.method in ("GET", "HEAD") and PAGES.fullmatch(path):
        if verdict == "password":
            return RedirectResponse("/password", 303, headers={"Cache-Control": "no-store"})
        wanted = f"{path}?{request.url.query}" if request.url.query else path
        target = "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}"
        return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    found = told(Problem(_CODES[verdict]), strings.load(asked_language(request)), limit=0)
    shape = as_openai if path.startswith("/v1/") else plainly
    challenge = {"WWW-Authenticate": "Bearer"} if found.status == 401 else {}
    return JSONResponse(shape(found), found.status, headers=found.headers | challenge)
