"""Errors as they leave: a code, and a sentence in the reader's language. The text of an exception never leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from ui import strings
from ui.faults import code_of, where
from ui.http.turns import KeyTaken, Refused
from ui.languages import asked_language

if TYPE_CHECKING:
    from ui.strings import Strings

log = logging.getLogger(__name__)

FRESH = {"Cache-Control": "no-store"}
Responses = dict[int | str, dict[str, Any]]
"""What a route may respond with besides its usual answer, for the description."""
_STATUS = {
    "empty": 422,
    "too_long": 422,
    "request": 422,
    "unsupported": 400,
    "no_question": 400,
    "event_id": 400,
    "login": 401,
    "token": 401,
    "forbidden": 403,
    "key_scope": 403,
    "password_due": 403,
    "not_found": 404,
    "thread": 404,
    "unknown_turn": 404,
    "no_model": 404,
    "not_allowed": 405,
    "key_taken": 409,
    "stopped": 409,
    "busy": 429,
    "hurried": 429,
    "still_asking": 429,
    "site_limit": 429,
    "visitor_limit": 429,
    "unknown": 500,
    "draining": 503,
    "model_missing": 503,
    "model_unusable": 503,
    "model_unavailable": 503,
}
_LONGEST_FIELD = 80


class Fault(BaseModel):
    """What went wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class ErrorBody(BaseModel):
    """Every error of the API."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": {"code": "thread", "message": "…"}}]})
    error: Fault


class Problem(Exception):
    """Something that was asked for cannot be done. `code` has a sentence `error.<code>`, filled with `values`; `after`:
    seconds to wait before asking again."""

    def __init__(self, code: str, *, after: int | None = None, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.after = after
        self.values = values


@dataclass(frozen=True)
class Told:
    """An error as it leaves. `after`: seconds to wait before asking again."""

    status: int
    code: str
    message: str
    after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        return FRESH if self.after is None else {**FRESH, "Retry-After": str(self.after)}


def told(error: Exception, words: Strings, *, limit: int) -> Told:
    """What a reader is told of `error`. `limit`: the most characters of a question."""
    if isinstance(error, Refused):
        return _told(error.why, words, after=error.after)
    if isinstance(error, Problem):
        return _told(error.code, words, after=error.after, values=error.values)
    if isinstance(error, KeyTaken):
        return _told("key_taken", words)
    if isinstance(error, RequestValidationError):
        place = error.errors()[0]["loc"] if error.errors() else ()
        return _told("request", words, values={"field": ".".join(map(str, place))[:_LONGEST_FIELD]})
    if isinstance(error, HTTPException):
        return _told("not_allowed" if error.status_code == 405 else "not_found", words)
    code = code_of(error)
    if code == "unknown":
        log.error("A request failed: %s", where(error))
    return _told(code, words, values={"limit": f"{limit:,}"} if code == "too_long" else None)


def _told(code: str, words: Strings, after: int | None = None, values: Mapping[str, object] | None = None) -> Told:
    if values:
        return Told(_STATUS.get(code, 409), code, words(f"error.{code}", **values), after)
    message = words.code("error", code) or words.code("cannot", code) or words.code("unsaid", code)
    return Told(_STATUS.get(code, 409), code, message or words("error.unknown"), after)


Shape = Callable[[Told], dict[str, Any]]


def plainly(error: Told) -> dict[str, Any]:
    """The shape of Kotae's own API."""
    return {"error": {"code": error.code, "message": error.message}}


def answering(shape: Shape, limit: int, *, visitors: bool = False) -> type[APIRoute]:
    """A class of routes whose errors leave in `shape`; with `visitors` in words for those of another site."""

    class Answering(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as error:  # whatever it is: its text must not leave
                    words = strings.load(asked_language(request))
                    found = told(error, words.for_visitors() if visitors else words, limit=limit)
                    return JSONResponse(shape(found), found.status, headers=found.headers)

            return answer

    return Answering
