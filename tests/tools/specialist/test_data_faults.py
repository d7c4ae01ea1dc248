"""Bad lines and bad files: a bad line is named and spoils no other, and any file gives a reading or one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from example_files import HERE, Write, lines
from example_files import write as write
from hypothesis import example as this_one
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.specialist import read as reading
from tools.specialist import tables
from tools.specialist.data import Reading, read
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ('{"question": "a", "answer": "b"', "json", "this is not JSON"),
        ('{"question": "a"} {"answer": "b"}', "json", "more than one JSON value"),
        ('{"question": "a", "answer": NaN}', "json", "a number or a nesting"),
        ('{"question": "a", "answer": ' + "9" * 5000 + "}", "json", "a number or a nesting"),
        ("[" * 100_000, "json", "a nesting"),
        ('{"question": "a", "answer": 1e999}', "value", "answer holds a number"),
        ('{"question": "a", "answer": "b"} ' + " " * 2**20 + "x", "long_line", "longer than 1 MB"),
        ('{"question": "a", "answer": "' + "あ" * 400_000 + '"}', "long_line", "longer than 1 MB"),
        ('{"question": "a"}', "shape", "among 'question' there is no question with an answer"),
        ("{}", "shape", "no names at all"),
        ("7", "shape", "no object"),
        ('{"question": "", "answer": "b"}', "empty", "the question is empty"),
        ('{"question": "a", "answer": " "}', "empty", "the answer is empty"),
        ('{"question": "a", "answer": null}', "empty", "the answer is empty"),
        ('{"question": ["a"], "answer": "b"}', "messages", "message 1 is no object"),
        ('{"question": {"a": 1}, "answer": "b"}', "value", "question is no text"),
        ('{"question": "a", "answer": "b", "context": [1]}', "value", "context is no text"),
        ('{"question": "a\\ud800", "answer": "b"}', "characters", "U+D800"),
        ('{"question": "a", "answer": {"b": "\\ud800"}}', "characters", "U+D800"),
        ('{"question": "a\\u0000", "answer": "b"}', "characters", "U+0000"),
        ('{"question": "a", "answer": "b", "refuses": "perhaps"}', "value", "refuses is neither"),
        ('{"question": "a", "answer": "b", "group": ["x"]}', "value", "group is no text"),
        ('{"question": "a", "answer": "b", "history": "x"}', "messages", "history is no list"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "messages", "the assistant replies to no question"),
        ('{"messages": [{"role": "assistant", "content": "a"}], "answer": "b"}', "messages", "do not end with"),
        ('{"messages": [], "answer": "b"}', "messages", "do not end with the user"),
        ('{"messages": [{"role": "judge", "content": "a"}]}', "messages", "message 1 is not of user"),
        ('{"messages": [{"role": "user", "content": 7}]}', "messages", "the content of message 1"),
        ('{"verdict": "maybe", "question": "a", "answer": "b", "corrected_answer": ""}', "value", "neither up nor"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_spoils_no_other(write: Write, line: str, code: str, says: str) -> None:
    good = '{"question": "Where?", "answer": "Here."}'
    found = read(write(f"{good}\n\n{line}\n{good}\n"))
    assert found.examples == (HERE, HERE)
    assert found.lines == (1, 4)
    (fault,) = found.faults
    assert (fault.file, fault.line, fault.code) == ("examples.dat", 3, code)
    assert says in fault.message
    assert str(fault).startswith("examples.dat, line 3: ")
    assert "\n" not in str(fault)
    assert fault.message.endswith(".")
    assert len(fault.message) < 300


def test_the_first_line_may_be_the_bad_one(write: Write) -> None:
    good = '{"question": "Where?", "answer": "Here."}\n'
    for bad in ('{"question": "a\n', '{"question": \n', "what is this\n"):
        found = read(write(bad + good * 3))
        assert len(found.examples) == 3
        assert [fault.line for fault in found.faults] == [1]


def test_an_array_that_breaks_off_keeps_what_stands_before(write: Write) -> None:
    rows = json.dumps([{"question": f"q{i}", "answer": "a"} for i in range(3)], indent=1)
    found = read(write(rows[: rows.rindex("{") + 5]))
    assert [e.question for e in found.examples] == ["q0", "q1"]
    assert found.lines == (2, 6)
    (fault,) = found.faults
    assert (fault.line, fault.code) == (10, "json")
    spoiled = read(write(json.dumps([{"question": "a", "answer": ""}, {"question": "b", "answer": "c"}], indent=1)))
    assert [fault.line for fault in spoiled.faults] == [2]
    assert [e.question for e in spoiled.examples] == ["b"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "holds nothing"),
        (b" \n\n", "holds nothing"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "is no text"),
        (b"PK\x03\x04" + b"\0" * 500, "is no text"),
        (b"Once upon a time\nthere was a table.\n", "is neither JSON nor a table"),
        (b"a,b,c\n1,2,3\n", "its first line is 'a', 'b', 'c'"),
        (b'{"train": {"x": 1}, "version": 2}', "among 'train', 'version' there is no question"),
        (b'{"version": 1,\n "data": []}', "among 'version', 'data' there is no question"),
        (b'{"a": 1}\n{"a": 2}\n', "So it is with all 2 rows"),
        (b"[1, 2, 3]", "So it is with all 3 rows"),
        (b"{{{{", "this is not JSON"),
    ],
)
def test_a_file_of_no_known_kind_gets_one_clear_line(write: Write, content: bytes, says: str) -> None:
    with pytest.raises(SpecialistError, match=r"^examples\.dat") as raised:
        read(write(content))
    assert raised.value.reason == "data"
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", Path("a\0b")):
        with pytest.raises(SpecialistError, match="cannot be read"):
            read(path)


def test_limits_are_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = '{"question": "a", "answer": "b"}\n', '{"question": "a"}\n'
    monkeypatch.setattr(reading, "MOST_FAULTS", 2)
    found = read(write(good + bad * 5))
    assert [str(f)[:30] for f in found.faults[:2]] == [
        "examples.dat, line 2: among 'q",
        "examples.dat, line 3: among 'q",
    ]
    assert str(found.faults[2]) == "examples.dat: 3 more lines have faults; mend these first."
    monkeypatch.setattr(tables, "_VALUES", 100)
    with pytest.raises(SpecialistError, match="more values than one JSON"):
        read(write(json.dumps([0] * 200)))
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    with pytest.raises(SpecialistError, match="more than 3 examples"):
        read(write(good * 4))
    monkeypatch.setattr(reading, "MOST_BYTES", 2**20)
    with pytest.raises(SpecialistError, match="larger than 1 MB"):
        read(write(good * 40_000))


JSONS = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "question answer messages conversations role content from value mapping parts verdict history".split()
                + "corrected_answer group refuses message author parent text label input system prompt id".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def read_or_error(path: Path) -> Reading | SpecialistError:
    try:
        return read(path)
    except SpecialistError as error:
        return error


def only_what_is_promised(path: Path) -> None:
    found = read_or_error(path)
    if isinstance(found, SpecialistError):
        assert found.reason == "data"
        assert "\n" not in str(found)
        return
    assert len(found.lines) == len(found.examples)
    for one in found.examples:
        assert one.messages[-1].role == "user"
        assert one.question
        assert one.answer
        assert Example.from_json(json.loads(json.dumps(one.as_json()))) == one
        one.id.encode()
    assert all("\n" not in str(fault) for fault in found.faults)


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=400))
@this_one(content=b'[{"role": []}]')
@this_one(content=b"\xff\xfe[\x00")
def test_any_bytes_give_a_reading_or_one_clear_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dat"
    path.write_bytes(content)
    only_what_is_promised(path)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(JSONS, max_size=4), layout=st.sampled_from(["lines", "array", "pretty"]))
def test_any_json_gives_a_reading_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], layout: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    content = lines(*rows) if layout == "lines" else json.dumps(rows, indent=1 if layout == "pretty" else None)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    only_what_is_promised(path)


@settings(max_examples=200, deadline=None)
@given(body=st.text(alphabet='abあ,;\t|"\n\r\\ ', max_size=80), delimiter=st.sampled_from(",\t;|"))
def test_any_table_gives_a_reading_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, body: str, delimiter: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(f"question{delimiter}answer\n{body}", "utf-8")
    only_what_is_promised(path)
