"""From an order to a specialist in use, with a training and a model that are laid down."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from agent import Settings
from agent.models.catalogue import Catalogue
from agent.specialists import general
from agent.specialists.preparing import Order
from agent.specialists.study import Specialists
from agent.specialists.workplace import Step
from tests.agent.specialists.speaking import EMBEDDER, FakeSpeaker
from tests.agent.specialists.training_parts import FakeTrainer, door_data, reply
from tools.specialist.card import Base
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan
from tools.specialist.versions import Version


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    model = tmp_path / "tiny.gguf"
    model.write_bytes(b"weights of a tiny model")
    return Settings(data_dir=tmp_path / "data", models_dir=tmp_path, model=str(model), web="off")


def specialists(home: Settings, trainer: FakeTrainer | None = None, speaker: FakeSpeaker | None = None) -> Specialists:
    return Specialists(home, speaker or FakeSpeaker(reply), EMBEDDER, trainer=trainer or FakeTrainer())


def order(home: Settings, **given: Any) -> Order:
    return Order(
        "doors", **{"files": (door_data(home.models_dir),), "description": ("What to do with a door",), **given}
    )


async def test_from_data_to_a_specialist_in_use(home: Settings) -> None:
    trainer, told = FakeTrainer(), []
    study = specialists(home, trainer)
    made = await study.train(order(home), told.append, promote=True)
    assert made.promoted
    assert made.trained
    assert made.evaluation.passed
    card = made.version.card
    assert (card.name, card.metric, card.answers) == ("doors", "exact", ("close", "open", "paint"))
    assert card.figures["loss"] == 0.5
    assert card.figures["peak"] == 5.0
    assert card.date
    assert card.data.sources == ("data.jsonl",)
    assert made.version.folder.joinpath("adapter.gguf").is_file()
    (call,) = trainer.calls
    assert len(call["training"]) == card.data.training
    assert call["general"] == general.texts()
    assert call["prompt"] == card.prompt
    (one,) = study.all()
    assert one.promoted == 1
    assert list(dict.fromkeys(step.what for step in told)) == [
        *("reading", "loading", "training", "comparing", "base", "general", "specialist", "examples"),
    ]
    assert next(step for step in told if step.what == "training").training is not None
    assert not call["work"].exists(), "nothing is left to go on with"


async def test_it_is_not_put_into_use_unless_it_is_wanted_and_proven(home: Settings) -> None:
    study = specialists(home)
    assert not (await study.train(order(home))).promoted
    bad = specialists(home, speaker=FakeSpeaker(lambda version, messages: "open"))
    made = await bad.train(order(home, again=True), promote=True)
    assert not made.promoted
    assert made.version.number == 2
    assert study.all()[0].promoted is None
    with pytest.raises(SpecialistError) as raised:
        study.promote("doors", 2)
    assert raised.value.reason == "not_proven"
    assert study.promote("doors", 1).number == 1


async def test_the_same_order_again_learns_nothing_anew(home: Settings) -> None:
    trainer = FakeTrainer()
    study = specialists(home, trainer)
    first = await study.train(order(home))
    again = await study.train(order(home), promote=True)
    assert (again.trained, again.promoted) == (False, True)
    assert again.version == first.version
    assert len(trainer.calls) == 1
    assert (await study.train(order(home, again=True))).version.number == 2
    assert (await study.train(order(home, plan=Plan(rank=4)))).version.number == 3


async def test_the_training_of_the_adapter_in_use_is_continued(home: Settings) -> None:
    trainer = FakeTrainer()
    study = specialists(home, trainer)
    with pytest.raises(SpecialistError, match="no doors yet that could be continued"):
        await study.train(order(home, continues=True))
    first = await study.train(order(home, plan=Plan(rank=4, alpha=4, layers=2)), promote=True)
    await study.train(order(home, plan=Plan(rank=8)))  # later, but not in use
    more = door_data(home.models_dir, 60, "more.jsonl")
    made = await study.train(order(home, files=(more,), continues=True), promote=True)
    card, call = made.version.card, trainer.calls[-1]
    assert card.continued_from == 1
    assert call["initial"] == first.version.folder / "adapter.gguf"
    assert (card.training.rank, card.training.alpha, card.training.layers) == (4, 4.0, 2), "as the adapter has them"
    assert [c["initial"] for c in trainer.calls[:2]] == [None, None]
    # now that the third version is in use, the same order continues that one
    again = await study.train(order(home, files=(more,), continues=True))
    assert (again.trained, again.version.card.continued_from) == (True, 3)


@pytest.mark.parametrize(
    ("earlier", "later", "says"),
    [
        (Plan(method="few_shot"), Plan(), "Only the training of adapters"),
        (Plan(), Plan(method="layers"), "Only the training of adapters"),
    ],
)
async def test_only_adapters_are_continued(home: Settings, earlier: Plan, later: Plan, says: str) -> None:
    study = specialists(home)
    await study.train(order(home, plan=earlier))
    with pytest.raises(SpecialistError, match=says) as raised:
        await study.train(order(home, plan=later, continues=True))
    assert raised.value.reason == "base"


async def test_an_adapter_of_another_model_is_not_continued(home: Settings) -> None:
    await specialists(home).train(order(home))
    other = home.models_dir / "other.gguf"
    other.write_bytes(b"another model")
    home = home.model_copy(update={"model": str(other)})
    with pytest.raises(SpecialistError, match="belongs to another model: train without --continue"):
        await specialists(home).train(order(home, continues=True))


async def test_an_examination_that_was_stopped_is_made_up_for(home: Settings) -> None:
    trainer, stop = FakeTrainer(), threading.Event()
    study = specialists(home, trainer)

    def tell(step: Step) -> None:
        if step.what == "examples":
            stop.set()

    with pytest.raises(SpecialistError) as raised:
        await study.train(order(home), tell, stop)
    assert raised.value.reason == "stopped"
    assert study.get("doors").evaluation is None
    made = await study.train(order(home), promote=True)
    assert made.promoted
    assert made.version.number == 1
    assert len(trainer.calls) == 1


async def test_a_training_that_was_stopped_goes_on_and_another_one_is_told(home: Settings) -> None:
    def stopped(work: Path) -> None:
        (work / "checkpoint.safetensors").write_bytes(b"so far")
        raise SpecialistError("stopped", "Training was stopped after step 1.")

    with pytest.raises(SpecialistError, match="step 1"):
        await specialists(home, FakeTrainer(stopped)).train(order(home))
    study = specialists(home)
    with pytest.raises(SpecialistError, match="--again") as raised:
        await study.train(order(home, plan=Plan(epochs=1)))
    assert raised.value.reason == "exists"

    def goes_on(work: Path) -> None:
        assert (work / "checkpoint.safetensors").is_file()

    assert (await specialists(home, FakeTrainer(goes_on)).train(order(home))).version.number == 1


async def test_a_new_version_takes_over_what_the_order_leaves_out(home: Settings) -> None:
    study = specialists(home)
    first = await study.train(order(home, licence="cc0-1.0", prompt="Which verb?"))
    trainer = FakeTrainer()
    second = await specialists(home, trainer).train(Order("doors", plan=Plan(epochs=1)))
    assert second.version.number == 2
    assert second.version.card.description == first.version.card.description
    assert second.version.card.prompt == "Which verb?"
    assert second.version.card.data.licence == "cc0-1.0"
    assert second.version.card.data.fingerprint == first.version.card.data.fingerprint


async def test_examples_in_the_prompt_need_no_training(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise SpecialistError("package", "pip install 'kotae[train]'")

    monkeypatch.setattr("agent.specialists.learning.require_packages", missing)
    trainer = FakeTrainer()
    study = specialists(home, trainer)
    made = await study.train(order(home, plan=Plan(method="few_shot", shots=3)))
    assert trainer.calls == []
    assert len(made.version.card.shots) == 3
    assert made.evaluation.failed
    with pytest.raises(SpecialistError) as raised:
        await study.train(order(home))
    assert raised.value.reason == "package"


async def test_personal_data_are_learned_only_where_that_is_allowed(home: Settings) -> None:
    file = door_data(home.models_dir, name="personal.jsonl")
    file.write_text(file.read_text() + json.dumps({"text": "Mail taro@mail.co.jp", "intent": "open"}) + "\n", "utf-8")
    told: list[int] = []
    study = specialists(home)
    with pytest.raises(SpecialistError, match="--allow-personal"):
        await study.train(order(home, files=(file,)), checked=lambda found: told.append(len(found.personal)))
    assert told == [1], "what was found is told before it is refused"
    assert (await study.train(order(home, files=(file,), personal=True))).version.number == 1


async def test_one_training_at_a_time(home: Settings) -> None:
    study = specialists(home)
    with study.registry.training("doors"), pytest.raises(SpecialistError) as raised:
        await study.train(order(home))
    assert raised.value.reason == "busy"


async def test_only_a_model_of_this_machine_can_be_trained(home: Settings) -> None:
    for model in ("http://localhost:1/v1#big", "openai:gpt"):
        there = home.model_copy(update={"model": model})
        with pytest.raises(SpecialistError, match="--base small") as raised:
            await specialists(there).train(order(home))
        assert raised.value.reason == "base"
    with pytest.raises(SpecialistError, match="kotae models pull small"):
        await specialists(home).train(order(home, base="small"))
    with pytest.raises(SpecialistError, match="no model named"):
        await specialists(home).train(order(home, base="enormous"))


async def test_memory_is_given_back_before_training(home: Settings) -> None:
    order_of: list[str] = []

    async def release() -> None:
        order_of.append("released")

    trainer = FakeTrainer(lambda work: order_of.append("trained"))
    study = Specialists(home, FakeSpeaker(reply), EMBEDDER, release=release, trainer=trainer)
    await study.train(order(home))
    assert order_of == ["released", "trained"]


async def test_base_and_specialist_are_asked_the_same(home: Settings) -> None:
    speaker = FakeSpeaker(reply)
    study = specialists(home, speaker=speaker)
    await study.train(order(home))
    speaker.asked.clear()
    found = await study.compare("doors", "Please paint the fence")
    assert (found.base, found.specialist, found.version) == ("open", "paint", 1)
    base, mine = speaker.asked
    assert base.messages == mine.messages
    assert base.messages[0][0] == "system"
    assert (base.voice.card.adapter, mine.voice.card.adapter) == ("", "adapter.gguf")


async def test_who_cannot_be_asked_is_told(home: Settings) -> None:
    study = specialists(home)
    await study.train(order(home))

    mute = specialists(home, speaker=FakeSpeaker(reply, unusable="base_missing"))
    for call in (mute.compare("doors", "x"), mute.examine("doors")):
        with pytest.raises(SpecialistError, match="kotae models pull") as raised:
            await call
        assert raised.value.reason == "base"


async def test_a_replaced_base_is_noticed_and_training_anew_offered(home: Settings) -> None:
    speaker = FakeSpeaker(reply)
    study = specialists(home, speaker=speaker)
    made = await study.train(order(home), promote=True)
    assert study.stale() == []
    speaker.unusable = "base_other"
    (found,) = study.stale()
    assert (found.name, found.version, found.base) == ("doors", 1, made.version.card.base)
    assert found.command == "kotae specialist train doors"
    study.registry.retire("doors")
    assert study.stale() == []


@pytest.mark.parametrize(
    ("sha256", "code", "command"),
    [
        ("0" * 64, "base_other", "kotae specialist train doors --base qwen2.5-coder-0.5b"),
        ("0" * 64, "base_missing", "kotae specialist train doors --base qwen2.5-coder-0.5b"),
        ("", "base_missing", None),
        ("", "", None),
    ],
)
async def test_a_base_that_the_catalogue_still_has_can_be_downloaded(
    home: Settings, sha256: str, code: str, command: str | None
) -> None:
    speaker = FakeSpeaker(reply)
    study = specialists(home, speaker=speaker)
    await study.train(order(home), promote=True)
    known = Catalogue.load().find("small")
    assert known is not None
    base = Base(name=known.name, sha256=sha256 or known.sha256)
    version = study.get("doors")
    (version.folder / "card.yaml").write_text(version.card.model_copy(update={"base": base}).text(), "utf-8")
    speaker.unusable = code
    assert [one.command for one in study.stale()] == ([command] if command else [])


async def test_what_was_found_is_noted_with_the_version(home: Settings) -> None:
    study = specialists(home)
    await study.train(order(home))
    found = await study.examine("doors", limit=20)
    noted: Version = study.get("doors")
    assert noted.evaluation == found.evaluation
    assert noted.evaluation is not None
    assert noted.evaluation.examples == 20
    assert noted.evaluation.data == noted.card.data.fingerprint
