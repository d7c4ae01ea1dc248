from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from agent.models.memory import available, needed
from tools.gguf import Head

QWEN_SMALL = Head("qwen2", "model", layers=24, context=32768, vocabulary=151936, embedding=896, kv_values=24 * 2 * 128)


def test_the_need_covers_what_was_measured() -> None:
    """The 0.5B took 634 MiB with two windows of 4096 tokens, before its first prompt."""
    need = needed(QWEN_SMALL, 491_400_064, tokens=8192)
    assert 634 << 20 < need < 900 << 20


def test_the_need_grows_with_the_window_by_the_cache() -> None:
    more = needed(QWEN_SMALL, 1, tokens=2000) - needed(QWEN_SMALL, 1, tokens=1000)
    assert more == 1000 * QWEN_SMALL.kv_values * 2


def _group(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_a_container_leaves_its_limit_less_what_is_used(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    groups.write_text("0::/outer/inner\n")
    root = tmp_path / "fs"
    _group(root / "outer" / "inner", memory__max="max\n", memory__current="500")
    _group(root / "outer", memory__max="1000\n", memory__current="700", memory__stat="file 9\ninactive_file 50\n")
    assert available(groups, root) == 1000 - 700 + 50


def test_the_first_version_of_control_groups(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    groups.write_text("5:cpu,cpuacct:/a\n4:memory:/a\n")
    root = tmp_path / "fs"
    _group(root / "memory" / "a", memory__limit_in_bytes="1000", memory__usage_in_bytes="400")
    assert available(groups, root) == 600


@pytest.mark.parametrize("text", ["0::/none\n", ""])
def test_without_a_limit_it_is_the_machines(tmp_path: Path, text: str) -> None:
    groups = tmp_path / "cgroup"
    groups.write_text(text)
    assert 0 < available(groups, tmp_path / "fs") <= psutil.virtual_memory().total
