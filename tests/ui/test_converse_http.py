"""The target http: the wire format, and a real server that speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent import KotaeError, Settings
from ui.conversing.reading import read
from ui.conversing.results import explained
from ui.conversing.run import run
from ui.conversing.script import Script
from ui.conversing.stage import open_agent, staged
from ui.conversing.targets.http import HttpTarget, ServerEvent, events, kind_of
from ui.conversing.targets.serving import serving

if TYPE_CHECKING:
    from ui.conversing.stage import Stage

FOLDER = Path(__file__).resolve().parents[1] / "conversations"


async def pieces(text: str) -> AsyncIterator[str]:
    """As a network may cut it."""
    for at in range(0, len(text), 7):
        yield text[at : at + 7]


async def test_events_are_read_as_the_standard_says() -> None:
    stream = (
        ': a comment\n\nid: t/1\nevent: turn\ndata: {"turn": "t",\ndata:  "thread": "a"}\n\n'
        'id: t/2\nevent: token\ndata:{"text": "x: y\u2028z"}\n\nretry: 5\n\nevent: done\ndata: {}\n'
    )
    found = [event async for event in events(pieces(stream))]
    assert found == [
        ServerEvent("t/1", "turn", {"turn": "t", "thread": "a"}),
        ServerEvent("t/2", "token", {"text": "x: y\u2028z"}),
    ], "an event without the empty line after it has not ended"


@pytest.mark.parametrize(
    ("event", "data", "kind"),
    [
        ("status", {"node": "route", "seconds": None}, "status:route"),
        ("status", {"node": "route", "seconds": 0.2}, ""),
        ("turn", {}, ""),
        ("sources", {}, "sources"),
        ("heartbeat", {}, ""),
    ],
)
def test_kinds(event: str, data: dict[str, Any], kind: str) -> None:
    assert kind_of(ServerEvent("", event, data)) == kind


class Elsewhere(HttpTarget):
    """The target on a server of its own that speaks the format, over the agent of the script."""

    @asynccontextmanager
    async def _server(self, stage: Stage) -> AsyncIterator[str]:
        from streaming_api import app

        async with serving(app(stage.agent)) as url:
            yield url


@pytest.mark.parametrize(
    "name", ["en-follow-up", "ja-choice-by-number", "en-bad-questions", "en-may-i-search", "en-two-threads"]
)
async def test_the_same_files_over_the_wire(name: str) -> None:
    for script in read(FOLDER / f"{name}.yaml"):
        result = await run(script, Elsewhere())
        assert result.ok, explained(result)
        assert result.target == "http"
        assert result.unseen == ()


async def test_the_application_itself() -> None:
    (script,) = read(FOLDER / "en-follow-up.yaml")
    try:
        result = await run(script, HttpTarget())
    except KotaeError as error:
        if "no streaming API" not in str(error):
            raise
        pytest.skip("the application has no streaming API yet")
    assert result.ok, explained(result)


async def test_without_the_route_the_target_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.conversing.targets.http.PATH", "/api/elsewhere")
    (script,) = read(FOLDER / "en-small-talk.yaml")
    with pytest.raises(KotaeError, match="no streaming API"):
        await run(script, HttpTarget())


async def test_a_server_that_runs_already_gets_the_questions_only() -> None:
    (script,) = read(FOLDER / "en-follow-up.yaml")
    async with staged(script, Settings(), open_agent, live=False) as stage:
        from streaming_api import app

        assert stage.model is not None
        stage.model.extend(["The Tidewater Museum was founded in 1908 [1]."])
        async with serving(app(stage.agent)) as url:
            skipped = await run(script, HttpTarget(url))
            turn = script.turns[0]  # type: ignore[union-attr]
            bare = Script(name="bare", turns=(replace_lines(turn),))
            result = await run(bare, HttpTarget(url))
    assert "documents" in skipped.skipped
    assert skipped.turns == ()
    assert result.ok, explained(result)
    assert result.live


def replace_lines(turn: Any) -> Any:
    return turn.model_copy(update={"model": ("never said",)})


async def test_a_server_that_is_not_there_or_not_ours() -> None:
    from starlette.applications import Starlette

    script = Script.model_validate({"name": "s", "turns": [{"user": "q"}]})
    with pytest.raises(KotaeError, match="does not answer"):
        await run(script, HttpTarget("http://127.0.0.1:9"))
    async with serving(Starlette()) as url:
        with pytest.raises(KotaeError, match="no streaming API"):
            await run(script, HttpTarget(url))
