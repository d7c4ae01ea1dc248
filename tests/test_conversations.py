"""Every scripted conversation: fast with its own model lines, live with the small model, and on the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from agent.settings import Settings
from ui.conversing.reading import read
from ui.conversing.results import explained
from ui.conversing.run import run
from ui.conversing.script import AnyScript
from ui.conversing.targets import Target, target

FOLDER = Path(__file__).with_name("conversations")
FILES = sorted(FOLDER.glob("*.yaml"))


UNSEEN = {"events", "max_tokens", "supported", "route", "standalone", "the notice specialist_said"}
"""What no page shows: events, tokens, the route of a refusal, and whether what is shown was supported."""
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


@pytest.mark.parametrize("script", SCRIPTS)
async def test_over_http(script: AnyScript) -> None:
    """Not seen there: nothing; what the API tells is what the graph tells."""
    result = await run(script, target("http"))
    assert result.ok, explained(result)
    assert result.unseen == ()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["chat", "widget"])
async def page(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    one = target(request.param)
    yield one
    await one.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("script", SCRIPTS)
async def test_on_a_page(script: AnyScript, page: Target) -> None:
    """On the chat's page, and on the widget on somebody else's."""
    result = await run(script, page)
    assert result.ok, explained(result)
    assert set(result.unseen) <= UNSEEN
