"""A home with one document about a swimming pool, and the library of it, for tests of the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ui import cli

POOL = """# Sandling swimming pool

## Basins
The large basin of the Sandling swimming pool is 25 metres long. The small basin is 60 centimetres deep.

## Prices
A ticket for adults costs 4.50 pounds.
"""
QUESTION = "How long is the large basin of the Sandling swimming pool?"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"KOTAE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_WEB", "off")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pool.md").write_text(POOL, "utf-8")
    return tmp_path


@pytest.fixture
def indexed(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.run(["index", str(home / "docs")]) == 0
    capsys.readouterr()
    return home


def out_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)
