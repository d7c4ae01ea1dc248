"""`kotae route …` and `kotae eval routing` end to end, with the real router."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pool_library import home as home
from pool_library import out_json

from tools.specialist.card import Card
from tools.specialist.registry import Registry
from ui import cli

BUS = "Which bus goes to the old harbour?"


def tasks(home: Path, *rows: tuple[str, str]) -> str:
    file = home / "tasks.jsonl"
    file.write_text("\n".join(json.dumps({"text": t, "label": label}) for t, label in rows), "utf-8")
    return str(file)


@pytest.mark.parametrize("options", [["--json", "Hello!"], ["Hello!", "--json"]])
def test_a_question_needs_no_command_wherever_its_options_stand(
    home: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert cli.run(["route", *options]) == 0
    assert out_json(capsys)["route"] == "direct"


def test_help_tells_of_the_commands(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["route", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(command in said for command in ("explain", "correct", "corrections", "forget", "train"))
    assert "(a question)" not in said


def test_explain_shows_the_nearest_labelled_questions(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["route", "explain", "How many vacation days can I carry over?", "-k", "3", "--json"]) == 0
    told = out_json(capsys)
    assert (told["route"], told["why"]) == ("library", "classifier")
    assert set(told["classifier"]) == {"library", "web", "direct", "clarify"}
    assert len(told["nearest"]) == 3
    assert told["nearest"][0]["route"] == "library"
    assert "vacation" in told["nearest"][0]["text"]
    assert cli.run(["route", "explain", "Hello!"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("direct\n")
    assert "(greeting)" in said.err


def test_a_correction_is_kept_and_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["route", "explain", BUS, "--json"]) == 0
    before = out_json(capsys)["route"]
    wanted = "direct" if before == "web" else "web"
    assert cli.run(["route", "correct", BUS, wanted]) == 0
    said = capsys.readouterr()
    assert said.out == f"{wanted}\n"
    assert f"it went to {before} before" in said.err
    assert str(home / "data_dir" / "routes.yaml") in said.err
    assert cli.run(["route", BUS]) == 0
    said = capsys.readouterr()
    assert said.out == f"{wanted}\n"
    assert "because it was corrected" in said.err
    assert cli.run(["route", "explain", BUS, "--json"]) == 0
    told = out_json(capsys)
    assert (told["route"], told["why"], told["nearest"][0]["text"]) == (wanted, "correction", BUS)


def test_corrections_are_listed_and_taken_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["route", "corrections"]) == 0
    assert "No question was corrected." in capsys.readouterr().err
    assert cli.run(["route", "explain", BUS, "--json"]) == 0
    before = out_json(capsys)["route"]
    wanted = "direct" if before == "web" else "web"
    assert cli.run(["route", "correct", BUS, wanted]) == 0
    capsys.readouterr()
    assert cli.run(["route", "corrections", "--json"]) == 0
    assert out_json(capsys) == [{"question": BUS, "route": wanted}]
    assert cli.run(["route", "corrections"]) == 0
    assert BUS in capsys.readouterr().out
    assert cli.run(["route", "forget", BUS]) == 0
    said = capsys.readouterr()
    assert said.out == f"{before}\n"
    assert cli.run(["route", "corrections", "--json"]) == 0
    assert out_json(capsys) == []
    assert cli.run(["route", "forget", BUS]) == 2
    assert "kotae route corrections" in capsys.readouterr().err


def test_a_promoted_specialist_is_a_route_and_can_be_corrected_to(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = Registry(home / "data_dir" / "specialists")
    card = Card(
        name="banking",
        description="Questions of the customers of an online bank about cards, payments and transfers",
        examples=("How do I activate my new card?", "When will the transfer reach my account?"),
    )
    registry.promote("banking", registry.add(card, None, None).number, unproven=True)
    asked = "When will my transfer reach the account?"
    assert cli.run(["route", asked]) == 0
    said = capsys.readouterr()
    assert said.out == "specialist:banking\n"
    assert "Ask the specialist “banking”, it is for questions like this one" in said.err
    assert cli.run(["route", "explain", asked, "--json"]) == 0
    told = out_json(capsys)
    assert (told["route"], told["why"]) == ("specialist:banking", "specialist")
    assert told["classifier"]["specialist:banking"] > 0.5
    assert cli.run(["route", "correct", BUS, "specialist:banking"]) == 0
    assert capsys.readouterr().out == "specialist:banking\n"
    assert cli.run(["route", BUS, "--json"]) == 0
    told = out_json(capsys)
    assert (told["route"], told["why"]) == ("specialist:banking", "correction")
    registry.retire("banking")
    assert cli.run(["route", BUS, "--json"]) == 0
    told = out_json(capsys)
    assert (told["route"], told["why"]) == ("library", "classifier")


@pytest.mark.parametrize(
    ("arguments", "code", "says_so"),
    [
        (["route", "correct", BUS, "nowhere"], 2, "library, web, direct, clarify"),
        (["route", "correct", BUS, "specialist:banking"], 2, "library, web, direct, clarify"),
        (["route", "correct", " ", "web"], 2, "empty"),
        (["route", "explain", "x" * 5000], 2, "5,000 characters"),
        (["eval", "routing", "--tasks", "nothing.jsonl"], 1, "nothing.jsonl cannot be read"),
    ],
)
def test_wrong_use(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says_so: str
) -> None:
    assert cli.run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert says_so in said.err
    assert not (home / "data_dir" / "routes.yaml").exists()


def test_broken_corrections_are_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "data_dir").mkdir()
    (home / "data_dir" / "routes.yaml").write_text("web: [", "utf-8")
    assert cli.run(["route", BUS]) == 1
    said = capsys.readouterr().err
    assert "routes.yaml" in said
    assert said.count("\n") == 1


def test_train_tells_how_well_it_goes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["route", "train", "--json"]) == 0
    told = out_json(capsys)
    assert set(told) == {"questions", "corrections", "accuracy", "accuracy_interval", "ece", "seconds"}
    assert told["questions"] > 2000
    assert told["corrections"] == 0
    for language in ("en", "ja"):
        low, high = told["accuracy_interval"][language]
        assert 0.85 < low < told["accuracy"][language] < high < 1
    assert len(list((home / "data_dir").glob("router-*.npz"))) == 1


def test_eval_routing_lists_what_went_astray(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tasks(home, ("Hello!", "chitchat"), ("Thank you!", "web"), ("How long is the tunnel?", "retrieve_single"))
    out = home / "figures.json"
    assert cli.run(["eval", "routing", "--tasks", file, "--json", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split("\t")[:3] == ["all", "3", "0.667"]
    assert "web → direct (cue, 0.95): Thank you!" in said.err
    figures = json.loads(out.read_text("utf-8"))
    assert {"n", "accuracy", "by_route", "by_language", "ece", "p50_ms", "accuracy_interval", "wrong"} <= set(figures)
    assert (figures["n"], figures["accuracy"]) == (3, 0.6667)
    assert cli.run(["eval", "routing", "--tasks", file, "--limit", "1", "--json", str(out)]) == 0
    assert json.loads(out.read_text("utf-8"))["n"] == 1


def test_eval_routing_with_and_without_a_card(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = home / "card.yaml"
    card.write_text(
        "name: banking\ndescription: Questions about bank cards and transfers\nexamples:\n"
        "  - Why was my card declined?\n  - When does my transfer arrive?\n  - How do I top up my account?\n",
        "utf-8",
    )
    file = tasks(home, ("My card was not accepted in the shop", "specialist_banking"), ("Hello!", "chitchat"))
    out = home / "figures.json"
    assert cli.run(["eval", "routing", "--tasks", file, "--json", str(out)]) == 0
    assert "Left out, because no card was given with --specialist: specialist:banking" in capsys.readouterr().err
    assert json.loads(out.read_text("utf-8"))["n"] == 1
    assert cli.run(["eval", "routing", "--tasks", file, "--specialist", str(card), "--json", str(out)]) == 0
    figures = json.loads(out.read_text("utf-8"))
    assert (figures["n"], figures["accuracy"]) == (2, 1.0)
    card.write_text("name: banking\n", "utf-8")
    capsys.readouterr()
    assert cli.run(["eval", "routing", "--tasks", file, "--specialist", str(card)]) == 1
    assert "card.yaml, description: say" in capsys.readouterr().err
