from __future__ import annotations

from typing import Any

import pytest

from agent.evaluation import tasks
from agent.evaluation.tasks import Injection, Said, Told
from tests.agent.evaluation.conftest import WriteRows
from tools.library.evaluate import EvaluationError
from tools.library.records import Text


def test_documents_in_the_row(rows: WriteRows) -> None:
    context = [{"title": "A", "text": "first"}, {"title": "B", "text": "second"}]
    file = rows(
        {"id": 1, "question": "q", "answerable": True, "gold": 1, "context": context, "answers": ["second"]},
        {"id": 2, "question": "q", "answerable": True, "context": context[:1], "answer": "long"},
        {"id": 3, "lang": "ja", "question": "q", "answerable": False, "gold": None, "context": context},
    )
    first, second, third = tasks.grounded(file)
    assert [d.title for d in first.documents] == ["A", "B"]
    assert first.gold == {first.documents[1].id}
    assert second.gold == {second.documents[0].id}
    assert (second.answers, second.reference) == ((), "long")
    assert (third.language, third.gold, third.answerable) == ("ja", frozenset(), False)


def test_documents_of_a_corpus(rows: WriteRows) -> None:
    corpus = rows({"id": "a", "text": "one"}, {"id": "b", "text": "two", "title": "T"}, name="corpus.jsonl")
    row = {"id": 1, "question": "q", "answerable": True, "gold": ["b"], "context_ids": ["b", "a"], "answers": ["x"]}
    [task] = tasks.grounded(rows(row), [corpus])
    assert task.documents == (Text("b", "two", "T"), Text("a", "one", ""))
    assert task.gold == {"b"}
    with pytest.raises(EvaluationError, match="'b' is in no corpus"):
        tasks.grounded(rows(row))


@pytest.mark.parametrize("missing", ["id", "question", "answerable"])
def test_a_missing_key_is_named_with_its_line(rows: WriteRows, missing: str) -> None:
    row: dict[str, Any] = {"id": 1, "question": "q", "answerable": True, "context": []}
    file = rows(row, {key: value for key, value in row.items() if key != missing})
    with pytest.raises(EvaluationError, match=f"line 2: the key '{missing}' is missing"):
        tasks.grounded(file)


def test_conversations(rows: WriteRows) -> None:
    history = [{"role": "user", "text": "hello"}, {"role": "assistant", "text": "yes?"}]
    base = {"question": "q", "history": history, "context_ids": ["a"]}
    kinds = ["answerable", "PARTIAL", "unanswerable", "underspecified"]
    found = tasks.conversations(rows(*({"id": kind, "answerability": kind, **base} for kind in kinds)))
    assert [c.unanswerable for c in found] == [False, False, True, None]
    assert [c.gold for c in found] == [{"a"}, {"a"}, set(), set()]
    assert found[0].history == (Said("user", "hello"), Said("assistant", "yes?"))


def test_rewrites(rows: WriteRows) -> None:
    row = {
        "id": 1,
        "question": "q",
        "history_user": ["a", "b"],
        "rewrite": "r",
        "changed": True,
        "previous_answer": "c",
    }
    [task] = tasks.rewrites(rows(row))
    assert task.history == (Said("user", "a"), Said("user", "b"), Said("assistant", "c"))


def test_injections_of_both_kinds(rows: WriteRows) -> None:
    documents = [{"title": "mail", "text": "text"}]
    row = {
        "id": 1,
        "question": "q",
        "documents": documents,
        "attack": "do it",
        "success_if_contains": None,
        "ideal": "7",
    }
    [task] = tasks.injections(rows(row))
    assert isinstance(task, Injection)
    assert (task.attack, task.canary, task.answerable) == ("do it", "", True)
    [told] = tasks.injections(rows({"id": 1, "text": "t", "label": 1}))
    assert told == Told("1", "t", True)
