"""A training set made with the catalogue's small model: `pytest -m live`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent import ModelMissing
from agent.settings import Settings
from agent.specialists.raft import Order, make
from agent.wiring import chat_model
from tools.library import E5, Library, Text
from tools.specialist.example import Example

pytestmark = pytest.mark.live

TEXTS = {
    "ferry": "The ferry needs 18 minutes to cross Lake Orin. A return ticket of the ferry costs 8 euros.",
    "museum": "The clock museum of Belm was founded by Ada Brandt. The museum keeps 340 clocks in its cellar.",
    "tower": "The water tower of Belm is closed because its stairs are being repaired.",
    "船": "折尾湖の渡し船は18分で対岸に着きます。渡し船の往復切符は800円です。",
    "塔": "給水塔の展望台は、階段の修理が終わるまで閉まっています。給水塔の高さは31メートルです。",
}


async def test_a_small_model_makes_some_questions_that_pass(tmp_path: Path, embedder: E5) -> None:
    library = Library.open(tmp_path / "library", embedder)
    library.index_texts([Text(name, text, name.title()) for name, text in TEXTS.items()], collection="belm")
    model = chat_model(Settings(data_dir=tmp_path, web="off", model="small"))
    out = tmp_path / "rows.jsonl"
    try:
        tally = await make(library, model, Order("belm", questions=6), out)
    except ModelMissing as missing:
        pytest.skip(str(missing))
    finally:
        await model.close()
    assert tally.kept >= 3
    assert tally.made == tally.kept + sum(tally.thrown.values())
    rows = [Example.from_json(json.loads(line)) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == tally.rows == 2 * (tally.answered + tally.refused)
    everything = " ".join(TEXTS.values())
    for row in rows:
        if row.refuses is False:
            assert row.answer.rpartition("[")[0].strip() in everything
