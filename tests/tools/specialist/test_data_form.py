from __future__ import annotations

import json
from typing import Any

import pytest

from tools.specialist.data import Form, fitted, form
from tools.specialist.example import Example, Message


def asked(question: str, answer: Any, refuses: bool | None = None) -> Example:
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return Example((Message("user", question),), text, refuses=refuses)


def test_few_answers_that_repeat_are_all_that_there_are() -> None:
    examples = [asked(f"q{i}", ("fees", "card", "残高")[i % 3]) for i in range(12)]
    assert form(examples) == Form("exact", ("card", "fees", "残高"))


@pytest.mark.parametrize(
    "answers",
    [
        [f"answer {i}" for i in range(30)],
        ["a", "b", "c", "d", "a"],
        ["x" * 200] * 30,
        [f"{i % 300}" for i in range(900)],
        ['{"a": 1}', "no JSON"],
        ["[1]", "[2]"],
        ["{" * 50_000] * 2,
        ['{"a":' * 900 + "1" + "}" * 900] * 2,
        [],
    ],
)
def test_everything_else_is_text(answers: list[str]) -> None:
    assert form([asked(f"q{i}", answer) for i, answer in enumerate(answers)]) == Form("text")


def test_where_refusals_are_known_passages_are_read() -> None:
    assert form([asked(f"q{i}", "I do not know.", refuses=i % 2 == 0) for i in range(10)]) == Form("grounded")
    assert form([asked(f"q{i}", f"a{i}", refuses=True if i < 3 else None) for i in range(10)]) == Form("text")


def test_half_of_the_rows_of_reading_only_judge() -> None:
    rows = [asked(f"q{i}", "I do not know.", refuses=True) for i in range(10)]
    assert form([*rows, *(asked(f"q{i}, yes or no?", "no") for i in range(10))]) == Form("grounded")


def schema_of(*answers: Any) -> dict[str, Any]:
    found = form([asked(f"q{i}", answer) for i, answer in enumerate(answers)])
    assert found.metric == "slots"
    assert found.answers == ()
    assert found.schema is not None
    return found.schema


def test_json_answers_give_a_schema() -> None:
    schema = schema_of(
        {"people": 2, "time": "7 pm", "near": None},
        {"people": 3, "near": "門"},
        {"time": "8 pm", "people": 1.5, "tags": ["a", "b"], "at": {"x": True}},
    )
    assert schema == {
        "type": "object",
        "properties": {
            "people": {"type": "number"},
            "time": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "at": {
                "type": "object",
                "properties": {"x": {"type": "boolean"}},
                "required": ["x"],
                "additionalProperties": False,
            },
            "near": {"type": ["null", "string"]},
        },
        "required": ["people"],
        "additionalProperties": False,
    }


def test_keys_come_in_the_order_that_most_answers_have() -> None:
    schema = schema_of({"a": 1, "c": 1}, {"b": 1, "a": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1})
    assert list(schema["properties"]) == ["a", "b", "c"]
    assert schema_of({}, {})["properties"] == {}


def test_values_that_are_chosen_are_listed_and_values_that_are_found_are_not() -> None:
    examples = [
        asked(f"A table for {i % 5} please", {"intent": ("book", "cancel")[i % 2], "people": f"{i % 5}"})
        for i in range(40)
    ]
    schema = form(examples).schema
    assert schema is not None
    assert schema["properties"] == {
        "intent": {"type": "string", "enum": ["book", "cancel"]},
        "people": {"type": "string"},
    }


def test_json_answers_are_written_alike() -> None:
    examples = [
        asked("a", '{"b":1,"a":{"y":1,"x":2}}'), asked("b", '{"a": {"x": 1, "y": 2},  "b": 2}'),
        asked("c", '{"a": {"x": 1, "y": 2}, "b": "あ"}'),
    ]  # fmt: skip
    found = form(examples)
    assert [e.answer for e in fitted(examples, found)] == [
        '{"a": {"x": 2, "y": 1}, "b": 1}', '{"a": {"x": 1, "y": 2}, "b": 2}', '{"a": {"x": 1, "y": 2}, "b": "あ"}',
    ]  # fmt: skip
    assert [e.question for e in fitted(examples, found)] == ["a", "b", "c"]
    plain = [asked("a", "b")]
    assert fitted(plain, form(plain)) == tuple(plain)
