"""What form the answers of a specialist have: one of a few, JSON, a reading of passages, or text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.specialist.evaluation import Metric
from tools.specialist.example import Example

MOST_ANSWERS = 256
"""Answers that there may be, where there are few."""
_LONGEST = 120
"""Characters of such an answer."""
_REPEATED = 3
"""So often each of them stands, on average."""
_COPIED = 0.2
"""Share of the questions from which a value may be copied before it counts as one that is found and not chosen."""
_READING = 0.4
"""Share of the examples that answer or refuse over passages, from which on it is reading that is learned. Beside each
of them may stand one that judges the passages."""
_DEEP = 20


@dataclass(frozen=True)
class Form:
    """How answers are scored, and what may be written. See `Card`."""

    metric: Metric
    answers: tuple[str, ...] = ()
    """All answers, sorted, where they are few."""
    schema: dict[str, Any] | None = None
    """JSON schema of the answers, where all are JSON objects."""


def form(examples: Sequence[Example]) -> Form:
    """The form of the answers, as far as it shows in them."""
    if examples and (found := _objects(examples)) is not None:
        return Form("slots", schema=_schema([(value, e.question) for value, e in zip(found, examples, strict=True)]))
    if _READING * len(examples) <= sum(example.refuses is not None for example in examples) > 0:
        return Form("grounded")
    answers = Counter(example.answer for example in examples)
    few = _few(answers, MOST_ANSWERS) and max(map(len, answers)) <= _LONGEST
    return Form("exact", tuple(sorted(answers))) if few else Form("text")


def fitted(examples: Sequence[Example], found: Form) -> tuple[Example, ...]:
    """The examples with JSON answers written alike: keys in the order of the schema, which is the only one that can be
    written later, and the spaces of `json.dumps`."""
    if found.schema is None:
        return tuple(examples)
    return tuple(
        replace(e, answer=json.dumps(_ordered(json.loads(e.answer), found.schema), ensure_ascii=False))
        for e in examples
    )


def _few(values: Counter[str], most: int) -> bool:
    return 0 < len(values) <= most and values.total() >= _REPEATED * len(values)


def _objects(examples: Iterable[Example]) -> list[dict[str, Any]] | None:
    found = []
    for example in examples:
        if not example.answer.startswith("{"):
            return None
        try:
            value = json.loads(example.answer)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict) or _depth(value) > _DEEP:
            return None
        found.append(value)
    return found


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return deepest


Seen = tuple[Any, str]
"""A value, and the question that it belongs to."""


def _schema(seen: Sequence[Seen]) -> dict[str, Any]:
    kinds = sorted({_kind(value) for value, _ in seen})
    if {"integer", "number"} <= set(kinds):
        kinds.remove("integer")
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if objects := [(value, question) for value, question in seen if isinstance(value, dict)]:
        schema |= _properties(objects)
    if items := [(item, question) for value, question in seen if isinstance(value, list) for item in value]:
        schema["items"] = _schema(items)
    if kinds == ["string"] and _chosen(seen):
        schema["enum"] = sorted({value for value, _ in seen})
    return schema


def _properties(seen: Sequence[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    by_key: dict[str, list[Seen]] = {key: [] for key in _keys(value for value, _ in seen)}
    for value, question in seen:
        for key, inner in value.items():
            by_key[key].append((inner, question))
    return {
        "properties": {key: _schema(inner) for key, inner in by_key.items()},
        "required": [key for key, inner in by_key.items() if len(inner) == len(seen)],
        "additionalProperties": False,
    }


def _keys(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """All keys, in the order in which most objects have them."""
    orders = Counter(tuple(one) for one in objects)
    found: list[str] = []
    for order, _ in orders.most_common():
        at = 0
        for key in order:
            if key in found:
                at = found.index(key) + 1
            else:
                found.insert(at, key)
                at += 1
    return found


def _chosen(seen: Sequence[Seen]) -> bool:
    """Whether strings are chosen from a few, and not found in the question."""
    if not _few(Counter(value for value, _ in seen), MOST_ANSWERS) or max(len(value) for value, _ in seen) > _LONGEST:
        return False
    copied = sum(value.casefold() in question.casefold() for value, question in seen)
    return copied <= _COPIED * len(seen)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "integer", float: "number"}
    return names.get(type(value), "null")


def _ordered(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        return {key: _ordered(value[key], inner) for key, inner in known.items() if key in value}
    if isinstance(value, list):
        return [_ordered(item, schema.get("items", {})) for item in value]
    return value
