"""Variables and tables of scripts: filled as strictly as prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ui.conversing.reading import read
from ui.conversing.script import Script, ScriptError
from ui.conversing.variables import VariableError, escaped, fill, names, rows

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """\
name: opening hours
language: en
vars: {place: museum}
table:
  weekdays: {day: Tuesday, hours: "10:00", most: 1}
  weekend: {day: Sunday, hours: "12:00", most: 2}
turns:
  - user: When does the $place open on ${day}s?
    expect: {contains: [$hours], not_contains: ["$5", "$$day"], max_model_calls: $most}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "table.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_table_is_a_script_for_each_row(tmp_path: Path) -> None:
    scripts = read(written(tmp_path, TABLE))
    assert [script.name for script in scripts] == ["opening hours [weekdays]", "opening hours [weekend]"]
    second = scripts[1]
    assert isinstance(second, Script)
    assert second.turns[0].user == "When does the museum open on Sundays?"
    expect = second.turns[0].expect
    assert expect.contains == ("12:00",)
    assert expect.not_contains == ("$5", "$day")
    assert expect.max_model_calls == 2, "what is nothing but a variable stays a number"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("vars: {place: museum}\n", "", 7, "variable $place is not given in the row 'weekdays'"),
        ("vars: {place: museum}", "vars: {place: museum, colour: red}", 3, "'colour' is given in the row 'weekdays'"),
        ('day: Sunday, hours: "12:00"', 'hours: "12:00"', 8, "$day is not given in the row 'weekend'"),
        ("vars: {place: museum}", "vars: {place: museum, day: Monday}", 3, "$day stands in vars and in the row"),
        ("most: 2", "most: two", 9, "(row 'weekend')"),
        ("vars: {place: museum}", "vars: [museum]", 1, "vars must be names with values"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in TABLE
    path = written(tmp_path, TABLE.replace(old, new))
    with pytest.raises(ScriptError) as caught:
        read(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{line}: ")


@pytest.mark.parametrize("text", ["$5", "$", "100$", "a $$ b", "$円", "$-x"])
def test_a_dollar_sign_before_anything_else_is_one(text: str) -> None:
    assert names(text) == set()
    assert fill(text, {}) == text.replace("$$", "$")


@pytest.mark.parametrize("text", ["$HOME", "${HOME}", "$$", "$5", "a$b$$c", "$", "$円"])
def test_escaped_stands_for_itself(text: str) -> None:
    assert fill(escaped(text), {}) == text


def test_a_value_is_not_filled_again() -> None:
    assert rows({"vars": {"a": "$b"}, "name": "$a!"}) == {"": {"name": "$b!"}}


@pytest.mark.parametrize("value", [None, 3, True, {"a": [1, None]}])
def test_what_is_no_text_stays(value: Any) -> None:
    assert fill(value, {}) == value
    with pytest.raises(VariableError):
        rows({"name": [{"a": "$missing"}]})
