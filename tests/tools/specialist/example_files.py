"""Files of examples, written for tests of how they are read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.specialist.example import Example, Message

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        file = tmp_path / "examples.dat"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return written


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def asked(question: str, answer: str, **more: Any) -> Example:
    return Example((Message("user", question),), answer, **more)


HERE = asked("Where?", "Here.")
