"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ["-p", "no:kotae", "-p", "ui.conversing.pytest_plugin", "-p", "no:cacheprovider"]
"""As the installed program registers it, and without what is installed already."""
GREETING = """\
name: greeting
table:
  right: {wanted: yourself}
  wrong: {wanted: Goodbye}
turns:
  - user: Hello!
    model: [Hello yourself!]
    expect: {route: direct, contains: [$wanted]}
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("KOTAE_SETTINGS", str(pytester.path / "settings.toml"))
    monkeypatch.setenv("KOTAE_DATA_DIR", str(pytester.path / "data"))
    return pytester


def test_each_row_is_a_test_and_the_differing_turn_is_shown(project: pytest.Pytester) -> None:
    (project.path / "greeting.conversation.yaml").write_text(GREETING, "utf-8")
    (project.path / "other.yaml").write_text("not: a script", "utf-8")
    result = project.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*turn 1 of 1: Hello!", "*expected: Goodbye", "*came:     Hello yourself!"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert not (project.path / "data").exists()


def test_a_script_that_cannot_be_read_is_told_with_its_line(project: pytest.Pytester) -> None:
    (project.path / "wrong.conversation.yaml").write_text("name: a\nturns: [{usr: hi}]\n", "utf-8")
    result = project.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*wrong.conversation.yaml:2: unknown key 'usr'*"])


def test_an_unknown_target_is_refused(project: pytest.Pytester) -> None:
    (project.path / "greeting.conversation.yaml").write_text(GREETING, "utf-8")
    result = project.runpytest_subprocess(*PLUGIN, "--kotae-target", "moon")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*--kotae-target must be one of graph, http, chat*"])


def test_collecting_loads_neither_the_agent_nor_the_page(tmp_path: Path) -> None:
    (tmp_path / "greeting.conversation.yaml").write_text(GREETING, "utf-8")
    heavy = "{'gradio', 'langgraph', 'langchain_core', 'fastapi', 'faiss', 'xllamacpp', 'playwright'}"
    code = (
        f"import sys, pytest; done = pytest.main({[*PLUGIN, '-q', '--collect-only', '-p', 'no:asyncio']!r});"
        f"print('heavy:', sorted({heavy} & set(sys.modules)), int(done))"
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path, check=True
    )
    assert "greeting [right]" in done.stdout
    assert "heavy: [] 0" in done.stdout
