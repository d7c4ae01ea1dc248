"""The benchmark of web passages over a file made up here: what it counts, and in whose order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.web_ranking import run

NOTES = ("Boats are let by the hour.", "The harbour opens at nine.", "Tickets are sold at the gate.")


def row(id: str, *texts: str, answerable: bool = True) -> str:
    results = [{"title": f"Page {n}", "text": text} for n, text in enumerate(texts)]
    question = "How high is the lighthouse of Linden?"
    more = {"answers": ["31 metres"], "web_results": results, "answer_in_results": answerable}
    return json.dumps({"id": id, "lang": "en", "question": question, **more})


def test_what_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "searches.jsonl"
    lines = [
        row("a", *NOTES, "The lighthouse of Linden is 31 metres high."),
        row("b", "The lighthouse of Linden is 31 metres high.", *NOTES),
        row("c", *NOTES, answerable=False),
    ]
    file.write_text("\n".join(lines), "utf-8")
    result = run(file)
    figures = result["figures"]
    assert [figures[half]["questions"] for half in ("all", "one half", "other half")] == [2, 1, 1]
    assert [figures["all"][f"engine: in the first {k}"] for k in (1, 3, 5)] == [0.5, 0.5, 1]
    assert figures["one half"]["engine: reciprocal rank"] == 0.25
    assert [figures["all"][name] for name in ("ranked: in the first 1", "read: in the first")] == [1, 1]
    assert figures["all"]["read: in the sentences"] == 1
    assert len(result["cases"]) == 2
    assert "in the first 3" in capsys.readouterr().out


def test_without_a_file_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(None) == {}
    assert "skipped" in capsys.readouterr().out
