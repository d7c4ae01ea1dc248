"""`kotae converse` as a person uses it: scripts in; differences, reports and errors out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ui import cli

WRONG = """\
name: wrong on purpose
turns:
  - user: Hello!
    model: [Hello yourself!]
    expect: {route: direct, contains: [Goodbye]}
  - user: ""
    model: []
    expect: {error: empty}
"""


def test_the_command_puts_the_differing_turn_in_front_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "wrong.yaml").write_text(WRONG, "utf-8")
    assert cli.run(["converse", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert said.index("expected: Goodbye") < said.index("came:     Hello yourself!")
    assert "turn 2 as expected" in said
    assert "1 turns in 1 conversations differ" in said
    assert cli.run(["converse", "--json", str(tmp_path / "wrong.yaml")]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    turns = shown["conversations"][0]["turns"]
    assert [turn["ok"] for turn in turns] == [False, True]
    assert turns[0]["differences"] == [{"what": "contains", "expected": "Goodbye", "got": "Hello yourself!"}]
    assert not (tmp_path / "data").exists()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


GREETING = "name: greeting {n}\nturns: [{{user: Hello!, model: [Hello!]}}]\n"


def test_the_command_writes_reports_and_plays_no_more_than_the_limit(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        (home / f"{n}.yaml").write_text(GREETING.format(n=n), "utf-8")
    reports = [f"--junit={home / 'a.xml'}", f"--html={home / 'a.html'}"]
    assert cli.run(["converse", str(home), "--limit", "2", *reports]) == 0
    assert "2 conversations, 2 turns: all as expected" in capsys.readouterr().out
    assert 'tests="2"' in (home / "a.xml").read_text("utf-8")
    assert "greeting 1" in (home / "a.html").read_text("utf-8")


def test_ctrl_c_leaves_a_report_of_what_ran(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        (home / f"{n}.yaml").write_text(GREETING.format(n=n), "utf-8")
    from ui.conversing import run as runner

    played = runner.run

    async def interrupted(one: Any, *given: Any, **named: Any) -> Any:
        if one.name == "greeting 1":
            raise KeyboardInterrupt
        return await played(one, *given, **named)

    monkeypatch.setattr(runner, "run", interrupted)
    assert cli.run(["converse", str(home), f"--html={home / 'a.html'}"]) == 130
    assert "Stopped after 1 of 3" in capsys.readouterr().err
    page = (home / "a.html").read_text("utf-8")
    assert "greeting 0" in page
    assert "greeting 1" not in page


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["wrong.yaml"], 2, "wrong.yaml:1: unknown key 'nme'"),
        (["broken.yaml"], 2, "empty.pdf cannot be indexed"),
        (["."], 2, "unknown key"),
        ([], 2, "Name scripted conversations"),
        (["good.yaml", "--target", "moon"], 2, "there are graph, http, chat"),
        (["good.yaml", "--html", "nowhere/a.html"], 1, "no folder nowhere"),
        (["good.yaml", "--url", "http://127.0.0.1:9"], 1, "--url goes with http or chat"),
    ],
)
def test_what_cannot_be_played_is_one_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(home)
    Path("good.yaml").write_text(GREETING.format(n=1), "utf-8")
    Path("wrong.yaml").write_text("nme: x\nname: x\nturns: [{user: Hello!}]\n", "utf-8")
    Path("broken.yaml").write_text(
        "name: x\nlibrary: [{path: empty.pdf, text: '%PDF-1.7 broken'}]\nturns: [{user: Hello!, model: []}]\n", "utf-8"
    )
    assert cli.run(["converse", *arguments]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert says in said
