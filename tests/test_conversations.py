"""Every scripted conversation: fast with its own model lines, live with the small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.settings import Settings
from ui.converse import ConversationResult, run
from ui.script import Script, read

FOLDER = Path(__file__).with_name("conversations")
FILES = sorted(FOLDER.glob("*.yaml"))


def _explained(result: ConversationResult) -> str:
    return "\n".join(
        f"turn {n} ({turn.user[:60]!r}) {d.what}: expected {d.expected!r}, came {d.got!r}"
        for n, turn in enumerate(result.turns, 1)
        for d in turn.differences
    )


@pytest.fixture(scope="module")
def scripts() -> dict[str, Script]:
    return {path.stem: read(path) for path in FILES}


def test_there_are_enough_in_each_language(scripts: dict[str, Script]) -> None:
    languages = [script.language for script in scripts.values()]
    assert languages.count("en") >= 6
    assert languages.count("ja") >= 6
    assert len({script.name for script in scripts.values()}) == len(FILES)


def test_every_one_brings_its_model_lines(scripts: dict[str, Script]) -> None:
    assert [name for name, script in scripts.items() if not script.scripted] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_as_written(path: Path) -> None:
    result = await run(read(path))
    assert result.ok, _explained(result)


@pytest.mark.live
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_with_the_small_model(path: Path) -> None:
    result = await run(read(path), live=True, settings=Settings(model="small"))
    assert result.ok, _explained(result)
