"""Answers as plain data, for the messages of a thread: what a checkpoint holds must be readable without our classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.state import Answer


def to_record(answer: Answer) -> dict[str, Any]:
    """The answer as JSON types only."""
    record: dict[str, Any] = _adapter().dump_python(answer, mode="json")
    return record


def from_record(record: object) -> Answer | None:
    """The answer again; None for a record that another version wrote and this one cannot read."""
    try:
        return _adapter().validate_python(record)
    except ValidationError:
        return None


def is_opinion(record: Mapping[str, Any]) -> bool:
    """Whether the answer of a record is what a specialist said and nobody checked."""
    return bool(record.get("specialist")) and not record.get("sources")


@cache
def _adapter() -> TypeAdapter[Answer]:
    assert dataclasses.is_dataclass(Answer)
    return TypeAdapter(Answer)
