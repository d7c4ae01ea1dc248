"""`kotae specialist …` end to end, with a training and a model that are laid down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import Settings
from agent.specialists.study import Specialists
from tests.agent.specialists.speaking import EMBEDDER, FakeSpeaker
from tests.agent.specialists.training_parts import FakeTrainer, door_data, reply
from tools.specialist.errors import SpecialistError
from ui import cli

FOR = ("--description", "What to do with a door")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny.gguf").write_bytes(b"weights of a tiny model")
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"KOTAE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_MODEL", str(tmp_path / "tiny.gguf"))
    monkeypatch.setenv("KOTAE_WEB", "off")
    return tmp_path


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeTrainer, FakeSpeaker]:
    """The training and the model that all commands work with."""
    trainer, speaker = FakeTrainer(), FakeSpeaker(reply)

    @asynccontextmanager
    async def opened(settings: Settings) -> AsyncIterator[Specialists]:
        yield Specialists(settings, speaker, EMBEDDER, trainer=trainer)

    monkeypatch.setattr(Specialists, "open", opened)
    return trainer, speaker


def out_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def trained(home: Path, capsys: pytest.CaptureFixture[str], *options: str, code: int = 0) -> tuple[str, str]:
    arguments = ["specialist", "train", "doors", "--data", str(door_data(home)), *FOR, *options]
    assert cli.run(arguments) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_train_examine_promote_and_go_back(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = trained(home, capsys)
    assert "Passed." in out
    assert out.rstrip().endswith("doors, version 1, is not in use yet: kotae specialist promote doors")
    assert "base with retrieval" in out
    assert "Training …" in err
    assert "general questions" in err
    assert cli.run(["specialist", "list", "--json"]) == 0
    (one,) = out_json(capsys)
    assert (one["name"], one["promoted"]) == ("doors", None)
    assert one["base"]["name"] == "tiny"
    assert len(one["base"]["sha256"]) == 64
    assert one["figures"]["scores"]["specialist"]["score"] == 1.0
    assert one["figures"]["margins"]["base"]["low"] > 0
    assert one["figures"]["passed"] is True
    assert cli.run(["specialist", "promote", "doors"]) == 0
    assert "version 1, is in use" in capsys.readouterr().out
    assert cli.run(["specialist", "list"]) == 0
    assert capsys.readouterr().out.split("\t")[:4] == ["doors", "1", "1", "tiny"]
    assert cli.run(["specialist", "rollback", "doors"]) == 0
    assert capsys.readouterr().out == "doors is not in use any more.\n"
    assert cli.run(["specialist", "promote", "doors"]) == 0
    assert cli.run(["specialist", "retire", "doors"]) == 0
    assert cli.run(["specialist", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("[")[2].join(("[", "")))[0]["promoted"] is None


def test_train_and_promote_at_once(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = trained(home, capsys, "--promote", "--json", "--rank", "8", "--epochs", "2", "--seed", "3")
    told = json.loads(out)
    assert (told["name"], told["version"], told["promoted"], told["trained"]) == ("doors", 1, True, True)
    assert told["training"]["tokens_per_second"] == 50.0
    assert told["figures"]["passed"]
    (call,) = parts[0].calls
    assert (call["plan"].rank, call["plan"].epochs, call["plan"].seed) == (8, 2.0, 3)


def test_what_does_not_pass_is_not_put_into_use(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    parts[1].reply = lambda version, messages: "open"
    out, _ = trained(home, capsys, "--promote", code=1)
    assert "Not passed: it is not surely better than its base model" in out
    assert "is kept and not in use" in out
    assert cli.run(["specialist", "promote", "doors"]) == 1
    assert "not proven" in capsys.readouterr().err


def test_check_only_reads(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    file = door_data(home, name="more.jsonl")
    with file.open("a", encoding="utf-8") as more:
        more.write('{"text": "", "intent": "open"}\nno json\n{"text": "Mail taro@mail.co.jp", "intent": "open"}\n')
    assert cli.run(["specialist", "train", "doors", "--data", str(file), "--check"]) == 0
    said = capsys.readouterr()
    assert "91 examples were read: " in said.out
    assert "one of 3 answers: close, open, paint" in said.out
    assert "more.jsonl, line 91" in said.err
    assert "more.jsonl, line 92" in said.err
    assert "email t••" in said.err
    assert "taro" not in said.err
    assert cli.run(["specialist", "train", "doors", "--data", str(file), "--check", "--json"]) == 0
    told = out_json(capsys)
    assert (told["read"], told["metric"], told["answers"]) == (91, "exact", ["close", "open", "paint"])
    assert [fault["line"] for fault in told["faults"]] == [91, 92]
    assert told["personal"][0]["kind"] == "email"
    assert parts[0].calls == []
    assert cli.run(["specialist", "train", "doors", "--data", str(file), *FOR]) == 1
    assert "--allow-personal" in capsys.readouterr().err


def test_show_tells_all_versions(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    trained(home, capsys, "--promote", "--licence", "cc0-1.0")
    assert cli.run(["specialist", "train", "doors", "--epochs", "1"]) == 0
    capsys.readouterr()
    assert cli.run(["specialist", "show", "doors"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("doors, version 1 (in use)\n")
    assert "Licence\tcc0-1.0" in said
    assert "Passed." in said
    assert "\n2\t" in said
    assert cli.run(["specialist", "show", "doors", "--version", "2", "--json"]) == 0
    told = out_json(capsys)
    assert (told["version"], told["promoted"], told["versions"]) == (2, 1, [1, 2])
    assert told["card"]["data"]["licence"] == "cc0-1.0"
    assert told["card"]["training"]["epochs"] == 1


def test_evaluate_writes_every_reply(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    trained(home, capsys)
    out = home / "figures.json"
    assert cli.run(["specialist", "evaluate", "doors", "--limit", "20", "--json", str(out)]) == 0
    assert "Passed." in capsys.readouterr().out
    told = json.loads(out.read_text("utf-8"))
    assert told["examples"] == len(told["cases"]) == 20
    assert set(told["cases"][0]["replies"]) == {"specialist", "base", "few_shot", "retrieval"}
    assert len(told["general_cases"]) == told["general_examples"]


def test_compare_shows_both(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    trained(home, capsys)
    assert cli.run(["specialist", "compare", "doors", "Please paint it"]) == 0
    assert capsys.readouterr().out == "Base model\nopen\ndoors, version 1\npaint\n"
    assert cli.run(["specialist", "compare", "doors", "Please paint it", "--json"]) == 0
    told = out_json(capsys)
    assert (told["base"], told["specialist"]) == ("open", "paint")


def test_export_import_and_remove(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    trained(home, capsys)
    archive = home / "doors.zip"
    assert cli.run(["specialist", "export", "doors", str(archive), "--with-data"]) == 0
    assert cli.run(["specialist", "export", "doors", str(archive)]) == 2
    assert "--force" in capsys.readouterr().err
    monkeypatch.setenv("KOTAE_DATA_DIR", str(home / "elsewhere"))
    assert cli.run(["specialist", "import", str(archive)]) == 0
    assert capsys.readouterr().out == "Took in doors, version 1.\n"
    assert cli.run(["specialist", "promote", "doors"]) == 1
    assert "kotae specialist evaluate" in capsys.readouterr().err
    assert cli.run(["specialist", "evaluate", "doors"]) == 0
    assert cli.run(["specialist", "promote", "doors"]) == 0
    capsys.readouterr()
    assert cli.run(["specialist", "remove", "doors", "--version", "1"]) == 1
    assert "retire" in capsys.readouterr().err
    assert cli.run(["specialist", "remove", "doors"]) == 0
    assert cli.run(["specialist", "list", "--json"]) == 0
    assert capsys.readouterr().out == "Removed doors.\n[]\n"


def test_stopped_it_says_how_to_go_on(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(work: Path) -> None:
        raise SpecialistError("stopped", "Training was stopped after step 3; start it again in the same way to go on.")

    parts[0].instead = stopped
    _, err = trained(home, capsys, code=130)
    assert err.rstrip().endswith("start it again in the same way to go on.")
    assert "Something went wrong" not in err


def test_a_replaced_base_is_told_with_the_command(
    home: Path, parts: tuple[FakeTrainer, FakeSpeaker], capsys: pytest.CaptureFixture[str]
) -> None:
    trained(home, capsys, "--promote")
    parts[1].unusable = "base_other"
    assert cli.run(["specialist", "list"]) == 0
    assert "train it anew: kotae specialist train doors" in capsys.readouterr().err
    assert cli.run(["specialist", "list", "--json"]) == 0
    assert out_json(capsys)[0]["retrain"] == "kotae specialist train doors"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["train", "doors"], 1, "--data"),
        (["train", "Doors", "--data", "DATA", *FOR], 1, "small letters"),
        (["train", "doors", "--data", "DATA"], 1, "--description"),
        (["train", "doors", "--data", "nowhere.csv", *FOR], 1, "nowhere.csv"),
        (["train", "doors", "--data", "DATA", *FOR, "--base", "enormous"], 1, "no model named"),
        (["train", "doors", "--data", "DATA", *FOR, "--epochs", "0"], 2, "--epochs"),
        (["train", "doors", "--data", "DATA", *FOR, "--learning-rate", "2"], 2, "--learning-rate"),
        (["train", "doors", "--data", "DATA", *FOR, "--method", "magic"], 2, "--method"),
        (["train", "doors", "--feedback", *FOR], 1, "No feedback was given yet"),
        (["show", "nobody"], 1, "no specialist nobody"),
        (["evaluate", "nobody"], 1, "no specialist nobody"),
        (["promote", "nobody"], 1, "no specialist nobody"),
        (["compare", "nobody", "x"], 1, "no specialist nobody"),
        (["import", "nowhere.zip"], 1, "nowhere.zip"),
    ],
)
def test_what_is_wrong_is_one_line(
    home: Path,
    parts: tuple[FakeTrainer, FakeSpeaker],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    file = str(door_data(home))
    assert cli.run(["specialist", *(file if a == "DATA" else a for a in arguments)]) == code
    said = capsys.readouterr()
    assert says in said.err
    assert said.out == ""
    assert "Something went wrong" not in said.err


def test_without_the_extra_one_line_says_what_to_install(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.specialist.train.run.find_spec", lambda name: None)
    _, err = trained(home, capsys, code=1)
    assert err.rstrip().endswith("run `pip install 'kotae[train]'`.")


def test_where_there_is_none_it_is_said_how_to_train_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["specialist", "list"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "kotae specialist train NAME --data FILE" in said.err
