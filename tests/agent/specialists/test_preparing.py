from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.specialists.preparing import Order, prepare
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan


def file(folder: Path, *rows: dict[str, Any], name: str = "data.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def intents(n: int = 60) -> list[dict[str, Any]]:
    return [
        {"text": f"Please {verb} the {thing} of {n}", "intent": verb}
        for n in range(n // 6)
        for verb in ("open", "close", "paint")
        for thing in ("door", "window")
    ]


def order(*files: Path, **given: Any) -> Order:
    return Order("doors", files, **given)


def test_examples_are_read_split_and_their_form_is_found(tmp_path: Path) -> None:
    found = prepare(order(file(tmp_path, *intents())))
    assert found.form.metric == "exact"
    assert found.form.answers == ("close", "open", "paint")
    assert found.language == "en"
    assert found.read == 60
    assert found.left == {}
    assert len(found.split.training) + len(found.split.validation) + len(found.split.test) == 60
    assert len(found.split.test) == 20
    assert found.sources == ("data.jsonl",)
    assert prepare(order(file(tmp_path, *intents()))).fingerprint == found.fingerprint


def test_faults_are_told_and_do_not_hinder(tmp_path: Path) -> None:
    found = prepare(order(file(tmp_path, *intents(), {"text": "", "intent": "open"}, {"nothing": 1})))
    assert [(fault.line, fault.code) for fault in found.faults] == [(61, "empty"), (62, "shape")]
    assert found.read == 60


def test_each_question_is_learned_once_and_the_majority_decides_contradictions(tmp_path: Path) -> None:
    doubtful = [
        {"text": "Shut it", "intent": "close"},
        {"text": "shut it!", "intent": "close"},
        {"text": "Shut it.", "intent": "open"},
        {"text": "Do it", "intent": "open"},
        {"text": "Do it", "intent": "paint"},
    ]
    found = prepare(order(file(tmp_path, *intents(), *doubtful)))
    everything = [*found.split.training, *found.split.validation, *found.split.test]
    assert [e.answer for e in everything if e.question.lower().startswith("shut")] == ["close"]
    assert [e for e in everything if e.question == "Do it"] == []
    assert found.left == {"duplicate": 1, "contradiction": 3}


def test_a_text_may_be_rewritten_in_several_ways(tmp_path: Path) -> None:
    rows = [{"input": f"sentence number {n}", "output": f"The honourable sentence {n} was said."} for n in range(40)]
    found = prepare(order(file(tmp_path, *rows, {"input": "sentence number 1", "output": "Another way to say one."})))
    assert found.form.metric == "text"
    everything = [*found.split.training, *found.split.validation, *found.split.test]
    assert [e.answer for e in everything if e.question == "sentence number 1"] == [
        "The honourable sentence 1 was said."
    ]
    assert found.left == {"duplicate": 1}


def test_what_is_too_long_is_left_out(tmp_path: Path) -> None:
    rows = [*intents(), {"text": "open " * 2000, "intent": "open"}]
    assert prepare(order(file(tmp_path, *rows))).left == {"too_long": 1}
    assert prepare(order(file(tmp_path, *rows), plan=Plan(longest=8192))).left == {}


def test_longer_examples_get_longer_sequences_where_none_are_named(tmp_path: Path) -> None:
    longer = [*intents(), {"text": "open " * 1000, "intent": "open"}]
    assert prepare(order(file(tmp_path, *intents()))).plan == Plan()
    assert prepare(order(file(tmp_path, *longer))).plan.longest == 2048
    assert prepare(order(file(tmp_path, *longer), plan=Plan(longest=512))).left == {"too_long": 1}


def test_what_reads_passages_is_scored_as_such(tmp_path: Path) -> None:
    assert prepare(order(file(tmp_path, *intents()), use="grounded")).form.metric == "grounded"


def test_held_out_examples_may_be_given_and_are_not_learned_from(tmp_path: Path) -> None:
    test = file(tmp_path, *intents()[:24], name="test.jsonl")
    found = prepare(order(file(tmp_path, *intents()), test=test))
    assert len(found.split.test) == 24
    asked = {e.question for e in found.split.test}
    assert not asked & {e.question for e in [*found.split.training, *found.split.validation]}


def test_the_data_of_the_version_before_stay_as_they_were(tmp_path: Path) -> None:
    first = prepare(order(file(tmp_path, *intents())))
    again = prepare(order(), before=first.split)
    assert again.split == first.split
    assert again.fingerprint == first.fingerprint
    assert again.form == first.form


def test_personal_data_are_found(tmp_path: Path) -> None:
    rows = [*intents(), {"text": "Write to taro.yamada@mail.co.jp", "intent": "open"}]
    (spot,) = prepare(order(file(tmp_path, *rows))).personal
    assert (spot.row, spot.where, spot.found.kind) == (60, "question", "email")


def test_feedback_is_learned_from(tmp_path: Path) -> None:
    rows = [
        {
            "verdict": "up",
            "refused": False,
            "question": f"What is {n}?",
            "answer": f"It is the number {n}.",
            "corrected_answer": None,
            "thread": f"t{n}",
        }
        for n in range(30)
    ]
    found = prepare(order(feedback=True), rows)
    assert found.read == 30
    assert found.sources == ("the feedback of the chat",)


def test_the_metric_may_be_chosen(tmp_path: Path) -> None:
    found = prepare(order(file(tmp_path, *intents()), metric="text"))
    assert (found.form.metric, found.form.answers) == ("text", ())


@pytest.mark.parametrize(
    ("given", "rows", "says"),
    [
        ({}, None, "give a file with --data"),
        ({"feedback": True}, None, "No feedback was given yet"),
        ({}, intents(6), "Only 6 of 6 examples"),
        ({}, [{"text": "same", "intent": "open"}] * 40, "Only 1 of 40 examples"),
        ({}, [{"nothing": n} for n in range(30)], "no question"),
    ],
)
def test_where_nothing_can_be_learned_it_is_said_what_to_do(
    tmp_path: Path, given: dict[str, Any], rows: list[dict[str, Any]] | None, says: str
) -> None:
    files = [] if rows is None else [file(tmp_path, *rows)]
    with pytest.raises(SpecialistError, match=says) as raised:
        prepare(order(*files, **given))
    assert raised.value.reason == "data"
    assert "\n" not in str(raised.value)


def test_the_test_must_have_the_form_of_the_data(tmp_path: Path) -> None:
    rows = [{"text": f"table for {n} at {n % 12} pm", "slots": {"people": str(n)}} for n in range(40)]
    test = file(tmp_path, *intents(), name="test.jsonl")
    with pytest.raises(SpecialistError, match="not JSON objects"):
        prepare(order(file(tmp_path, *rows), test=test))
