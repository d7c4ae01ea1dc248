"""What the READMEs show is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent import Agent

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.ja.md")


@pytest.mark.parametrize("name", READMES)
def test_the_picture_of_the_state_machine_is_what_kotae_graph_prints(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    shown = re.search(r"<!-- graph:begin -->\s*```mermaid\n(.*?)```\s*<!-- graph:end -->", text, re.DOTALL)
    assert shown is not None
    assert shown.group(1).strip() == Agent.diagram().strip()


@pytest.mark.parametrize("name", READMES)
def test_the_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^make (\w+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))
    assert {"chat", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("name", READMES)
def test_the_pictures_exist(name: str) -> None:
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / name).read_text("utf-8")):
        assert (ROOT / picture).is_file(), picture
        assert (ROOT / picture).stat().st_size < 400_000
