from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WriteRows = Callable[..., Path]


@pytest.fixture
def rows(tmp_path: Path) -> WriteRows:
    """Writes a JSONL file of the given objects."""

    def write(*objects: dict[str, Any], name: str = "tasks.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(o, ensure_ascii=False) + "\n" for o in objects), "utf-8")
        return path

    return write
