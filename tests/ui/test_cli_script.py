"""The schema of scripted conversations, and the line in which a fault stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ui.conversing.reading import read
from ui.conversing.script import Expect, Hit, Script, ScriptError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
name: opening hours
language: en
library:
  - path: museum.md
    text: |
      # Opening hours
      Closed on Mondays.
web: off
turns:
  - user: When is it closed?
    times: 2
    model: ["Yes"]
    expect:
      contains: [Monday, [closed, shut]]
      refused: false
    expect_live:
      refused: null
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text, "utf-8")
    return path


def only(path: Path) -> Script:
    (script,) = read(path)
    assert isinstance(script, Script)
    return script


def test_a_script_is_read(tmp_path: Path) -> None:
    script = only(written(tmp_path, GOOD))
    assert script.web == "off"
    assert script.scripted
    assert script.turns[0].question == "When is it closed?When is it closed?"
    assert script.turns[0].expect.contains == ("Monday", ("closed", "shut"))


def test_web_hits_and_the_sample_library(tmp_path: Path) -> None:
    text = "name: a\nlibrary: sample\nweb: [{title: t, url: 'https://a.example', text: x}]\nturns: [{user: hi}]\n"
    script = only(written(tmp_path, text))
    assert script.library == "sample"
    assert script.web == (Hit(title="t", url="https://a.example", text="x"),)
    assert not script.scripted


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("language: en", "langauge: en", 2, "unknown key 'langauge'"),
        ("      refused: false", "      refusd: false", 15, "unknown key 'refusd'"),
        ("    times: 2", "    times: 0", 11, "greater than or equal to 1"),
        ("  - user: When is it closed?\n    times: 2", "  - times: 2", 10, "the key 'user' is missing"),
        ("[Monday, [closed, shut]]", "[18:00]", 14, "put it in quotes"),
        ("path: museum.md", "path: ../museum.md", 4, "relative path"),
        ("path: museum.md", "path: /etc/museum.md", 4, "relative path"),
        ("language: en", "language: fr", 2, "'en' or 'ja'"),
        ("web: off", "web: maybe", 8, "'off' or 'unavailable'"),
        ("web: off", "web: off\nweb: off", 9, "'web' stands here twice"),
        ("web: off", "web: [", 10, ""),
        ("      refused: false", "      route: mars", 15, "is no route, such as library"),
        ("web: off", "specialists: [{name: A, description: d, examples: [e]}]", 8, "name: String should match"),
        (
            "web: off",
            "specialists: [{name: a, description: d, examples: [e], adapter: adapter.gguf}]",
            1,
            "a script brings none",
        ),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ScriptError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", "name: x\n", "name: x\nturns: []\n"])
def test_what_is_no_script_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ScriptError):
        read(written(tmp_path, text))


def test_two_documents_with_one_path_are_refused(tmp_path: Path) -> None:
    text = "name: a\nlibrary: [{path: a.md, text: x}, {path: a.md, text: y}]\nturns: [{user: hi}]\n"
    with pytest.raises(ScriptError, match="same path"):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="No such file"):
        read(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ScriptError, match="not UTF-8"):
        read(tmp_path / "binary.yaml")


def test_live_expectations_replace_single_ones_and_null_takes_one_away() -> None:
    fast = Expect(route="library", refused=False, contains=("a",))
    live = Expect(refused=None, contains=("b",))
    assert fast.updated(live) == Expect(route="library", contains=("b",))
    assert fast.updated(None) is fast
