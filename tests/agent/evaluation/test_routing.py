from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.evaluation.routing import Figures, Outcome, Task, measure, served, tasks
from agent.router import Router
from tools.library import E5
from tools.library.evaluate import EvaluationError


def jsonl(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return file


def outcome(wanted: str, chosen: str, confidence: float, language: str = "en", ms: float = 1.0) -> Outcome:
    return Outcome(Task("1", "q", language, wanted), chosen, "classifier", confidence, ms)  # type: ignore[arg-type]


def test_labels_of_the_data_become_routes(tmp_path: Path) -> None:
    labels = {
        "retrieve_single": "library",
        "multi_hop": "library",
        "fresh_web": "web",
        "chitchat": "direct",
        "no_retrieval_commonsense": "direct",
        "specialist_banking": "specialist:banking",
        "specialist:banking": "specialist:banking",
        "clarify": "clarify",
        "web": "web",
    }
    read = tasks(jsonl(tmp_path / "t.jsonl", [{"text": label, "label": label} for label in labels]))
    assert [t.wanted for t in read] == list(labels.values())


def test_the_language_is_that_of_the_row_or_of_its_letters(tmp_path: Path) -> None:
    rows = [
        {"text": "Hello", "label": "direct"},
        {"text": "こんにちは", "label": "direct"},
        {"text": "Sony？", "label": "web", "lang": "ja", "id": "r7"},
        {"text": "こんにちは", "label": "direct", "lang": "fr"},
    ]
    read = tasks(jsonl(tmp_path / "t.jsonl", rows))
    assert [t.language for t in read] == ["en", "ja", "ja", "ja"]
    assert [t.id for t in read] == ["1", "2", "r7", "4"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "a"}', "line 1: the key 'label' is missing"),
        ("nonsense", "line 1: this is not JSON"),
        ('{"text": "a", "label": "elsewhere"}', "'elsewhere'"),
        ('{"text": "a", "label": "specialist_"}', "'specialist_'"),
        ('{"text": "a", "label": "specialists"}', "'specialists'"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "t.jsonl").write_text(line)
    with pytest.raises(EvaluationError) as raised:
        tasks(tmp_path / "t.jsonl")
    assert says in str(raised.value)
    assert "t.jsonl" in str(raised.value)


def test_questions_for_a_specialist_without_a_card_are_left_out() -> None:
    asked = [Task("1", "a", "en", "library"), Task("2", "b", "en", "specialist:bank"), Task("3", "c", "en", "web")]
    assert served(asked, []) == ([asked[0], asked[2]], ["specialist:bank"])
    assert served(asked, ["specialist:bank"]) == (asked, [])
    renamed, missing = served(asked, ["specialist:accounts"])
    assert ([t.wanted for t in renamed], missing) == (["library", "specialist:accounts", "web"], [])
    both = [*asked, Task("4", "d", "en", "specialist:cook")]
    assert served(both, ["specialist:bank"]) == (asked, ["specialist:cook"])


def test_figures() -> None:
    figures = Figures(
        (
            outcome("library", "library", 0.95, ms=1),
            outcome("library", "web", 0.55, ms=2),
            outcome("web", "web", 0.95, ms=9),
            outcome("direct", "direct", 0.95, "ja", ms=3),
            outcome("direct", "direct", 0.55, "ja", ms=4),
        )
    ).as_json()
    assert (figures["n"], figures["accuracy"], figures["p50_ms"]) == (5, 0.8, 3)
    assert figures["by_language"] == {"en": 0.6667, "ja": 1.0}
    assert {route: (one["n"], one["recall"]) for route, one in figures["by_route"].items()} == {
        "direct": (2, 1.0),
        "library": (2, 0.5),
        "web": (1, 1.0),
    }
    assert figures["ece"] == pytest.approx(0.6 * 0.05 + 0.4 * 0.05)
    assert figures["accuracy_interval"] == pytest.approx([0.3755, 0.9638], abs=1e-4)
    [wrong] = figures["wrong"]
    assert (wrong["wanted"], wrong["chosen"], wrong["confidence"]) == ("library", "web", 0.55)
    assert json.loads(json.dumps(figures)) == figures


def test_measuring_asks_the_router_about_each_task(embedder: E5, tmp_path: Path) -> None:
    asked = [
        Task("1", "Hello!", "en", "direct"),
        Task("2", "ウェブで検索して：明日の天気", "ja", "web"),
        Task("3", "How many days of leave do I have?", "en", "web"),
    ]
    done: list[int] = []
    figures = measure(Router.open(embedder, tmp_path), embedder, asked, lambda: done.append(1))
    assert [o.chosen for o in figures.outcomes] == ["direct", "web", "library"]
    assert [o.why for o in figures.outcomes] == ["cue", "cue", "classifier"]
    assert [o.task.id for o in figures.wrong] == ["3"]
    assert all(0 < o.milliseconds < 1000 for o in figures.outcomes)
    assert len(done) == 3
