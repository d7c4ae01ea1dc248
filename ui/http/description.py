"""`/api/openapi.json`: the API described, for programs that make clients and for people who read."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter
    from starlette.routing import BaseRoute

PATH = "/api/openapi.json"
_ABOUT = """Ask questions of your own documents and follow how they are answered.

Every error has the shape `{"error": {"code": …, "message": …}}`, under `/v1` that of OpenAI. `Accept-Language` chooses
the language of messages."""


def serve_description(api: APIRouter, routes: Sequence[BaseRoute]) -> None:
    """Add the description of `routes`."""

    @cache
    def described() -> dict[str, Any]:
        return get_openapi(title="Kotae", version=_version(), description=_ABOUT, routes=routes)

    @api.get(PATH, include_in_schema=False)
    async def description() -> JSONResponse:
        return JSONResponse(described())


def _version() -> str:
    try:
        return version("kotae")
    except PackageNotFoundError:
        return "0"
