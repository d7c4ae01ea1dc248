from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sentences import spans, split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "It costs 3.5 euros. See a.txt for e.g. details.",
            ["It costs 3.5 euros.", "See a.txt for e.g. details."],
        ),
        ("Dr. Smith agreed [1]. Yes! [2][3] Next.", ["Dr. Smith agreed [1].", "Yes! [2][3]", "Next."]),
        ("Kotae uses FAISS.[1] It is fast.[2]", ["Kotae uses FAISS.[1]", "It is fast.[2]"]),
        ("答えは「はい。そうです。」です。次の文[1]。", ["答えは「はい。そうです。」です。", "次の文[1]。"]),
        ("閉じない「括弧。次の文。", ["閉じない「括弧。", "次の文。"]),
        ("1. Open it. 2. Save it.", ["1. Open it.", "2. Save it."]),
        ("- one\n- two\n\nThree", ["- one", "- two", "Three"]),
        ("See http://a.b/c?x=1. Then stop?", ["See http://a.b/c?x=1.", "Then stop?"]),
        ("版は3.11です。Python 3.11. 以上。", ["版は3.11です。", "Python 3.11.", "以上。"]),
        ("", []),
        ("  \n \n", []),
    ],
)
def test_split(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The main building of the museum was designed by the architect Alban\nReyes. He came by sea.", 2),
        ("取得を希望する従業員は、原則として三営業日前までに所属長へ申請するものとし、\n承認を得る。", 1),
        ("- a list item that is as long as any other line of a page can be said to be\n- two", 2),
        ("# A heading that is quite as long as any other line of a page can be said to be\nText.", 2),
        ("This line of a page ends with a full stop, which is the end of its sentence.\nNext.", 2),
        ("A paragraph of more than sixty columns that somebody ended without a full stop\n\nNext", 2),
    ],
)
def test_a_line_that_was_only_wrapped_goes_on(text: str, count: int) -> None:
    assert len(split(text)) == count


@given(st.text(alphabet="ab 。.！?「」（)[1]\n日本3", max_size=80))
def test_spans_cover_all_that_is_not_space_in_order(text: str) -> None:
    last = 0
    for start, end in spans(text):
        assert last <= start < end
        assert not text[last:start].strip()
        assert text[start:end].strip() == text[start:end]
        last = end
    assert not text[last:].strip()
