from __future__ import annotations

import hashlib
import socket
import sqlite3
from pathlib import Path

import pytest

from agent import doctor
from agent.doctor import Check, examine
from agent.settings import Settings
from tests.agent.models.gguf_files import adapter, gguf
from tools.specialist.card import ADAPTER, Base, Card, Remote
from tools.specialist.registry import Registry


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "config" / "settings.toml"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", models_dir=tmp_path / "models", port=0)


def found(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


def test_a_fresh_machine_lacks_a_model_and_documents(settings: Settings) -> None:
    checks = found(settings)
    assert list(checks) == [
        "Python",
        "Packages",
        "Full-text search",
        "Embedding engine",
        "llama.cpp",
        "Model",
        "Memory",
        "Disk",
        "Data folder",
        "Library",
        "Specialists",
        "Conversations",
        "Port",
    ]
    assert {name for name, check in checks.items() if check.ok is False} == {"Model"}
    assert checks["Model"].remedy == "Run `kotae models pull qwen2.5-coder-1.5b`."
    assert checks["Library"].ok is None
    assert "kotae index" in checks["Library"].remedy
    assert not settings.data_dir.exists()
    assert not settings.models_dir.exists()


def test_what_fails_has_a_remedy(settings: Settings) -> None:
    for check in examine(settings):
        assert check.finding
        assert "\n" not in check.finding + check.remedy
        assert bool(check.remedy) is (check.ok is not True)


def test_a_library_is_counted(indexed: Settings) -> None:
    check = found(indexed)["Library"]
    assert check.ok
    assert check.finding.startswith("3 documents")


def test_a_broken_library(indexed: Settings) -> None:
    for file in (indexed.data_dir / "library").iterdir():
        if file.is_file():
            file.write_bytes(b"broken" * 1000)
    check = found(indexed)["Library"]
    assert check.ok is False
    assert check.remedy


@pytest.mark.parametrize(("content", "ok"), [(None, True), (b"broken" * 1000, False), (b"", False)])
def test_conversations(settings: Settings, content: bytes | None, ok: bool) -> None:
    settings.data_dir.mkdir()
    path = settings.data_dir / "threads.db"
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE threads (id TEXT)")
        db.close()
    else:
        path.write_bytes(content)
    assert found(settings)["Conversations"].ok is ok


def test_a_port_in_use_is_worth_knowing(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = found(settings.model_copy(update={"port": port}))["Port"]
    assert check.ok is None
    assert str(port) in check.finding


def test_a_data_folder_that_cannot_be_made(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    checks = found(settings.model_copy(update={"data_dir": tmp_path / "file" / "data"}))
    assert checks["Conversations"].finding == "none yet"


@pytest.mark.parametrize(
    ("model", "finding", "remedy"),
    [
        ("no-such-model", "There is no model named 'no-such-model'", "`kotae models list` shows the names."),
        ("http://127.0.0.1:9/v1", "The server at http://127.0.0.1:9/v1 does not answer; start it", ""),
        ("groq:llama", "The provider 'groq' needs a package", "Run `pip install langchain-groq`."),
        ("/no/such.gguf", "There is no model file /no/such.gguf", ""),
    ],
)
def test_other_models(settings: Settings, model: str, finding: str, remedy: str) -> None:
    checks = found(settings.model_copy(update={"model": model}))
    assert checks["Model"].ok is False
    assert finding.startswith(checks["Model"].finding)
    assert checks["Model"].remedy
    assert remedy in checks["Model"].remedy
    assert checks["Memory"].ok


def test_too_little_memory_and_disk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available", lambda: 10**8)
    usage = doctor.shutil.disk_usage("/")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage._replace(free=10**8))
    checks = found(settings)
    assert checks["Memory"].ok is False
    assert "0.1 GB free; the model needs 1.6 GB" in checks["Memory"].finding
    assert checks["Disk"].ok is False


def test_a_check_that_fails_to_run_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings) -> Check:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(doctor, "_port", fail)
    check = found(settings)["Port"]
    assert (check.ok, check.finding) == (False, "could not be checked (RuntimeError)")


def promoted(settings: Settings, **changes: object) -> None:
    base = Base(name="base", sha256=hashlib.sha256(Path(settings.model).read_bytes()).hexdigest())
    card = Card(name="banking", description="Banking", examples=("Where is my card?",), adapter=ADAPTER, base=base)
    file = settings.data_dir.parent / "made.gguf"
    registry = Registry(settings.data_dir / "specialists")
    card = card.model_copy(update=changes)
    if card.adapter == ADAPTER:
        file.write_bytes(adapter())
    version = registry.add(card, file if card.adapter == ADAPTER else None, None)
    registry.promote(card.name, version.number, unproven=True)


@pytest.mark.parametrize(
    ("changes", "ok", "finding", "remedy"),
    [
        ({}, True, "1, promoted: banking (version 1)", ""),
        ({"use": "grounded"}, True, "1, promoted: banking (version 1)", ""),
        (
            {"base": Base(name="gone", sha256="0" * 64)},
            False,
            "banking cannot be used: its base model gone is not on this machine",
            "kotae models pull",
        ),
        (
            {"base": Base(name="qwen2.5-coder-0.5b", sha256="0" * 64)},
            False,
            "banking cannot be used: its base model qwen2.5-coder-0.5b has been replaced by another",
            "kotae specialist train banking",
        ),
        (
            {"adapter": "remote", "remote": Remote(url="http://127.0.0.1:9/v1", model="bank"), "base": None},
            False,
            "nobody answers at http://127.0.0.1:9/v1",
            "Start its server",
        ),
    ],
)
def test_a_specialist_that_cannot_be_asked_is_named(
    settings: Settings, tmp_path: Path, changes: dict[str, object], ok: bool, finding: str, remedy: str
) -> None:
    model = tmp_path / "base.gguf"
    model.write_bytes(gguf())
    settings = settings.model_copy(update={"model": str(model)})
    promoted(settings, **changes)
    check = found(settings)["Specialists"]
    assert check.ok is ok
    assert finding in check.finding
    assert remedy in check.remedy


def test_a_specialist_that_reads_for_another_model_has_nothing_to_do(settings: Settings, tmp_path: Path) -> None:
    model, other = tmp_path / "base.gguf", tmp_path / "models" / "other.gguf"
    model.write_bytes(gguf())
    other.parent.mkdir()
    other.write_bytes(gguf(values=512))
    settings = settings.model_copy(update={"model": str(model)})
    base = Base(name="other", sha256=hashlib.sha256(other.read_bytes()).hexdigest())
    promoted(settings, use="grounded", base=base)
    check = found(settings)["Specialists"]
    assert check.ok is None
    assert "banking reads nothing" in check.finding
    assert "kotae specialist train banking" in check.remedy
