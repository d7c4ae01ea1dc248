"""`kotae ask` end to end: real library, real embedder, real graph; only the language model is scripted."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pool_library import QUESTION, out_json
from pool_library import home as home
from pool_library import indexed as indexed

from agent import Agent
from agent.models.scripted import ScriptedChatModel
from ui import cli

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agent import Settings

ROOT = Path(cli.__file__).resolve().parents[1]


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedChatModel]:
    """Put these lines into the mouth of the language model."""
    real = Agent.open

    def script(*lines: str) -> ScriptedChatModel:
        model = ScriptedChatModel(lines=list(lines))

        @asynccontextmanager
        async def opened(settings: Settings) -> AsyncIterator[Agent]:
            async with real(settings, model=model) as agent:
                yield agent

        monkeypatch.setattr(Agent, "open", opened)
        return model

    return script


def test_ask_prints_the_checked_answer_and_its_sources(
    indexed: Path, says: Callable[..., ScriptedChatModel], capsys: pytest.CaptureFixture[str]
) -> None:
    model = says(
        "The large basin is 25 metres long [1]. It was painted by Hokusai in 1831 [1].", "The sources do not say."
    )
    assert cli.run(["ask", QUESTION]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("The large basin is 25 metres long. [1]\n\nSources\n[1] Sandling swimming pool")
    assert "Hokusai" not in said.out
    assert str(indexed / "docs" / "pool.md") in said.out
    assert "kotae ask --thread last" in said.err
    assert model.leftover == []


def test_ask_json_is_one_object_and_nothing_else(
    indexed: Path,
    says: Callable[..., ScriptedChatModel],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    says("The large basin is 25 metres long [1].")
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{QUESTION}\n"))
    assert cli.run(["ask", "-", "--json"]) == 0
    answer = out_json(capsys)
    assert set(answer) == {
        *("answer", "refused", "route", "standalone", "language", "sources", "sentences", "notices"),
        *("choices", "would_send", "sent", "model_calls", "tokens", "seconds", "thread"),
    }
    assert answer["model_calls"] == 1
    says(
        "And what does a ticket for adults cost at the Sandling swimming pool?",
        "A ticket costs 4.50 pounds [1].",
    )
    assert cli.run(["ask", "And what does it cost?", "--thread", answer["thread"], "--json"]) == 0
    follow_up = out_json(capsys)
    assert follow_up["thread"] == answer["thread"]
    assert "ticket for adults" in follow_up["standalone"]


def test_what_ask_asks_back_is_numbered_and_a_number_picks(
    indexed: Path, says: Callable[..., ScriptedChatModel], capsys: pytest.CaptureFixture[str]
) -> None:
    (indexed / "docs" / "lockers.md").write_text("# Lockers\n\nThe deposit is 2 pounds for a small one.\n", "utf-8")
    (indexed / "docs" / "keys.md").write_text("# Keys\n\nThe deposit for keys is 15 pounds.\n", "utf-8")
    assert cli.run(["index", str(indexed / "docs")]) == 0
    capsys.readouterr()
    says()
    assert cli.run(["ask", "What is the deposit?"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].endswith("?")
    assert {line[:5] for line in lines[1:]} == {"  1. ", "  2. "}
    assert {line[5:] for line in lines[1:]} == {"Lockers", "Keys"}
    assert "kotae ask --thread last N" in said.err
    says("The deposit for keys is 15 pounds [1].")
    number = next(line[2] for line in lines if line.endswith("Keys"))
    assert cli.run(["ask", number, "--thread", "last"]) == 0
    assert "15 pounds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says_so"),
    [
        (["ask", ""], 2, "empty"),
        (["ask", "x" * 5000], 2, "5,000 characters"),
        (["ask", "Hello!", "--thread", "none"], 1, "no conversation 'none'"),
        (["route", " "], 2, "empty"),
    ],
)
def test_bad_questions(
    indexed: Path, arguments: list[str], code: int, says_so: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert says_so in said.err
    assert said.err.count("\n") == 1


def test_an_empty_library_is_told_how_to_fill_it(
    home: Path, says: Callable[..., ScriptedChatModel], capsys: pytest.CaptureFixture[str]
) -> None:
    says("Hello yourself!")
    assert cli.run(["ask", "Hello!"]) == 0
    said = capsys.readouterr()
    assert "kotae index --sample" in said.err
    assert said.out.strip() == "Hello yourself!"


def test_a_broken_library_is_named_and_kept(
    indexed: Path, says: Callable[..., ScriptedChatModel], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["library", "path"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    (database,) = folder.glob("*.db")
    database.write_bytes(b"not a database " * 500)
    assert cli.run(["search", "pool"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "move" in said.err
    says("Hello yourself!")
    assert cli.run(["ask", "Hello!"]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == "Hello yourself!"
    assert "move" in said.err
    assert database.read_bytes().startswith(b"not a database")


def test_an_interrupt_ends_ask_with_130(home: Path) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from agent import Agent\n"
        "from ui import cli\n"
        # what a shell starts in the background ignores this signal, and so would its children
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "async def stream(self, *a, **k):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.sleep(60)\n"
        "    yield\n"
        "Agent.stream = stream\n"
        "sys.exit(cli.run(['ask', 'Hello!']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


ON_A_SCREEN = """
from contextlib import asynccontextmanager
import sys
from agent import Agent
from agent.models.scripted import ScriptedChatModel
from ui import cli
real = Agent.open
@asynccontextmanager
async def opened(settings):
    async with real(settings, model=ScriptedChatModel(lines=["Hello yourself!"])) as agent:
        yield agent
Agent.open = opened
sys.exit(cli.run(["ask", "Hello!"]))
"""


def test_on_a_screen_the_sample_library_is_offered_and_may_be_declined(home: Path) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", ON_A_SCREEN], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says EIO when the other end has closed
        while piece := os.read(ours, 4096):
            shown += piece
            if b"[Y/n]" in shown and b"[Y/n]" not in shown[: -len(piece)]:
                os.write(ours, b"n\n")
    os.close(ours)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "Index the sample library now?" in text
    assert text.rindex("Hello yourself!") > text.index("Index the sample library now?")
    assert not (home / "data_dir" / "library").exists()
