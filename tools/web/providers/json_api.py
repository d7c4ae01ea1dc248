"""Asking a search service that answers in JSON, through the one way out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tools.web.addresses import EgressError
from tools.web.egress import Egress
from tools.web.providers import SearchBusy, SearchRefused

if TYPE_CHECKING:
    import ssl

_BYTES = 4 * 2**20


class JsonApi:
    """One address that is asked with parameters. `allow` is as in `Egress`, `headers` go with every request."""

    def __init__(self, address: str, allow: Sequence[str] = (), headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._allow = tuple(allow)
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._trust: ssl.SSLContext | None = None

    def ask(self, parameters: Mapping[str, str], seconds: float) -> dict[str, Any]:
        """The object that it answers.

        Redirects are not followed: they would carry the query, and a key, to somebody else. Raises `SearchRefused` for
        a refusal and for what no second request would change, `SearchBusy` where it says when to ask again,
        `EgressError`, `ConnectionError` or `ValueError` otherwise.
        """
        if self._trust is None and self._address.startswith("https:"):
            import httpx

            self._trust = httpx.create_ssl_context()  # takes longer than many an answer
        egress = Egress(self._allow, seconds=seconds, bytes=_BYTES, redirects=0, trust=self._trust)
        try:
            response = egress.get(f"{self._address}?{urlencode(parameters)}", self._headers)
        except EgressError as error:
            if error.reason in ("refused", "redirects", "too_large"):
                raise SearchRefused(str(error)) from error
            raise
        if 400 <= response.status < 500 and response.status not in (408, 425, 429):
            raise SearchRefused(f"status {response.status}", response.retry_after)
        if response.status != 200 and response.retry_after:
            raise SearchBusy(f"status {response.status}", response.retry_after)
        if response.status != 200:
            raise ConnectionError(f"status {response.status}")
        answer = json.loads(response.body)
        if not isinstance(answer, dict):
            raise ConnectionError("an answer that is not an object")
        return answer


def text(value: object) -> str:
    """A field that should hold text; empty where it holds anything else."""
    return value if isinstance(value, str) else ""


def day(value: object) -> str:
    """The day of a time such as `2026-11-27T09:30:00`; empty where it is none."""
    try:
        return date.fromisoformat(text(value)[:10]).isoformat()
    except ValueError:
        return ""
