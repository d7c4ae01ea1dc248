from __future__ import annotations

from typing import Any

import pytest

from agent.models.form import constraint, json_format

SLOTS: dict[str, Any] = {"type": "object", "properties": {"people": {"type": "string"}}}


def test_an_object_is_asked_for_as_json_everywhere() -> None:
    body = {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SLOTS}}}
    assert json_format(SLOTS) == constraint(SLOTS) == body


@pytest.mark.parametrize(
    ("texts", "rule"),
    [
        (["refund", "lost_card"], 'root ::= "refund" | "lost_card"'),
        (["丁寧語", "尊敬語"], 'root ::= "丁寧語" | "尊敬語"'),
        (['say "no"', "a\\b", "two\nlines"], r'root ::= "say \x22no\x22" | "a\x5Cb" | "two\x0Alines"'),
        (["a | b", "root ::= c"], 'root ::= "a | b" | "root ::= c"'),
    ],
)
def test_texts_to_choose_from_are_said_as_they_are(texts: list[str], rule: str) -> None:
    assert constraint({"enum": texts}) == constraint({"enum": texts, "type": "string"}) == {"grammar": rule}


@pytest.mark.parametrize("schema", [{"enum": ["a", 1]}, {"enum": []}, {"enum": [""]}, {"enum": ["a"], "minLength": 3}])
def test_any_other_choice_is_json(schema: dict[str, Any]) -> None:
    assert constraint(schema) == json_format(schema)
