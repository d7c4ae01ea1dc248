from __future__ import annotations

from pathlib import Path

import pytest

from agent.specialists.workplace import Workplace
from tests.agent.specialists.speaking import CARD
from tools.specialist.card import Data
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan

OTHER = CARD.model_copy(update={"data": Data(fingerprint="f" * 64)})


def started(place: Workplace) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    (place.folder / "checkpoint.safetensors").write_bytes(b"weights")


def test_the_same_training_goes_on_and_another_one_is_told(tmp_path: Path) -> None:
    place = Workplace(tmp_path, "banking")
    place.claim(CARD, again=False)
    started(place)
    place = Workplace(tmp_path, "banking")
    place.claim(CARD, again=False)
    for other in (OTHER, CARD.model_copy(update={"training": Plan(rank=8)})):
        with pytest.raises(SpecialistError, match="--again") as raised:
            place.claim(other, again=False)
        assert raised.value.reason == "exists"
    assert (place.folder / "checkpoint.safetensors").is_file()
    place.claim(OTHER, again=True)
    assert not place.folder.exists()
    started(place)
    place.claim(OTHER, again=False)
    place.clear()
    place.claim(CARD, again=False)


def test_what_never_began_stands_in_nobodys_way(tmp_path: Path) -> None:
    place = Workplace(tmp_path, "banking")
    place.claim(CARD, again=False)
    place.claim(OTHER, again=False)
