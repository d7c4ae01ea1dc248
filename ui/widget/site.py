"""A site: whose pages may show the widget, what its visitors may ask of, and how the widget looks there."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import idna
from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.asker import VISITORS, Asker
from agent.state import Language
from tools.base import Consent

_MOST_ORIGINS = 50
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_PORTS = {"http": 80, "https": 443}
_COLOUR = re.compile(r"#[0-9a-f]{6}")

Line = Annotated[str, Field(max_length=80)]
Text = Annotated[str, Field(max_length=600)]
Question = Annotated[str, Field(min_length=1, max_length=200)]


class OriginError(ValueError):
    """What was given is no web origin. `code` has a sentence in each language."""

    def __init__(self, code: str, given: str) -> None:
        super().__init__(f"{given!r} is no origin such as https://www.example.com")
        self.code = code
        self.given = given


def origin(text: str) -> str:
    """The origin `text` names, as a browser writes it in the header `Origin`. Raises `OriginError`.

    An origin is a scheme, a host and a port, nothing else: what stands behind them would not be looked at, and whoever
    wrote it would believe that it was. There are no patterns: `*.example.com` is also whoever can have a name there.
    """
    given = text.strip()
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise OriginError("no_origin", given) from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.netloc:
        raise OriginError("no_scheme", given)
    if (
        parts.path not in ("", "/")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or given.endswith(("?", "#"))
    ):
        raise OriginError("only_origin", given)
    if "*" in parts.netloc:
        raise OriginError("no_pattern", given)
    host = _host(parts.hostname or "", given)
    if port == 0 or parts.netloc.endswith(":"):
        raise OriginError("no_origin", given)
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def _host(host: str, given: str) -> str:
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError as error:
            raise OriginError("no_origin", given) from error
    try:
        written = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise OriginError("no_origin", given) from error
    labels = written.removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise OriginError("no_origin", given)
    return written


class Texts(BaseModel):
    """What the widget says of itself in one language. What is empty is said in Kotae's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Line = ""
    greeting: Text = ""
    suggestions: Annotated[tuple[Question, ...], Field(max_length=6)] = ()
    """Questions to begin with."""
    note: Annotated[str, Field(max_length=200)] = ""
    """A line below the question, such as what happens with what is asked."""


class Look(BaseModel):
    """How the widget looks."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    accent: str = "#2f6f5e"
    """The colour of what is to be clicked; what is written on it is white or black, whichever can be read."""
    corner: Literal["right", "left"] = "right"
    theme: Literal["auto", "light", "dark"] = "auto"
    language: Literal["page", "en", "ja"] = "page"
    """Its language: that of the page (or else of the browser), or always this one."""
    texts: dict[Language, Texts] = {}

    @field_validator("accent")
    @classmethod
    def _is_a_colour(cls, colour: str) -> str:
        if not _COLOUR.fullmatch(colour.lower()):
            raise ValueError("write a colour as #rrggbb")
        return colour.lower()


class Site(BaseModel):
    """Where the widget may stand. Without origins it may stand nowhere, and without collections it knows nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Annotated[str, Field(pattern=r"^[a-z0-9]{12}$")]
    """Stands in the pages that show the widget, so it is no secret."""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    origins: Annotated[tuple[str, ...], Field(max_length=_MOST_ORIGINS)] = ()
    collections: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    """Collections of the library that visitors may read."""
    web: Consent = "off"
    """Whether visitors' questions may go to a web search, where installation and collections allow it."""
    specialists: bool = False
    """Whether visitors' questions may be sent to specialists."""
    daily: Annotated[int, Field(ge=1, le=1_000_000)] = 500
    """Questions a day of all visitors."""
    daily_each: Annotated[int, Field(ge=1, le=10_000)] = 40
    """Questions a day of each visitor."""
    on: bool = True
    """Whether the widget is shown."""
    logo: str = ""
    """The kind of picture that is kept as its logo (`image/png`), "" for none."""
    look: Look = Look()

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not (name := " ".join(name.split())):
            raise ValueError("a site needs a name")
        return name

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(origin(one) for one in origins))

    def admits(self, origin: str | None) -> bool:
        """Whether a page of `origin`, as its browser wrote it, may show the widget."""
        return self.on and origin is not None and origin in self.origins

    def asker(self, visitor: str) -> Asker:
        """Who asks when `visitor` does."""
        return Asker(f"{self.askers}{visitor}", frozenset(self.collections), self.web, specialists=self.specialists)

    @property
    def askers(self) -> str:
        """What the names of its visitors begin with among all who ask."""
        return f"{VISITORS}{self.id}:"
