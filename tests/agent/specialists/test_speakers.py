from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent import Settings
from agent.errors import ModelMissing, ModelUnusable
from agent.models.catalogue import Catalogue
from agent.models.chat import ChatModel, Meter
from agent.models.connect import Target
from agent.models.files import digest
from agent.models.scripted import ScriptedChatModel
from agent.specialists import base_files, speakers
from agent.specialists.speakers import Speakers
from agent.wiring import _Given
from tools.specialist.card import ADAPTER, Base, Card, Shot
from tools.specialist.example import Example, Message

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "models"))

from adapter_files import TINY, write_adapter, write_model
from fake_server import FakeServer, served

ASK = [HumanMessage("Where is my card?")]


@dataclass(frozen=True)
class Version:
    card: Card
    folder: Path


class Machine:
    """Two models in a folder, the first of them configured, and fake servers for both."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.models.mkdir()
        self.mine = write_model(self.models / "mine.gguf")
        self.other = write_model(self.models / "other.gguf", "llama")
        self.settings = Settings(data_dir=folder / "data", models_dir=self.models, model=str(self.mine))
        self.servers: dict[Path, FakeServer] = {}
        self.opened: list[str] = []

    def open(self, target: Target, settings: Settings, origin: str = "") -> Any:
        path = Path(target.value)
        self.opened.append(path.stem)
        self.servers[path] = FakeServer(path)
        return served(self.servers[path], self.models / "prompts")

    def speakers(self) -> Speakers:
        return Speakers(self.settings, ChatModel(lambda: self.open(Target("file", str(self.mine)), self.settings)))

    def version(self, base: Path | None, name: str = "banking", **more: Any) -> Version:
        folder = self.models.parent / name
        if not folder.exists():
            folder.mkdir()
            write_adapter(folder / ADAPTER, TINY, architecture="llama" if base == self.other else "qwen2")
        given: dict[str, Any] = {"adapter": ADAPTER, "prompt": "Name the intent."} | more
        known = Base(name=base.stem, sha256=digest(base)) if base is not None else None
        card = Card(name=name, description=("Intents.",), examples=("Where?",), base=known, **given)
        return Version(card, folder)

    def last(self, base: Path) -> list[tuple[str, str]]:
        """What the model was asked last."""
        return self.servers[base].prompts[-1]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    machine = Machine(tmp_path)
    monkeypatch.setattr(speakers, "reach", machine.open)
    return machine


async def say(speaker: Speakers, version: Version, messages: list[Any] | None = None) -> str:
    return await speaker.write(version, messages or ASK, max_tokens=9, meter=Meter())


async def test_the_configured_model_speaks_where_it_is_the_base(machine: Machine) -> None:
    speaker = machine.speakers()
    version = machine.version(machine.mine)
    assert speaker.usable(version.card) == ""
    assert await say(speaker, version) == "I am adapter."
    assert machine.last(machine.mine) == [("system", "Name the intent."), ("human", "Where is my card?")]
    assert machine.opened == ["mine"]


async def test_without_its_adapter_the_same_model_speaks(machine: Machine) -> None:
    """What the specialist is compared with."""
    assert await say(machine.speakers(), machine.version(machine.mine, adapter="")) == "I am base."


async def test_another_model_is_opened_once_for_all_specialists_of_it(machine: Machine) -> None:
    speaker = machine.speakers()
    for name in ("one", "two", "one"):
        assert await say(speaker, machine.version(machine.other, name)) == "I am adapter."
    assert machine.opened == ["other"], "the configured model is not loaded for it"
    assert len(machine.servers[machine.other].loads) == 2
    assert machine.servers[machine.other].running
    await speaker.close()
    assert not machine.servers[machine.other].running
    assert await say(speaker, machine.version(machine.other, "one")) == "I am adapter."
    await speaker.close()


async def test_another_model_goes_when_nobody_asks_it(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakers, "_IDLE", 0.15)
    speaker = machine.speakers()
    version = machine.version(machine.other)
    await say(speaker, version)
    server = machine.servers[machine.other]
    server.hold = asyncio.Event()
    asking = asyncio.create_task(say(speaker, version))
    await asyncio.sleep(0.5)
    assert server.running, "it is being asked"
    server.hold.set()
    assert await asking == "I am adapter."
    for _ in range(100):
        if not server.running:
            break
        await asyncio.sleep(0.02)
    assert not server.running
    assert await say(speaker, version) == "I am adapter."
    assert machine.opened == ["other", "other"]
    await speaker.close()


async def test_a_specialist_of_no_base_speaks_with_the_configured_model(tmp_path: Path) -> None:
    script = ScriptedChatModel(lines=["lost"])
    speaker = Speakers(Settings(data_dir=tmp_path, models_dir=tmp_path), ChatModel(lambda: _Given(script, "scripted")))
    card = Card(name="few", description=("x",), examples=("y",), shots=(Shot(question="Gone!", answer="lost"),))
    assert speaker.usable(card) == ""
    assert await say(speaker, Version(card, tmp_path)) == "lost"
    assert script.prompts == ["Gone!\nlost\nWhere is my card?"]


SHOTS = (Shot(question="Gone!", answer="lost"), Shot(question="Not here yet.", answer="arrival"))
FULL = [
    ("system", "Name the intent."),
    ("human", "Gone!"),
    ("ai", "lost"),
    ("human", "Not here yet."),
    ("ai", "arrival"),
    ("human", "Where is my card?"),
]
_EXAMPLE = Example((Message("user", "Where is my card?"),), "arrival")


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        (ASK, FULL),
        (list(_EXAMPLE.messages), FULL),
        (list(_EXAMPLE.asked("Name the intent.")), FULL),
        ([SystemMessage("Other."), *ASK], [("system", "Other."), *FULL[1:]]),
        ([HumanMessage("Hi."), AIMessage("Hello."), *ASK], [*FULL[:-1], ("human", "Hi."), ("ai", "Hello."), FULL[-1]]),
        ([{"system": SystemMessage, "human": HumanMessage, "ai": AIMessage}[kind](text) for kind, text in FULL], FULL),
    ],
    ids=["a question", "of an example", "with the prompt", "with another prompt", "a conversation", "all there"],
)
async def test_prompt_and_examples_stand_in_front_once(
    machine: Machine, messages: list[BaseMessage], asked: list[tuple[str, str]]
) -> None:
    await say(machine.speakers(), machine.version(machine.mine, shots=SHOTS), messages)
    assert machine.last(machine.mine) == asked


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({"answers": ("lost", "arrival")}, {"grammar": 'root ::= "lost" | "arrival"'}),
        (
            {"schema_": {"type": "object"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
        ),
        ({}, {}),
    ],
    ids=["answers", "schema", "free"],
)
async def test_the_reply_is_held_to_the_form_of_the_card(
    machine: Machine, form: dict[str, Any], body: dict[str, Any]
) -> None:
    await say(machine.speakers(), machine.version(machine.mine, **form))
    sent = machine.servers[machine.mine].bodies[-1]
    assert {key: sent[key] for key in sent if key in ("grammar", "response_format")} == body


async def test_specialists_of_the_configured_model_are_loaded_at_once(machine: Machine) -> None:
    speaker = machine.speakers()
    versions = [machine.version(machine.mine, "one"), machine.version(machine.other, "two")]
    versions += [machine.version(machine.mine, "three"), machine.version(machine.mine, "four", adapter="")]
    await speaker.warm(versions)
    assert len(machine.servers[machine.mine].loaded) == 2
    assert machine.servers[machine.mine].runs == 2
    assert machine.opened == ["mine"]


async def test_a_broken_adapter_does_not_keep_the_model_from_starting(machine: Machine) -> None:
    speaker = machine.speakers()
    good, bad = machine.version(machine.mine, "good"), machine.version(machine.mine, "bad")
    (bad.folder / ADAPTER).write_bytes(b"GGUF")
    await speaker.warm([good, bad])
    with pytest.raises(ModelUnusable, match="not a usable adapter"):
        await say(speaker, bad)
    assert await say(speaker, good) == "I am adapter."


async def refused(speaker: Speakers, version: Version, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        await say(speaker, version)
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_base_that_is_not_here(machine: Machine) -> None:
    speaker, version = machine.speakers(), machine.version(machine.other)
    machine.other.unlink()
    assert speaker.usable(version.card) == "base_missing"
    assert speaker.base_path(version.card) is None
    assert "which is not on this machine" in await refused(speaker, version, ModelMissing)


async def test_a_base_that_is_another_model_now(machine: Machine) -> None:
    speaker, version = machine.speakers(), machine.version(machine.mine)
    assert speaker.usable(version.card) == ""
    write_model(machine.models / "new.gguf", "llama").replace(machine.mine)
    assert speaker.usable(version.card) == "base_other"
    assert "kotae specialist train banking" in await refused(speaker, version, ModelUnusable)


def catalogue(machine: Machine, sha256: str) -> None:
    """A catalogue whose model `tiny` has that hash."""
    entry = Catalogue.load().models[0].model_dump(mode="json")
    entry |= {"name": "tiny", "aliases": [], "default": False, "file": "tiny.gguf", "sha256": sha256}
    file = machine.models.parent / "catalogue.yaml"
    file.write_text(yaml.safe_dump({"models": [entry]}), "utf-8")


@pytest.mark.parametrize(
    ("now", "there", "code"),
    [
        ("same", True, ""),
        ("same", False, "base_missing"),
        ("another", True, "base_other"),
        ("another", False, "base_other"),
    ],
)
def test_a_base_of_the_catalogue(machine: Machine, now: str, there: bool, code: str) -> None:
    trained_on = "a" * 64
    catalogue(machine, trained_on if now == "same" else "b" * 64)
    if there:
        (machine.models / "tiny.gguf").write_bytes(b"not looked into before it is loaded")
    version = machine.version(machine.mine)
    card = version.card.model_copy(update={"base": Base(name="tiny", sha256=trained_on)})
    speaker = machine.speakers()
    assert speaker.usable(card) == code
    assert speaker.base_path(card) == (machine.models / "tiny.gguf" if code == "" else None)


async def test_no_file_is_hashed_twice(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    real: Callable[[Path], str] = base_files.known_digest

    def counted(path: Path) -> str:
        hashed.append(path.stem)
        return real(path)

    monkeypatch.setattr(base_files, "known_digest", counted)
    speaker = machine.speakers()
    versions = [machine.version(machine.mine, "one"), machine.version(machine.other, "two")]
    for _ in range(2):
        for version in versions:
            await say(speaker, version)
            assert speaker.usable(version.card) == ""
    assert sorted(hashed) == ["mine", "other"]
    assert (machine.models / "mine.gguf.verified.json").is_file(), "the next process does not hash it either"
    await speaker.close()
