"""What a reply is held to: a JSON schema, in the words of those who can hold a model to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def json_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request to an OpenAI-compatible server. Texts of an `enum` come as JSON, in quotes."""
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema)}}}


def constraint(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request to llama.cpp. Texts of an `enum` come as they are: a model that has learned to say `refund`
    begins differently where it must say `"refund"`."""
    texts = schema.get("enum")
    if set(schema) <= {"enum", "type"} and texts and all(isinstance(text, str) and text for text in texts):
        return {"grammar": f"root ::= {' | '.join(_literal(text) for text in texts)}"}
    return json_format(schema)


def _literal(text: str) -> str:
    """A text as GBNF writes it (llama.cpp, grammars/README.md)."""
    return '"' + re.sub(r'["\\\x00-\x1f]', lambda found: f"\\x{ord(found.group()):02X}", text) + '"'
