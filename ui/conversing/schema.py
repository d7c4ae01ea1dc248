"""The JSON Schema of scripts, by which editors complete and check them. It is made from the models of `script`."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from ui.conversing.script import Script, Simulated

_TEXTS = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "additionalProperties": {"type": ["string", "array"]}},
    ]
}
"""What a card takes for a text in several languages, and turns into a list."""

_OF_CARD = ("name", "description", "examples", "use", "prompt", "answers", "schema", "shots")
"""What a card says of itself before anything was trained."""
_NOT_IN_SCRIPTS = ("Base", "Data", "Plan", "Remote")


def schema() -> str:
    """The schema as JSON, with a line break at its end."""
    _, made = models_json_schema([(Script, "validation"), (Simulated, "validation")])
    kinds: dict[str, Any] = made["$defs"]
    card = kinds["Card"]["properties"]
    card = {name: field for name, field in card.items() if name in _OF_CARD}
    kinds["Card"]["properties"] = card | {
        name: _TEXTS | {"description": card[name]["description"]} for name in ("description", "examples")
    }
    kinds = {name: kind for name, kind in kinds.items() if name not in _NOT_IN_SCRIPTS}
    # an editor completes one kind or the other; of `anyOf` it would report the faults of both
    simulated = {"properties": {"kind": {"const": "simulated"}}, "required": ["kind"]}
    top = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scripted conversation of Kotae",
        "type": "object",
        "if": simulated,
        "then": {"$ref": "#/$defs/Simulated"},
        "else": {"$ref": "#/$defs/Script"},
        "$defs": {name: _with_variables(name, kinds[name]) for name in sorted(kinds)},
    }
    return json.dumps(top, ensure_ascii=False, indent=2) + "\n"


def _with_variables(name: str, model: dict[str, Any]) -> dict[str, Any]:
    """A variable may stand where a number or a yes or no is expected."""
    if name not in ("Expect", "ScriptedTurn", "Simulated"):
        return model
    variable = {"type": "string", "pattern": r"^\$(\w+|\{\w+\})$"}
    for key, field in model.get("properties", {}).items():
        kinds = field.get("anyOf", [field])
        if any(kind.get("type") in ("integer", "number", "boolean") or "enum" in kind for kind in kinds):
            kept = {k: v for k, v in field.items() if k in ("title", "description", "default")}
            model["properties"][key] = {
                **kept,
                "anyOf": [*({k: v for k, v in kind.items() if k not in kept} for kind in kinds), variable],
            }
    return model
