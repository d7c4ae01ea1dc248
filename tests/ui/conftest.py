from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agent import Settings
from tests.agent.conftest import HANDBOOK
from tests.ui.http.served import PacedModel, Served, Start, serving
from tools.library import E5, Library


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose library holds the documents of the handbook."""
    folder = tmp_path_factory.mktemp("shared")
    documents = folder / "documents"
    documents.mkdir()
    for name, text in HANDBOOK.items():
        (documents / name).write_text(text, "utf-8")
    opened = Library.open(folder / "library", E5())
    assert opened.index([documents]).failed == ()
    opened.close()
    return folder / "library"


@pytest.fixture
async def start(tmp_path: Path, library: Path) -> AsyncIterator[Start]:
    """Start a server whose model says `lines`, a piece each `pause` seconds; settings by name."""
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        async def begin(*lines: str, pause: float = 0.0, **given: Any) -> Served:
            data = tmp_path / f"data{next(numbers)}"
            data.mkdir()
            (data / "library").symlink_to(library)
            settings = Settings(data_dir=data, models_dir=data, web="off", **given)
            model = PacedModel(lines=list(lines), pause=pause)
            return await stack.enter_async_context(serving(settings, model))

        yield begin
