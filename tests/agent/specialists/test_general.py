from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from agent.prompts import FOLDER, LANGUAGES
from agent.specialists import general


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_questions_are_many_and_each_stands_once(language: str) -> None:
    rows = yaml.safe_load((FOLDER / language / "general.yaml").read_text("utf-8"))
    asked = [row["ask"] for row in rows["questions"]]
    assert len(asked) == len(set(asked)) == 40
    assert len(rows["texts"]) == 60


def test_no_question_gives_its_answer_away() -> None:
    """A reply that repeats the question must not be right, but where words are to be repeated or chosen."""
    given = [q.ask for q in general.questions() if q.right(q.ask)]
    assert len(given) <= 20, given


def test_what_is_right() -> None:
    by_ask = {q.ask: q for q in general.questions()}
    assert by_ask["What is the capital of France?"].right("It is PARIS, on the Seine.")
    assert not by_ask["What is the capital of France?"].right("It is Lyon.")
    assert by_ask['Write the word "hello" in capital letters.'].right("HELLO")
    assert not by_ask['Write the word "hello" in capital letters.'].right("Hello")
    assert by_ask["1週間は何日ですか。"].right("１週間は７日です。")


def test_texts_that_keep_from_forgetting_are_others_under_the_plain_system_message() -> None:
    found = general.texts()
    systems = {q.system for q in general.questions()}
    assert len(found) == len({one.id for one in found}) == 120
    assert not {one.question for one in found} & {q.ask for q in general.questions()}
    for one in found:
        assert one.messages[0].content in systems
        assert one.asked("A card's prompt.") == one.messages, "no card's prompt stands before it"
        assert one.answer
    assert {one.messages[0].content for one in found[:2]} == systems, "the languages take turns"


def test_kept_replies_hold_for_the_same_questions_only(tmp_path: Path) -> None:
    kept = general.Kept(tmp_path, "a" * 64, "general", "1")
    kept.save({"a": "b"})
    assert kept.load() == {"a": "b"}
    assert general.Kept(tmp_path, "a" * 64, "general", "2").load() == {}
    next(tmp_path.glob("*/general.json")).write_text("{")
    assert kept.load() == {}
