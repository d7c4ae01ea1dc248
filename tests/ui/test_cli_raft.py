"""`kotae specialist raft` end to end: real library and checks, scripted model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent import wiring
from agent.models.scripted import ScriptedChatModel
from agent.specialists.raft_checks import Fault
from agent.specialists.raft_groups import FAULTS, WAYS
from agent.specialists.seeds import drawn
from tools.library import E5, Library, Scope, Text
from tools.specialist.example import Example
from ui import cli
from ui.commands.specialist_raft import _WAYS, _WHY

TEXTS = {
    "ferry": "The ferry needs 18 minutes to cross Lake Orin.",
    "ticket": "A return ticket of the lake ferry costs 8 euros.",
    "museum": "The clock museum of Belm was founded by Ada Brandt.",
}
ASKED = {
    "ferry": "How long does the ferry need to cross Lake Orin?",
    "ticket": "How much does a return ticket of the lake ferry cost?",
    "museum": "It is old.",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"KOTAE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(home: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedChatModel:
    """What it says of each sentence of the collection `belm`."""
    library = Library.open(home / "data_dir" / "library", E5())
    library.index_texts([Text(name, text, name.title()) for name, text in TEXTS.items()], collection="belm")
    said = [ASKED[one.passage.url] for those in drawn(library, Scope.of("belm"), seed=7) for one in those]
    library.close()
    model, real = ScriptedChatModel(lines=said), wiring.chat_model
    monkeypatch.setattr(wiring, "chat_model", lambda settings: real(settings, model))
    return model


def examples(file: Path) -> list[Example]:
    return [Example.from_json(json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def test_a_set_is_made_and_what_was_thrown_away_is_told(
    home: Path, model: ScriptedChatModel, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["specialist", "raft", "belm"]) == 0
    assert model.leftover == []
    told = capsys.readouterr()
    assert "3 questions written, 2 kept" in told.out
    assert "the model wrote no question\t1\n" in told.out
    assert "2 answered, 1 refused" in told.out
    assert "Written to raft-belm.jsonl" in told.err
    assert {row.refuses for row in examples(home / "raft-belm.jsonl")} == {True, False, None}


def test_as_json(home: Path, model: ScriptedChatModel, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["specialist", "raft", "belm", "--json", "--out", "set.jsonl", "--language", "en"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (told["made"], told["kept"], told["thrown"]) == (3, 2, {"no_question": 1})
    assert told["rows"] == len(examples(home / "set.jsonl")) == 6
    assert sum(told["ways"].values()) == told["refused"] == 1


def test_a_set_that_somebody_wrote_is_converted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"id": "1", "lang": "en", "question": "What?", "answerable": True, "answers": ["nine"], "context_ids": ["a"]},
        {"id": "2", "lang": "en", "question": "Who?", "answerable": True, "answers": ["Ann"], "context_ids": ["a"]},
        {"id": "3", "lang": "en", "question": "Why?", "answerable": False, "context_ids": ["a"]},
    ]
    (home / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    corpus = {"id": "a", "title": "Pool", "text": "The pool opens at nine."}
    (home / "corpus.jsonl").write_text(json.dumps(corpus) + "\n", "utf-8")
    command = ["specialist", "raft", "--from", "set.jsonl", "--corpus", "corpus.jsonl", "--out", "rows.jsonl"]
    assert cli.run(command) == 0
    told = capsys.readouterr()
    assert "4 examples: 1 answered, 1 refused" in told.out
    assert "no sentence of the context holds the answer\t1\n" in told.out
    answers = {row.answer for row in examples(home / "rows.jsonl")}
    assert answers == {"The pool opens at nine. [1]", "The sources do not say.", "yes", "no"}
    assert cli.run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "rows": 4,
        "answered": 1,
        "refused": 1,
        "left_out": {"no_sentence": 1},
    }


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "give a collection, or reading sets with --from"),
        (["belm", "--from", "set.jsonl"], 2, "give a collection, or reading sets with --from"),
        (["nowhere"], 1, "There is no collection 'nowhere'"),
        (["--from", "missing.jsonl"], 1, "missing.jsonl cannot be read"),
    ],
)
def test_wrong_use_is_one_line(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    assert cli.run(["specialist", "raft", *arguments]) == code
    said = capsys.readouterr()
    assert told in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_every_reason_has_words() -> None:
    known = set(Fault.__args__) | set(FAULTS)  # type: ignore[attr-defined]
    assert known | {"no_sentence", "unstated", "no_context", "alone"} == set(_WHY)
    assert set(WAYS) == set(_WAYS)
