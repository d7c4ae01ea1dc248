"""The structure is part of the contract: layers, exported names, prompts in every language, files of readable size."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

import agent
from agent import prompts
from agent.examples import ROUTES

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {"tools": {"tools"}, "agent": {"agent", "tools"}, "ui": {"ui", "agent", "tools"}}
MODULES = sorted(p for layer in ALLOWED for p in (ROOT / layer).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_point_downwards(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    assert _imports(path) & {"ui", "agent", "tools", "tests"} <= ALLOWED[layer]


def test_a_forbidden_arrow_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("from agent.state import Turn\n")
    assert not _imports(wrong) & {"ui", "agent", "tools"} <= ALLOWED["tools"]


def test_the_graph_file_only_wires() -> None:
    source = (ROOT / "agent" / "graph.py").read_text("utf-8")
    assert len(source.splitlines()) < 100


def test_every_exported_name_exists() -> None:
    assert [name for name in agent.__all__ if not hasattr(agent, name)] == []
    assert agent.__all__ == sorted(agent.__all__)


def test_every_prompt_is_there_in_every_language_with_the_same_variables() -> None:
    everywhere = {language: prompts.names(language) for language in prompts.LANGUAGES}
    assert everywhere["en"] == everywhere["ja"]
    assert everywhere["en"]
    for name in everywhere["en"]:
        assert prompts.variables("en", name) == prompts.variables("ja", name), name


def test_every_prompt_is_used() -> None:
    code = "\n".join(p.read_text("utf-8") for p in (ROOT / "agent").rglob("*.py"))
    for name in prompts.names("en"):
        folder, _, stem = name.rpartition("/")
        used = f'"{name}"' in code or (folder and f'f"{folder}/{{' in code and stem)
        assert used, f"{name} is never filled"


@pytest.mark.parametrize("language", prompts.LANGUAGES)
def test_the_labelled_questions_cover_every_route(language: str) -> None:
    rows = yaml.safe_load((prompts.FOLDER / language / "routes.yaml").read_text("utf-8"))
    assert set(rows) == set(ROUTES)
    texts = [text for texts in rows.values() for text in texts]
    assert len(texts) == len(set(texts)), "a question stands twice"
    assert min(len(t) for t in rows.values()) >= 40


def test_files_stay_readable() -> None:
    long = {p.relative_to(ROOT).as_posix(): n for p in MODULES if (n := len(p.read_text("utf-8").splitlines())) > 350}
    assert long == {}
    assert [p for p in MODULES if p.stem in ("utils", "helpers", "common", "misc")] == []


def test_importing_is_light_and_does_nothing(tmp_path: Path) -> None:
    """No folder is made and nothing heavy is loaded by `import ui.cli`, so that the command line starts at once."""
    code = "import sys, ui.cli; print(sorted({'gradio','langgraph','faiss','xllamacpp','torch'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


def test_every_test_file_has_a_name_of_its_own() -> None:
    """Two of one name cannot be collected in one run."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
