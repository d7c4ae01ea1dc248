"""Index, search, library, route, models and doctor end to end: real library, real embedder, real router."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pool_library import QUESTION, out_json
from pool_library import home as home
from pool_library import indexed as indexed

from agent import ModelMissing
from agent.models.catalogue import Catalogue
from tools.library import Library
from ui import cli
from ui.commands import models
from ui.samples import sample_folders

if TYPE_CHECKING:
    from tools.library import IndexReport, OnProgress, Progress


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
