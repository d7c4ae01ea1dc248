"""The published JSON Schema: up to date, described throughout, and of one mind with the reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.examples import ROUTES, is_place
from ui import cli
from ui.conversing.reading import read
from ui.conversing.schema import schema
from ui.conversing.script import Document, Expect, Hit, Scene, ScriptedTurn, Simulated, Success

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "docs" / "conversation.schema.json"
SCRIPTS = sorted((ROOT / "tests" / "conversations").glob("*.yaml"))


def test_it_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    again = "run: kotae converse --schema > docs/conversation.schema.json"
    assert PUBLISHED.read_text("utf-8") == schema(), again
    assert cli.run(["converse", "--schema"]) == 0
    assert capsys.readouterr().out == schema()


def test_every_field_is_described() -> None:
    kinds: dict[str, Any] = json.loads(schema())["$defs"]
    fields = {f"{kind}.{name}": field for kind, one in kinds.items() for name, field in one["properties"].items()}
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert {kind for kind, one in kinds.items() if not one.get("description")} == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_names_it(path: Path) -> None:
    first = path.read_text("utf-8").partition("\n")[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == PUBLISHED


def test_scripts_fit_it_and_a_slip_does_not() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json.loads(schema()))
    for path in SCRIPTS:
        # an editor reads YAML 1.2, in which `off` is a word
        text = re.sub(r"^(\s*web:) off$", r'\1 "off"', path.read_text("utf-8"), flags=re.MULTILINE)
        assert [error.message for error in check.iter_errors(yaml.safe_load(text))] == [], path.name
    slips = [
        {"name": "a", "turns": [{"usr": "hi"}]},
        {"name": "a", "turns": [{"user": "hi", "expect": {"route": "mars"}}]},
        {"name": "a", "turns": [{"user": "hi", "expect": {"events": ["status"]}}]},
        {"kind": "simulated", "name": "a", "turns": [{"user": "hi"}]},
    ]
    assert [slip for slip in slips if check.is_valid(slip)] == []


@pytest.mark.parametrize("place", [*ROUTES, "specialist:banking", "specialist", "mars", "specialist:", "Library"])
def test_routes_are_those_of_the_agent(place: str) -> None:
    try:
        Expect(route=place)
    except ValueError:
        assert not is_place(place)
    else:
        assert is_place(place)


FENCE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_guide_names_every_key_and_its_examples_can_be_read(language: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / language / "scripted-conversations.md").read_text("utf-8")
    keys = {
        name for kind in (Expect, ScriptedTurn, Scene, Success, Simulated, Document, Hit) for name in kind.model_fields
    }
    taken_for_granted = {"name", "turns", "user", "kind", "opening"}
    assert [key for key in sorted(keys - taken_for_granted) if not re.search(rf"`{key}[`:]", text)] == []
    examples = FENCE.findall(text)
    assert len(examples) == 4
    for example in examples:
        (tmp_path / "example.yaml").write_text(example, "utf-8")
        assert read(tmp_path / "example.yaml")
