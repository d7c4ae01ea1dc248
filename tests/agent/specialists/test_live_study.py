"""A specialist trained for a few steps on the catalogue's small model, and examined: `pytest -m live`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import Settings
from agent.specialists import general
from agent.specialists.bases import trainable
from agent.specialists.preparing import Order
from agent.specialists.study import Specialists
from agent.specialists.workplace import Step
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan

pytestmark = pytest.mark.live

THINGS = ("door", "window", "gate", "box", "lid", "drawer", "shop", "gallery", "bridge", "road", "tap", "book")
VERBS = {"open": "KA-1", "close": "KI-2", "paint": "KU-3"}
"""What no base model can know."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path / "data", model="small", web="off", context=1024)
    try:
        trainable(settings)
    except SpecialistError as missing:
        pytest.skip(str(missing))
    return settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "doors.jsonl"
    rows = [
        {"text": f"{please} {verb} the {thing}", "intent": code}
        for please in ("Please", "Kindly", "You must")
        for thing in THINGS
        for verb, code in VERBS.items()
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return file


async def test_trained_examined_and_compared(settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = general.questions()[::10]
    monkeypatch.setattr(general, "questions", lambda: few)
    steps: list[Step] = []
    plan = Plan(rank=8, epochs=2, general=0.04, longest=64)
    order = Order("doors", (data,), description=("Names the code of what is to be done",), plan=plan)
    async with Specialists.open(settings) as study:
        made = await study.train(order, steps.append, limit=20)
        figures, found = made.version.card.figures, made.evaluation
        assert 8 <= figures["steps"] <= 14
        assert figures["validation"] < 1.5
        assert found.examples == 20
        assert found.scores["specialist"].valid == 1.0, "nothing but the three codes can be written"
        assert found.scores["base"].valid == 1.0
        assert found.scores["specialist"].score > found.scores["base"].score
        assert found.unchanged, "with the specialist off the base answers as before"
        assert found.general["off"] == found.general["base"]
        compared = await study.compare("doors", "Please open the cage")
        assert compared.specialist in VERBS.values()
        again = await study.train(order)
        assert not again.trained
    assert [step for step in steps if step.training is not None][-1].done == figures["steps"]
