from __future__ import annotations

from pathlib import Path

import pytest
from speaking import CARD

from agent.specialists.workplace import Workplace
from tools.specialist.card import Data
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Plan

OTHER = CARD.model_copy(update={"data": Data(fingerprint="f" * 64)})


def started(place: Workplace) -> None:
    place.folder.mkdir(parents=True, exist_ok=True)
    (place.folder / "checkpoint.safetensors").write_bytes(b"weights")


def test_one_program_at_a_time_trains_a_specialist(tmp_path: Path) -> None:
    with Workplace(tmp_path, "banking"):
        with pytest.raises(SpecialistError) as raised, Workplace(tmp_path, "banking"):
            pass
        assert raised.value.reason == "busy"
        with Workplace(tmp_path, "other"):
            pass
    with Workplace(tmp_path, "banking"):
        pass


def test_the_same_training_goes_on_and_another_one_is_told(tmp_path: Path) -> None:
    with Workplace(tmp_path, "banking") as place:
        place.claim(CARD, again=False)
        started(place)
    with Workplace(tmp_path, "banking") as place:
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
    with Workplace(tmp_path, "banking") as place:
        place.claim(CARD, again=False)
        place.claim(OTHER, again=False)


@pytest.mark.parametrize("name", ["../banking", "a/b", ".hidden", ".."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecialistError):
        Workplace(tmp_path, name)
