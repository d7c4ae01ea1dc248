from __future__ import annotations

from pathlib import Path

import pytest

from agent import Settings
from agent.evaluation.record import Record, record_of


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "a" / "record.jsonl"
    with Record(path) as record:
        record.add({"id": "1", "text": "日本語\ud800"})
        record.add({"id": "2"})
    with Record(path) as record:
        assert (record.get("1") or {})["text"] == "日本語?"
        assert record.get("2") == {"id": "2"}
        assert record.get("3") is None


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_line_that_was_cut_off_is_asked_again_and_nothing_else(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "record.jsonl"
    with Record(path) as record:
        record.add({"id": "1"})
        record.add({"id": "2"})
    path.write_bytes(path.read_bytes()[:-cut])
    with Record(path) as record:
        assert record.get("1") == {"id": "1"}
        assert record.get("2") is None
        record.add({"id": "2"})
    with Record(path) as record:
        assert record.get("2") == {"id": "2"}


def test_another_model_or_other_questions_have_another_record(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text("{}\n")
    settings = Settings(data_dir=tmp_path)
    first = record_of(settings, "grounded", [file])
    assert first == record_of(settings, "grounded", [file])
    assert first.parent == tmp_path / "evaluations"
    assert first != record_of(settings, "rewrite", [file])
    assert first != record_of(settings.model_copy(update={"model": "other"}), "grounded", [file])
    assert first == record_of(settings.model_copy(update={"port": 1}), "grounded", [file])
    file.write_text("{} \n")
    assert first != record_of(settings, "grounded", [file])
