"""`kotae insights` on a real database of conversations."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from insight_parts import FORMULA, opened

from ui import cli


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))

    async def fill() -> None:
        async with opened(tmp_path):
            pass

    asyncio.run(fill())
    return tmp_path


def test_figures_and_lists(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["insights", "--data-dir", str(home), "--days", "30"]) == 0
    told = capsys.readouterr().out
    assert "10 questions in the last 30 days" in told
    assert "Not answered\t2 (20%)" in told
    assert "Disliked\t1 (50%) of those that were judged" in told
    assert "en 8 (80%), ja 2 (20%)" in told
    assert "Who repairs the lift in building C?" in told
    assert "Asked often (1)" in told


def test_the_same_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["insights", "--json", "--data-dir", str(home)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["asked"], told["refused"], told["failed"], told["stopped"]) == (11, 2, 1, 1)
    assert (told["liked"], told["disliked"], told["days"]) == (1, 1, None)
    assert told["seconds"]["p95"] == 31.4
    assert sum(row["asked"] for row in told["asked_by_step"]) == 11
    assert told["lists"]["repeated"][0]["times"] == 2
    assert told["lists"]["disliked"][0]["comment"] == "+see <b>page 3</b>"
    assert FORMULA not in [row["question"] for row in told["lists"]["slowest"]], "it failed"


def test_nothing_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    assert cli.run(["insights", "--data-dir", str(tmp_path)]) == 0
    assert "Nothing was asked yet." in capsys.readouterr().out


def test_a_period_has_at_least_a_day(home: Path) -> None:
    assert cli.run(["insights", "--data-dir", str(home), "--days", "0"]) == 2
