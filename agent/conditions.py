"""Conditions of the graph's edges, for the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any


def awaited(path: Callable[..., str]) -> Callable[..., Awaitable[str]]:
    """`path`, awaited: LangGraph sends a condition that is not async to another thread, which costs more than it."""

    @wraps(path)
    async def chosen(*given: Any, **named: Any) -> str:
        return path(*given, **named)

    return chosen
