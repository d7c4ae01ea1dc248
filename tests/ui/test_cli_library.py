"""The commands that keep the library: collections, failures, sources, watching, archives."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tools.library import Failure, IndexReport
from tools.library.load import Loaded
from tools.library.worker import Worker
from ui import cli
from ui.commands.documents import nothing_read
from ui.commands.options import interval

ROOT = Path(cli.__file__).resolve().parents[1]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with two documents in two collections and one that cannot be read."""
    monkeypatch.setenv("KOTAE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))
    for name, text in (("pool", "The pool is 25 metres long."), ("law", "The notice period is three months.")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# About the {name}\n\n{text}", "utf-8")
    (tmp_path / "pool" / "empty.md").touch()
    assert cli.run(["index", str(tmp_path / "pool"), "--owner", "Ann"]) == 0
    assert cli.run(["index", str(tmp_path / "law"), "--collection", "legal"]) == 0
    capsys.readouterr()
    return tmp_path


class Run:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        assert cli.run(list(arguments)) == code
        said = self._capsys.readouterr()
        self.err = said.err
        return said.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


def test_collections(home: Path, run: Run) -> None:
    assert [(c["name"], c["documents"]) for c in run.json("library", "collections")] == [("default", 1), ("legal", 1)]
    assert run("library", "collections").startswith("default\t1\t")
    run("library", "create", "旅行")
    run("library", "rename", "旅行", "travel")
    run("library", "move", str(home / "law" / "law.md"), "--to", "travel")
    listed = {c["name"]: c["documents"] for c in run.json("library", "collections")}
    assert listed == {"default": 1, "legal": 0, "travel": 1}
    assert "1 documents" in run("library", "delete", "travel", "--yes")
    assert (home / "law" / "law.md").exists()
    for wrong in (
        ["create", "legal"],
        ["rename", "nobody", "x"],
        ["delete", "nobody"],
        ["move", "nothing", "--to", "x"],
    ):
        run("library", *wrong, code=1)
        assert run.err.count("\n") == 1


def test_search_is_narrowed(home: Path, run: Run) -> None:
    def found(*options: str) -> list[str]:
        rows = run.json("search", "pool notice period", *options)["passages"]
        return sorted(Path(row["url"]).name for row in rows)

    assert found() == ["law.md", "pool.md"]
    assert found("--collection", "legal") == ["law.md"]
    assert found("--collection", "legal", "--collection", "default") == ["law.md", "pool.md"]
    assert found("--owner", "Ann") == ["pool.md"]
    assert found("--type", "pdf") == []
    os.utime(home / "law" / "law.md", (1_000_000_000, 1_000_000_000))  # 2001-09-09
    run("index", str(home / "law"), "--collection", "legal")
    assert found("--until", "2001-09-09") == ["law.md"]
    assert found("--until", "2001-09-08") == []
    assert found("--since", "2001-09-10") == ["pool.md"]
    run("search", "pool", "--type", "program", code=2)
    assert "markdown" in run.err
    run("search", "pool", "--since", "yesterday", code=2)


def test_failures_and_retry(home: Path, run: Run) -> None:
    (failure,) = run.json("library", "failures")
    assert (Path(failure["path"]).name, failure["collection"], failure["tries"]) == ("empty.md", "default", 1)
    assert "empty (0 bytes)" in run("library", "failures")
    assert run.json("library", "retry", code=1)["failed"][0]["tries"] == 2
    (home / "pool" / "empty.md").write_text("no longer empty")
    assert run("library", "retry").startswith("1 added")
    assert run.json("library", "failures") == []
    assert "Nothing failed" in (run("library", "failures") or run.err)


def test_what_was_read_in_part_is_no_failure(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "Page 2 is a scan and the reader for those is not installed: pip install 'kotae[ocr]', then index again."
    monkeypatch.setattr(Worker, "read", lambda self, path: Loaded("It opens at nine.", "Hours", "pdf", (0,), missing))
    (home / "scans").mkdir()
    (home / "scans" / "hours.pdf").write_bytes(b"%PDF-1.4")
    assert run("index", str(home / "scans")).startswith("1 added")
    assert f"1 was read in part; what is missing:\n  {home / 'scans' / 'hours.pdf'}: {missing[:40]}" in run.err
    assert "could not be indexed" not in run.err
    (home / "scans" / "more.pdf").write_bytes(b"%PDF-1.4")
    (home / "scans" / "empty.pdf").touch()
    run("index", str(home / "scans"))
    assert "2 were read in part; what is missing:\n" in run.err
    assert "\n1 could not be indexed:\n" in run.err
    assert run.json("library", "retry", str(home / "scans" / "more.pdf"))["failed"][0]["partial"]
    assert [line.split("\t")[2] for line in run("library", "failures").splitlines()] == [
        "no",
        "no",
        "in part",
        "in part",
    ]
    states = {d["title"]: d["state"] for d in run.json("library", "list", "--collection", "default")}
    assert states["Hours"] == "partial"


def test_a_run_fails_only_if_nothing_could_be_read_at_all() -> None:
    part, whole = Failure("/a.pdf", "Page 2 is a scan.", partial=True), Failure("/b.pdf", "It is damaged.")
    assert nothing_read(IndexReport(failed=(whole,)))
    assert not nothing_read(IndexReport(failed=(part,)))
    assert not nothing_read(IndexReport(failed=(part, whole), replaced=1))
    assert not nothing_read(IndexReport())


def test_list_and_reread(home: Path, run: Run) -> None:
    assert [d["collection"] for d in run.json("library", "list")] == ["legal", "default"]
    assert [d["collection"] for d in run.json("library", "list", "--collection", "legal")] == ["legal"]
    assert run.json("library", "reread", str(home / "pool" / "pool.md"))["replaced"] == 1
    run("library", "reread", "nothing", code=1)
    assert "no document 'nothing'" in run.err


def test_sources_and_watch_forget(home: Path, run: Run) -> None:
    assert [s["kind"] for s in run.json("library", "sources")] == ["folder", "folder"]
    assert "\tno\t" in run("library", "sources")
    assert run("watch", "--forget", str(home / "pool")).startswith("0 of them")
    run("watch", code=2)
    assert "nothing is watched yet" in run.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("6h", 21_600), ("1d", 86_400), (" 2 H", 7200), (None, None)]
)
def test_intervals(text: str | None, seconds: float | None) -> None:
    assert interval(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "h", "0h", "-1h", "6h30m", "1w"])
