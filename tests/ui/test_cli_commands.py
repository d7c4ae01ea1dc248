"""The commands end to end: real library, real embedder, real graph; only the language model is scripted."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent import Agent, ModelMissing
from agent.models.catalogue import Catalogue
from agent.models.scripted import ScriptedChatModel
from tools.library import Library
from ui import cli
from ui.commands import models
from ui.samples import sample_folders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agent import Settings
    from tools.library import IndexReport, OnProgress, Progress

ROOT = Path(cli.__file__).resolve().parents[1]
POOL = """# Sandling swimming pool

## Basins
The large basin of the Sandling swimming pool is 25 metres long. The small basin is 60 centimetres deep.

## Prices
A ticket for adults costs 4.50 pounds.
"""
QUESTION = "How long is the large basin of the Sandling swimming pool?"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA_DIR", "MODELS_DIR"):
        monkeypatch.setenv(f"KOTAE_{name}", str(tmp_path / name.lower()))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("KOTAE_WEB", "off")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pool.md").write_text(POOL, "utf-8")
    return tmp_path


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


@pytest.fixture
def indexed(home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert cli.run(["index", str(home / "docs")]) == 0
    capsys.readouterr()
    return home


def out_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_index_reports_what_it_did_and_what_failed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "docs" / "empty.md").touch()
    (home / "docs" / "fake.pdf").write_bytes(bytes(range(256)) * 40)
    assert cli.run(["index", str(home / "docs")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("1 added · ")
    assert "2 could not be indexed" in said.err
    assert "empty.md: " in said.err
    assert cli.run(["index", str(home / "docs"), "--json"]) == 0
    report = out_json(capsys)
    assert (report["added"], report["unchanged"], len(report["failed"])) == (0, 1, 2)
    assert set(report["failed"][0]) == {"path", "reason", "collection", "failed_at", "tries", "partial"}


def test_index_fails_only_if_nothing_could_be_indexed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["index", str(home / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert cli.run(["index", str(home / "nowhere"), str(home / "docs")]) == 0


def test_search(indexed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["search", QUESTION, "-k", "1", "--json"]) == 0
    found = out_json(capsys)
    assert found["query"] == QUESTION
    assert set(found) == {"query", "passages", "seconds"}
    (passage,) = found["passages"]
    assert set(passage) == {"id", "title", "url", "page", "heading", "score", "stages", "text", "copies"}
    assert set(passage["stages"]) >= {"vector", "words"}
    assert "25 metres" in passage["text"]
    assert cli.run(["search", QUESTION]) == 0
    assert "25 metres" in capsys.readouterr().out


def test_search_in_an_empty_library_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["search", "pool"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "kotae index" in said.err
    assert said.err.count("\n") == 1


def test_library_list_status_path_remove(indexed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["library", "list", "--json"]) == 0
    (document,) = out_json(capsys)
    assert document["title"] == "Sandling swimming pool"
    assert cli.run(["library"]) == 0
    shown = capsys.readouterr().out
    assert shown.split("\t")[:3] == [document["id"][:8], "Sandling swimming pool", str(document["passages"])]
    assert cli.run(["library", "status", "--json"]) == 0
    assert out_json(capsys)["documents"] == 1
    assert cli.run(["library", "path"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_dir()
    assert cli.run(["library", "remove", "nothing"]) == 1
    assert "no document 'nothing'" in capsys.readouterr().err
    assert cli.run(["library", "remove", document["id"][:8]]) == 0
    assert (indexed / "docs" / "pool.md").exists()
    capsys.readouterr()
    assert cli.run(["library", "list", "--json"]) == 0
    assert out_json(capsys) == []


def test_a_document_is_removed_by_its_path(indexed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["library", "remove", str(indexed / "docs" / "pool.md")]) == 0
    assert "Removed Sandling swimming pool" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "route", "language"),
    [
        ("Hello!", "direct", "en"),
        ("こんにちは", "direct", "ja"),
        ("Search the web for pool opening times", "web", "en"),
    ],
)
def test_route(home: Path, capsys: pytest.CaptureFixture[str], text: str, route: str, language: str) -> None:
    assert cli.run(["route", text, "--json"]) == 0
    decision = out_json(capsys)
    assert set(decision) == {"route", "query", "confidence", "why", "cue", "language", "seconds"}
    assert (decision["route"], decision["why"], decision["language"]) == (route, "cue", language)


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


def test_models_list_and_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "list", "--json"]) == 0
    listed = out_json(capsys)
    assert [m["downloaded"] for m in listed["models"]] == [False] * len(listed["models"])
    assert listed["in_use"] == Catalogue.load().default.name
    assert cli.run(["models", "use", "small"]) == 0
    assert "not downloaded yet" in capsys.readouterr().err
    assert cli.run(["models", "list"]) == 0
    assert "*\tqwen2.5-coder-0.5b, small\t" in capsys.readouterr().out
    assert cli.run(["models", "use", "smal"]) == 1
    assert "did you mean 'small'?" in capsys.readouterr().err


def test_pull_of_what_is_no_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["models", "pull", "http://localhost:1/v1"]) == 1
    assert "needs no download" in capsys.readouterr().err


def test_what_use_accepts(home: Path) -> None:
    catalogue = Catalogue.load()
    file = home / "own.gguf"
    file.write_bytes(b"GGUF")
    assert models.resolve(str(file), catalogue) == (str(file), None)
    assert models.resolve("http://host:1/v1#m", catalogue) == ("http://host:1/v1#m", None)
    assert models.resolve("anthropic:claude", catalogue) == ("anthropic:claude", None)
    value, known = models.resolve("SMALL", catalogue)
    assert known is not None
    assert value == known.name
    for wrong in (str(home / "none.gguf"), "nonsense"):
        with pytest.raises(ModelMissing):
            models.resolve(wrong, catalogue)


def test_the_sample_library_of_a_checkout_and_of_a_wheel(tmp_path: Path) -> None:
    assert [p.name for p in sample_folders()] == ["en", "ja"]
    package = tmp_path / "ui"
    (package / "sample" / "en").mkdir(parents=True)
    (tmp_path / "docs" / "en").mkdir(parents=True)  # somebody else's
    assert sample_folders(package) == [package / "sample" / "en"]


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


def test_an_interrupt_ends_index_after_the_file_at_hand(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(3):
        (home / "docs" / f"{n}.md").write_text(f"# Document {n}\n\nIts number is {n}.\n", "utf-8")
    real = Library.index

    def interrupted(self: Library, paths: Any, *, progress: OnProgress, **rest: Any) -> IndexReport:
        def first(now: Progress) -> None:
            if now.done == 1:
                signal.raise_signal(signal.SIGINT)
            progress(now)

        return real(self, paths, progress=first, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(Library, "index", interrupted)
        assert cli.run(["index", str(home / "docs")]) == 130
    assert "run the same command again" in capsys.readouterr().err
    assert cli.run(["index", str(home / "docs"), "--json"]) == 0
    report = out_json(capsys)
    assert report["unchanged"] >= 1
    assert report["added"] + report["unchanged"] == 4


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


def test_doctor_exits_with_what_it_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.run(["doctor", "--json"])
    found = out_json(capsys)
    assert found["checks"]
    assert all(set(check) == {"name", "ok", "finding", "remedy"} for check in found["checks"])
    failed = [check for check in found["checks"] if check["ok"] is False]
    assert all(check["remedy"] for check in failed)
    assert any("model" in check["name"].casefold() for check in failed)  # it is not downloaded here
    assert (code, found["ok"]) == (1, False)
    assert cli.run(["doctor"]) == 1
    assert "✗" in capsys.readouterr().out
