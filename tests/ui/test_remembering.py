"""What Kotae keeps about its user, on the command line and as HTML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.about_user import FILE, AboutUser, Fact
from ui import strings
from ui.cli import run
from ui.render_memory import memory_html, remembered_html

EN, JA = strings.load("en"), strings.load("ja")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    return tmp_path / "data"


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert run(["memory", "list", "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_it_is_off_and_empty_and_listing_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys) == {"on": False, "facts": []}
    assert not (folder / FILE).exists()
    assert run(["memory"]) == 0
    assert "Nothing is kept about you." in capsys.readouterr().out


def test_switching_listing_and_forgetting(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["memory", "on"]) == 0
    about = AboutUser(folder)
    for text in ("My name is Aya.", "I live in Osaka.", "I prefer short answers."):
        about.keep(text, "en", "t1")
    capsys.readouterr()
    assert run(["memory", "list"]) == 0
    out = capsys.readouterr().out
    assert "My name is Aya" in out
    assert "t1" in out
    assert run(["memory", "forget", "1", "3"]) == 0
    assert [f.text for f in about.facts()] == ["I live in Osaka"]
    assert run(["memory", "off"]) == 0
    assert "1 is still stored" in capsys.readouterr().err
    assert not about.on
    assert run(["memory", "forget", "--all"]) == 0
    assert listed(capsys) == {"on": False, "facts": []}


@pytest.mark.parametrize("arguments", [[], ["7"], ["0"], ["1", "7"], ["1", "--all"], ["x"]])
def test_a_wrong_number_deletes_nothing(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    about = AboutUser(folder)
    about.switch(True)
    about.keep("My name is Aya.", "en", "t1")
    assert run(["memory", "forget", *arguments]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) >= 1
    assert len(about.facts()) == 1


def test_a_broken_file_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir()
    (folder / FILE).write_text("{", "utf-8")
    assert run(["memory", "list"]) == 1
    assert "mend it or delete it" in " ".join(capsys.readouterr().err.split())


def test_facts_are_text_with_their_date_and_conversation() -> None:
    facts = [
        Fact("name", 'I prefer <b onclick="x()">bold</b>', "id1", 1_000_000.0, "t1"),
        Fact("place", "I live in Osaka", "id2", 1_000_000.0, "gone"),
    ]
    html = memory_html(True, facts, {"t1": "A <i>title</i>"}, EN, now=1_000_000.0 + 3 * 86_400)
    assert "<b " not in html
    assert "<i>" not in html
    assert "&lt;b onclick=" in html
    assert 'href="?thread=t1"' in html
    assert "thread=gone" not in html
    assert html.index("Osaka") < html.index("bold"), "the latest first"
    assert html.count("3 days ago") == 2
    assert " checked" in html
    off = memory_html(False, facts, {}, JA, now=1_000_000.0)
    assert " checked" not in off
    assert JA("memory.paused") in off


def test_the_line_under_an_answer_names_what_undo_takes_back() -> None:
    html = remembered_html(["web_off", "remembered:ab,cd"], EN)
    assert 'value="ab,cd"' in html
    assert remembered_html(["web_off", "memory_full"], EN) == ""
