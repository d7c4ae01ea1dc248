"""Specialists that come with Kotae trained are put to use once, and what the owner decides stays so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.models.catalogue import Catalogue
from agent.specialists import ready
from agent.specialists.ready import install
from tests.tools.specialist.specialist_parts import BASE, a_card, a_split, an_adapter, an_evaluation, weights
from tools.specialist.errors import SpecialistError
from tools.specialist.registry import Registry

OTHER = "c" * 64
SHIPPED = Path(ready.__file__).parents[2] / "tools" / "specialist" / "shipped"


def shipped(folder: Path, name: str = "grounded", *, mark: float = 1.0, passed: bool = True) -> Path:
    """A folder of shipped specialists with one that reads passages."""
    place = folder / "shipped" / name / "ready" / "small"
    place.mkdir(parents=True, exist_ok=True)
    (place / "card.yaml").write_text(a_card(name, use="grounded", date=f"2026-01-0{int(mark)}").text(), "utf-8")
    (place / "adapter.gguf").write_bytes(weights(mark))
    failed = () if passed else ("forgets",)
    (place / "evaluation.json").write_text(an_evaluation(passed=passed, failed=failed).model_dump_json(), "utf-8")
    return folder / "shipped"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "specialists")


def test_it_is_put_to_use_once(registry: Registry, tmp_path: Path) -> None:
    place = shipped(tmp_path)
    install(registry, BASE, place)
    install(registry, BASE, place)
    one = registry.get("grounded")
    assert [version.number for version in one.versions] == [1]
    assert one.promoted == 1
    assert one.current is not None
    assert one.current.proven
    assert one.current.adapter is not None
    assert one.current.adapter.read_bytes() == weights(1.0)
    assert (place / "grounded" / "ready" / "small" / "adapter.gguf").is_file()  # a copy was taken over


def test_another_base_model_gets_nothing(registry: Registry, tmp_path: Path) -> None:
    install(registry, OTHER, shipped(tmp_path))
    install(registry, "", shipped(tmp_path))
    assert registry.all() == ()


@pytest.mark.parametrize("way", ["retire", "rollback", "remove"])
def test_what_was_taken_back_or_removed_does_not_return(registry: Registry, tmp_path: Path, way: str) -> None:
    place = shipped(tmp_path)
    install(registry, BASE, place)
    if way == "remove":
        registry.retire("grounded")
        registry.remove("grounded")
    else:
        getattr(registry, way)("grounded")
    install(registry, BASE, place)
    assert [one.current for one in registry.all()] == ([] if way == "remove" else [None])


def test_a_later_one_takes_the_place_of_an_earlier_one(registry: Registry, tmp_path: Path) -> None:
    install(registry, BASE, shipped(tmp_path))
    install(registry, BASE, shipped(tmp_path, mark=2.0))
    assert registry.get("grounded").promoted == 2
    registry.rollback("grounded")
    assert registry.get("grounded").promoted == 1


def test_a_later_one_leaves_alone_what_the_owner_chose(registry: Registry, tmp_path: Path) -> None:
    install(registry, BASE, shipped(tmp_path))
    registry.retire("grounded")
    install(registry, BASE, shipped(tmp_path, mark=2.0))
    one = registry.get("grounded")
    assert (one.promoted, len(one.versions)) == (None, 2)


def test_the_owners_own_reader_goes_on_reading(registry: Registry, tmp_path: Path) -> None:
    mine = registry.add(a_card("mine", use="grounded"), an_adapter(tmp_path), a_split())
    registry.record("mine", mine.number, an_evaluation())
    registry.promote("mine", mine.number)
    install(registry, BASE, shipped(tmp_path))
    assert registry.get("grounded").current is None
    assert registry.get("mine").current is not None


def test_one_that_did_not_pass_is_not_used_and_does_no_harm(registry: Registry, tmp_path: Path) -> None:
    install(registry, BASE, shipped(tmp_path, passed=False))
    assert registry.get("grounded").current is None


def test_a_note_that_cannot_be_read_does_no_harm(registry: Registry, tmp_path: Path) -> None:
    registry.folder.mkdir()
    (registry.folder / ".shipped.json").write_text("{", "utf-8")
    install(registry, BASE, shipped(tmp_path))
    with pytest.raises(SpecialistError, match="none yet"):
        registry.get("grounded")


def test_the_examples_are_those_that_come_with_kotae(tmp_path: Path) -> None:
    place = shipped(tmp_path) / "grounded" / "ready" / "small"
    (place.parents[1] / "groups.jsonl").write_bytes((SHIPPED / "grounded" / "groups.jsonl").read_bytes())
    parts = {"training": ["groups-1"], "validation": ["groups-2"], "test": ["groups-3", "groups-4"]}
    (place / "split.json").write_text(json.dumps(parts), "utf-8")
    registry = Registry(tmp_path / "specialists")
    install(registry, BASE, tmp_path / "shipped")
    split = registry.split_of("grounded", 1)
    assert {row.group for row in split.test} == {"groups-3", "groups-4"}
    assert {row.group for row in split.training} == {"groups-1"}


@pytest.mark.parametrize(
    "place", sorted(SHIPPED.glob("*/ready/*")), ids=lambda place: f"{place.parents[1].name}-{place.name}"
)
def test_what_comes_with_kotae_is_whole(place: Path, registry: Registry) -> None:
    model = Catalogue.load().find(place.name)
    assert model is not None
    install(registry, model.sha256)
    current = registry.get(place.parents[1].name).current
    assert current is not None
    assert current.proven
    assert current.card.base is not None
    assert current.card.base.name == place.name
    assert current.card.data.sources, "whose texts it learned from"
    split = registry.split_of(current.card.name, current.number)
    assert len(split.test) >= 40, "what it was examined on"
