from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from agent import Settings
from tests.ui.people.town import TWENTY, Town, town

Open = Callable[..., Awaitable[Town]]


@pytest.fixture
async def open_town(tmp_path: Path, library: Path) -> AsyncIterator[Open]:
    """Open an application with accounts; settings by name."""
    async with AsyncExitStack() as stack:

        async def begin(*lines: str, chat: bool = False, **given: Any) -> Town:
            data = tmp_path / "data"
            data.mkdir()
            (data / "library").symlink_to(library)
            settings = Settings(data_dir=data, models_dir=data, web="off", accounts="on", **given)
            return await stack.enter_async_context(town(settings, lines, chat=chat))

        yield begin


@pytest.fixture
async def here(open_town: Open) -> Town:
    return await open_town(*[TWENTY] * 6)