def test_what_is_no_interval(home: Path, run: Run, text: str) -> None:
    run("index", "https://www.example.com", "--every", text, code=2)
    assert "30m, 6h or 1d" in run.err


def test_an_address_that_is_refused_is_a_failure_with_its_reason(home: Path, run: Run) -> None:
    run("index", "http://127.0.0.1/", code=1)
    assert "egress_allow" in run.err
    run("index", "http://user@example.com/", code=1)
    assert "user name" in run.err


def test_verify(home: Path, run: Run) -> None:
    assert run.json("library", "verify") == {"ok": True, "problems": []}
    assert "sound" in run("library", "verify")
    with sqlite3.connect(home / "data" / "library" / "library.db") as db:
        db.execute("DELETE FROM words")
    db.close()
    found = run.json("library", "verify", code=1)
    assert not found["ok"]
    assert "kotae library rebuild" in found["problems"][0]["remedy"]
    assert run.json("library", "rebuild")["replaced"] == 2
    assert run.json("library", "verify")["ok"]


def test_export_and_import(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "library.kotae"
    assert run.json("library", "export", str(file))["documents"] == 2
    assert "1 documents" in run("library", "export", str(home / "part.kotae"), "--collection", "legal")
    monkeypatch.setenv("KOTAE_DATA_DIR", str(home / "elsewhere"))
    assert run.json("library", "import", str(file))["embedded"] == 0
    assert "1 documents" in run("library", "import", str(home / "part.kotae"), "--collection", "other")
    assert {d["collection"] for d in run.json("library", "list")} == {"default", "legal", "other"}
    file.write_bytes(b"nothing of the kind")
    run("library", "import", str(file), code=1)
    assert "nothing was imported" in run.err
    assert run.err.count("\n") == 1


def test_watch_tells_each_change_until_it_is_interrupted(home: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "ui.cli", "watch", str(home / "pool")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Watching ")
        deadline = time.monotonic() + 30
        lines: list[str] = []
        written = 0
        while time.monotonic() < deadline and not lines:
            # it says nothing until it watches, so the file is written until it is seen
            (home / "pool" / f"new{written}.md").write_text("about otters")
            written += 1
            os.set_blocking(process.stdout.fileno(), False)
            time.sleep(0.5)
            lines += [line for line in iter(process.stdout.readline, "") if line]
        assert any(" + " in line and "new" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
