from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import RouteError
from agent.examples import CORRECTION_WEIGHT, Example, correct, corrections, fingerprint, key, merged


def test_corrections_are_kept_as_a_person_can_read_them(tmp_path: Path) -> None:
    assert corrections(tmp_path) == []
    correct(tmp_path / "new", "  Which bus\n goes there? ", "web")
    found = correct(tmp_path / "new", "食堂: 「今日」の'昼食'は？", "library")
    assert set(found) == set(corrections(tmp_path / "new"))
    assert {(e.text, e.route, e.weight) for e in found} == {
        ("Which bus goes there?", "web", CORRECTION_WEIGHT),
        ("食堂: 「今日」の'昼食'は？", "library", CORRECTION_WEIGHT),
    }
    text = (tmp_path / "new" / "routes.yaml").read_text("utf-8")
    assert "食堂" in text
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["routes.yaml"], "nothing is left beside it"


def test_a_later_correction_of_the_same_question_replaces_the_earlier(tmp_path: Path) -> None:
    correct(tmp_path, "Which bus?", "web")
    correct(tmp_path, "which  bus", "direct")
    assert corrections(tmp_path) == [Example("which bus", "direct", CORRECTION_WEIGHT)]


@pytest.mark.parametrize("question", ["", "  \n", "x" * 2001])
def test_what_is_no_question_is_refused(tmp_path: Path, question: str) -> None:
    with pytest.raises(RouteError, match="2,000"):
        correct(tmp_path, question, "web")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("library: [a, b", "YAML"),
        ("- a", "mapping"),
        ("libary: [a]", "'libary'"),
        ("library: a", "'library'"),
        ("specialist:Banking: [a]", "'specialist:Banking'"),
        ("specialist: [a]", "'specialist'"),
        (b"\xff\xfe\xfa", "YAML"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_left_alone(tmp_path: Path, text: str | bytes, says: str) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "routes.yaml").write_bytes(data)
    for attempt in (lambda: corrections(tmp_path), lambda: correct(tmp_path, "q", "web")):
        with pytest.raises(RouteError) as raised:
            attempt()
        assert says in str(raised.value)
        assert str(tmp_path / "routes.yaml") in str(raised.value)
        assert "\n" not in str(raised.value)
    assert (tmp_path / "routes.yaml").read_bytes() == data


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RouteError, match="cannot be written"):
        correct(tmp_path / "file", "q", "web")


def test_a_correction_takes_the_place_of_the_example_that_it_contradicts() -> None:
    ordinary = [Example("Hello!", "direct"), Example("news", "web")]
    corrected = [Example("hello", "clarify", 8)]
    assert merged(ordinary, corrected) == [Example("news", "web"), Example("hello", "clarify", 8)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Where is it?", " where  is IT ", True),
        ("ＡＢＣは何ですか？", "ABCは何ですか", True),
        ("天気は。", "天気は", True),
        ("Where is it?", "Where is he?", False),
        ("天気は", "天気が", False),
    ],
)
def test_questions_are_the_same_but_for_their_dress(one: str, other: str, same: bool) -> None:
    assert (key(one) == key(other)) is same


def test_the_fingerprint_changes_with_all_that_training_reads() -> None:
    base = [Example("a", "web"), Example("b", "direct")]
    marks = {
        fingerprint(base, "e"),
        fingerprint(base, "f"),
        fingerprint(base[:1], "e"),
        fingerprint([Example("a", "library"), base[1]], "e"),
        fingerprint([Example("a", "web", 8), base[1]], "e"),
        fingerprint([Example("ab", "web"), Example("", "direct")], "e"),
    }
    assert len(marks) == 6
    assert fingerprint(list(base), "e") == fingerprint(base, "e")
