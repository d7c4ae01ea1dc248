"""Scripts from conversations that were really held."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agent import Agent, Answer, Exchange, Sentence, Settings, Source, ThreadError
from agent.models.scripted import ScriptedChatModel
from tools.base import Passage
from ui import cli
from ui.conversing.reading import read
from ui.conversing.recording import telling, written
from ui.conversing.results import explained
from ui.conversing.run import run
from ui.conversing.script import Script
from ui.samples import sample_folders


def exchange(url: str, kind: str = "library", **changes: object) -> Exchange:
    passage = Passage(id="a", text="Costs $HOME and $5.\nTwo lines.", title="Prices", url=url, kind=kind)  # type: ignore[arg-type]
    answer = Answer(
        "It costs 14 crowns at Hamnvik [1].",
        "library",
        False,
        "What does it cost?",
        "en",
        (Sentence("It costs 14 crowns at Hamnvik.", (1,), True),),
        (Source(1, passage, "14"),),
    )
    return Exchange("What does $it cost?", replace(answer, **changes))  # type: ignore[arg-type]


def script(folder: Path, text: str) -> Script:
    path = folder / "recorded.yaml"
    path.write_text(text, "utf-8")
    (one,) = read(path)
    assert isinstance(one, Script)
    return one


def test_what_is_worth_expecting(tmp_path: Path) -> None:
    file = tmp_path / "prices.md"
    file.write_text("# Prices", "utf-8")
    unknown = exchange(str(file), refused=True)
    one = script(tmp_path, written("A $title", [exchange(str(file)), unknown, Exchange("stopped", None)]))
    assert one.name == "A $title"
    assert one.language == "en"
    assert not one.scripted
    first, second = one.turns
    assert first.user == "What does $it cost?"
    assert (first.expect.route, first.expect.refused) == ("library", False)
    assert first.expect.cites == ("prices.md",)
    assert first.expect.contains == (("14", "Hamnvik"),)
    assert second.expect.refused is True
    assert second.expect.cites is None
    assert one.library != "sample"
    assert one.library[0].file == str(file)  # type: ignore[union-attr]


def test_documents_that_have_gone_web_pages_and_the_sample(tmp_path: Path) -> None:
    gone = script(tmp_path, written("t", [exchange("/nowhere/prices.md")]))
    assert gone.library[0].text == "# Prices\n\nCosts $HOME and $5.\nTwo lines."  # type: ignore[union-attr]
    web = script(tmp_path, written("t", [exchange("https://a.example/x", "web", route="web")]))
    assert web.web != "off"
    assert web.turns[0].expect.cites == ("https://a.example/x",)
    page = str(sample_folders()[0] / "privacy.md")
    assert script(tmp_path, written("t", [exchange(page)])).library == "sample"
    with pytest.raises(ThreadError):
        written("t", [Exchange("stopped", None)])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It costs 14 crowns at Hamnvik [1].", ["14", "Hamnvik"]),
        ("It is open from 9:30 to 17:00 [2].", ["9:30", "17:00"]),
        ("本館は早瀬清一郎が設計しました。[1]", ["早瀬清一郎"]),
        ("yes", []),
    ],
)
def test_telling_words(text: str, words: list[str]) -> None:
    assert telling(text) == words


async def _held(settings: Settings, folder: Path) -> None:
    model = ScriptedChatModel(lines=["The large basin of the pool in Sandling is 25 metres long [1]."])
    (folder / "pool.md").write_text("# Pool\n\nThe large basin of the pool in Sandling is 25 metres long.\n", "utf-8")
    async with Agent.open(settings, model=model) as agent:
        agent.library.index([folder / "pool.md"])
        await agent.ask("How long is the large basin of the pool in Sandling?")


async def test_from_the_command_line_and_played_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import asyncio

    data = tmp_path / "data"
    await _held(Settings(data_dir=data, web="off"), tmp_path)
    out = tmp_path / "pool.conversation.yaml"
    command = ["converse", "--record", "last", "--data-dir", str(data)]
    assert await asyncio.to_thread(cli.run, [*command, str(out)]) == 0
    assert await asyncio.to_thread(cli.run, [*command, str(out)]) == 1, "nothing is overwritten"
    assert await asyncio.to_thread(cli.run, [*command[:2], "nowhere", *command[3:]]) == 1
    assert "There is no conversation nowhere" in capsys.readouterr().err
    one = script(tmp_path, out.read_text("utf-8"))
    lines = ("The large basin of the pool in Sandling is 25 metres long [1].",)
    again = one.model_copy(update={"turns": (one.turns[0].model_copy(update={"model": lines}),)})
    result = await run(again)
    assert result.ok, explained(result)
