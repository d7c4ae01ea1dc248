from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tools.library import Library, Text, evaluate


@pytest.mark.parametrize(
    ("documents", "gold", "expected"),
    [
        (["a", "b"], {"a"}, 1.0),
        (["b", "a"], {"a"}, 1 / math.log2(3)),
        (["b", "c"], {"a"}, 0.0),
        (["a", "x", "b"], {"a", "b"}, 1.5 / (1 + 1 / math.log2(3))),
        ([str(i) for i in range(11)], {"10"}, 0.0),
    ],
)
def test_ndcg(documents: list[str], gold: set[str], expected: float) -> None:
    assert evaluate.ndcg(documents, frozenset(gold)) == pytest.approx(expected)


def test_recall_and_rank() -> None:
    gold = frozenset("ab")
    assert [evaluate.recall(["x", "a", "b"], gold, depth) for depth in (1, 2, 3)] == [0.0, 0.5, 1.0]
    assert evaluate.reciprocal_rank(["x", "a"], gold) == 0.5
    assert evaluate.reciprocal_rank(["x"], gold) == 0.0


def test_documents_are_ranked_by_their_best_passage(library: Library) -> None:
    texts = [
        Text("1", "The otters swim in the river. " * 60, "Otters"),
        Text("2", "The ferry leaves at nine.", "Ferry"),
    ]
    speed = evaluate.fill(library, texts)
    asked = [evaluate.Query("q", "when does the ferry leave?", frozenset(("2",)))]
    figures, found = evaluate.measure(library, asked, passages_per_second=speed)
    assert found[0][1] == ["2", "1"]
    assert figures.as_json().keys() == {
        "n", "ndcg@10", "recall@1", "recall@5", "recall@10", "mrr", "p50_ms", "p95_ms", "passages_per_second"
    }  # fmt: skip
    assert figures.ndcg == figures.mrr == 1.0
    assert speed > 0


def test_texts_of_the_same_id_replace_each_other(library: Library) -> None:
    library.index_texts([Text("1", "The ferry leaves at nine.")])
    report = library.index_texts([Text("1", "The ferry leaves at ten."), Text("2", "")])
    assert [document.path for document in library.documents()] == ["1"]
    assert "ten" in library.search("ferry")[0].text
    assert report.passages == 1


@pytest.mark.parametrize(
    ("line", "fault"),
    [("not json", "line 2: this is not JSON"), (json.dumps({"id": 1}), "line 2: the key 'text' is missing")],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text(json.dumps({"id": "a", "text": "x"}) + f"\n{line}\n", "utf-8")
    with pytest.raises(evaluate.EvaluationError, match=fault):
        list(evaluate.corpus(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(evaluate.EvaluationError, match=r"nowhere\.jsonl cannot be read"):
        evaluate.queries(tmp_path / "nowhere.jsonl")
