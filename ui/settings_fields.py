"""The settings as the page shows them: their order, and by what each is changed. All of it follows from `Settings`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from agent.settings import SECRETS, Settings

Kind = Literal["choice", "number", "text", "list", "order", "secret", "fixed"]
Group = Literal["model", "answers", "web", "library", "serving"]

GROUPS: dict[Group, tuple[str, ...]] = {
    "model": ("model", "api_key", "threads", "context"),
    "answers": (
        *("passages", "section_tokens", "ask_back", "digest_tokens", "max_gathers", "max_drafts", "max_seconds"),
        *("max_answer_tokens", "max_question_chars"),
    ),
    "web": (
        *("web", "web_providers", "searxng_url", "brave_key", "web_region", "web_seconds", "web_pages"),
        *("page_seconds", "egress_allow"),
    ),
    "library": ("collections", "watch", "data_dir", "models_dir"),
    "serving": ("host", "port", "max_turns", "max_waiting", "embed_origins", "accounts", "public_url", "hosts"),
}
FIXED = frozenset(("data_dir", "models_dir", "host", "port", "accounts", "public_url", "hosts"))
"""Where Kotae and its data are: a page that changed this would cut off what it stands on."""


@dataclass(frozen=True)
class Control:
    """How a setting is changed. `least` and `most` are its limits where it is a number and has some."""

    key: str
    kind: Kind
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    whole: bool = True


@cache
def control(key: str) -> Control:
    """The control of a setting, by its type."""
    field = Settings.model_fields[key]
    limits = {name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le") if hasattr(one, name)}
    kinds = [kind for kind in _parts(field.annotation) if kind is not NoneType]
    if key in FIXED:
        return Control(key, "fixed")
    if key in SECRETS:
        return Control(key, "secret")
    if len(kinds) == 1 and get_origin(kinds[0]) is tuple:
        names = _choices(get_args(kinds[0])[0])
        return Control(key, "order" if names else "list", names)
    if len(kinds) == 1 and kinds[0] in (int, float):
        least = limits.get("ge", limits.get("gt"))
        return Control(key, "number", (), least, limits.get("le"), kinds[0] is int)
    if len(kinds) == 1 and (names := _choices(kinds[0])):
        return Control(key, "choice", names)
    return Control(key, "text")


def written(value: object) -> str:
    """A value as it stands in its control."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (annotation,) if get_origin(annotation) in (Literal, tuple) else get_args(annotation) or (annotation,)


def _choices(annotation: Any) -> tuple[str, ...]:
    return get_args(annotation) if get_origin(annotation) is Literal else ()
