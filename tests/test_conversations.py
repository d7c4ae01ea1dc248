"""Every scripted conversation: fast with its own model lines, live with the small model."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.settings import Settings
from ui.conversing.reading import read
from ui.conversing.results import explained
from ui.conversing.run import run
from ui.conversing.script import AnyScript

FOLDER = Path(__file__).with_name("conversations")
FILES = sorted(FOLDER.glob("*.yaml"))


SCRIPTS = [pytest.param(script, id=f"{path.stem}{n or ''}") for path in FILES for n, script in enumerate(read(path))]


@pytest.fixture(scope="module")
def scripts() -> dict[str, AnyScript]:
    return {script.name: script for path in FILES for script in read(path)}


def test_there_are_enough_in_each_language(scripts: dict[str, AnyScript]) -> None:
    languages = [script.language for script in scripts.values()]
    assert languages.count("en") >= 20
    assert languages.count("ja") >= 20
    assert len(FILES) >= 45
    assert len(scripts) == len(SCRIPTS), "two have one name"


def test_every_one_brings_its_model_lines(scripts: dict[str, AnyScript]) -> None:
    assert [name for name, script in scripts.items() if not script.scripted] == []


@pytest.mark.parametrize("script", SCRIPTS)
async def test_as_written(script: AnyScript) -> None:
    result = await run(script)
    assert result.ok, explained(result)
    assert result.unseen == (), "the graph shows everything"


@pytest.mark.live
@pytest.mark.parametrize("script", SCRIPTS)
async def test_with_the_small_model(script: AnyScript) -> None:
    result = await run(script, live=True, settings=Settings(model="small"))
    assert result.ok, explained(result)
