"""`kotae feedback …` on a real database of conversations."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from fake_agent import passage

from agent.feedback import Feedback
from agent.state import Source
from agent.threads import Threads
from ui import cli
from ui.commands.feedback import COLUMNS

NOON = 1_796_040_000.0
"""2026-11-30 at noon, UTC."""
SOURCE = Source(1, passage(1, "It opens at nine. It closes at six.", title="Handbook"), "opens at nine")


def said(turn: str, verdict: str, **more: Any) -> Feedback:
    values: dict[str, Any] = {
        "thread": "t",
        "question": "When does it open?",
        "answer": "At nine [1].",
        "refused": False,
        "route": "library",
        "language": "en",
        "model": "default",
        "time": NOON,
        "sources": (SOURCE,),
        **more,
    }
    return Feedback(turn=turn, verdict=verdict, standalone=values["question"], **values)  # type: ignore[arg-type]


GIVEN = (
    said("a", "up"),
    said(
        "b",
        "down",
        reasons=("wrong", "wrong_route"),
        wanted="web",
        corrected="9時です。\n\x1b[31m10時",
        question="何時に開きますか",
        language="ja",
        time=NOON + 86_400,
        history=(("Hello", "Hi."),),
    ),
    said("c", "down", comment='=HYPERLINK("http://evil.example")', corrected="＝1+1", time=NOON + 2 * 86_400),
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"KOTAE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))

    async def fill() -> None:
        async with Threads.open(tmp_path / "data_dir" / "threads.db") as threads:
            for one in GIVEN:
                await threads.touch(one.thread, one.question)
                await threads.feedback.put(one)

    asyncio.run(fill())
    return tmp_path


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["feedback", "list"]) == 0
    told = capsys.readouterr()
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert [line[1] for line in lines] == ["up", "down", "down"]
    assert lines[1][2:] == ["wrong, wrong_route → web", "何時に開きますか", "9時です。 [31m10時"]
    assert "\x1b" not in told.out
    assert told.err == "1 up, 2 down\n"
    assert cli.run(["feedback", "list", "--verdict", "up", "--json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ["a"]


def test_json_lines_are_whole_enough_to_train_from(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["feedback", "export", "--verdict", "down", "--since", "2026-12-01"]) == 0
    one, two = rows(capsys.readouterr().out)
    assert (one["id"], two["id"]) == ("b", "c")
    assert one["history"] == [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]
    assert (one["question"], one["answer"], one["corrected_answer"]) == (
        *("何時に開きますか", "At nine [1].", "9時です。\n\x1b[31m10時"),
    )
    assert (one["verdict"], one["reasons"], one["wanted_route"]) == ("down", ["wrong", "wrong_route"], "web")
    assert (one["language"], one["route"], one["model"]) == ("ja", "library", "default")
    [source] = one["sources"]
    assert (source["title"], source["quote"]) == ("Handbook", "opens at nine")
    assert source["text"] == SOURCE.passage.text
    assert (one["time"], two["corrected_answer"]) == ("2026-12-01T12:00:00+00:00", "＝1+1")


def test_a_spreadsheet_finds_no_formula(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "feedback.csv"
    assert cli.run(["feedback", "export", "--format", "csv", "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), "or a spreadsheet garbles Japanese"
    table = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert tuple(table[0]) == COLUMNS
    assert len(table) == 3
    assert table[2]["comment"] == '\'=HYPERLINK("http://evil.example")'
    assert table[2]["corrected_answer"] == "'＝1+1"
    assert table[0]["sources"] == "[1] Handbook: opens at nine"
    assert table[1]["reasons"] == "wrong, wrong_route"
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "＝"))]


@pytest.mark.parametrize("start", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "  =1", "\n=1"])
def test_every_beginning_of_a_formula_is_seen(start: str) -> None:
    from ui.commands.feedback import as_csv

    [row] = csv.DictReader(io.StringIO(as_csv([said("a", "down", comment=start)]), newline=""))
    assert row["comment"].startswith("'")


def test_a_file_is_written_whole_and_never_over_another(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "out.jsonl"
    file.write_text("kept", "utf-8")
    assert cli.run(["feedback", "export", "-o", str(file)]) == 2
    told = capsys.readouterr()
    assert "--force" in told.err
    assert told.err.count("\n") == 1
    assert file.read_text("utf-8") == "kept"
    assert cli.run(["feedback", "export", "-o", str(file), "--force"]) == 0
    assert "3 written to" in capsys.readouterr().err
    assert [one["id"] for one in rows(file.read_text("utf-8"))] == ["a", "b", "c"]
    assert cli.run(["feedback", "export", "-o", str(home / "nowhere" / "out.jsonl")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert sorted(p.name for p in home.iterdir()) == ["data_dir", "out.jsonl"], "nothing half written is left"


def test_a_file_that_comes_in_the_meantime_is_not_lost(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ui.commands import feedback

    file = home / "out.jsonl"
    file.write_text("came first", "utf-8")
    with pytest.raises(feedback.typer.BadParameter):
        feedback._write(file, b"second", force=False)
    assert file.read_text("utf-8") == "came first"
    assert [p.name for p in home.glob("*out.jsonl*")] == ["out.jsonl"]


def test_where_nothing_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["feedback", "list", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "No feedback was given yet.\n"
    assert cli.run(["feedback", "export", "--format", "csv", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == ",".join(COLUMNS)


@pytest.mark.parametrize(
    "arguments", [["list", "--verdict", "sideways"], ["export", "--format", "xml"], ["list", "--since", "yesterday"]]
)
def test_wrong_use(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.run(["feedback", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
