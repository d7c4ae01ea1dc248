from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import facts


@pytest.mark.parametrize(
    ("sentence", "numbers"),
    [
        ("It costs 1,200.50 yen.", {"1200.5"}),
        ("It has 3 parts [2].", {"3"}),
        ("1. Open the file.", set()),
        ("Version 3.11.2 is needed.", {"3.11.2"}),
        ("１２月２５日までです。", {"12", "25"}),
        ("A v2 engine named X86.", set()),
        ("No numbers.", set()),
        ("It is deleted after two days.", {"2"}),
        ("The twenty-first of two-thirds", set()),
        ("月額3万円を上限とします。", {"3"}),
        ("三日後に二回送ります。", {"3", "2"}),
        ("これで十分です。一番大きい。", set()),
        ("十分間待ちます。", {"10"}),
    ],
)
def test_claimed_numbers(sentence: str, numbers: set[str]) -> None:
    assert facts.claimed_numbers(sentence) == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("三百二十万円", "3200000"),
        ("令和5年", "2023"),
        ("平成元年", "1989"),
        ("120万人", "1200000"),
        ("1.5億", "150000000"),
        ("二〇二四年", "2024"),
        ("十二名", "12"),
        ("three thousand", "3"),
        ("3.5 million", "3500000"),
        ("2,048", "2048"),
        ("on 2024-04-01", "4"),
        ("１０％", "10"),
    ],
)
def test_stated_numbers(text: str, number: str) -> None:
    assert number in facts.stated_numbers(text)


@pytest.mark.parametrize(("text", "number"), [("最大5.5合です", "5"), ("1,500円", "500"), ("version 3.11", "11")])
def test_a_number_does_not_state_its_digits(text: str, number: str) -> None:
    assert number not in facts.stated_numbers(text)


@given(st.integers(0, 10**9))
def test_a_number_states_what_it_claims(n: int) -> None:
    assert facts.claimed_numbers(f"There are {n:,} of them.") <= facts.stated_numbers(f"We counted {n}.")


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("The app by Mr. Smith uses FAISS's index in Tokyo [1].", ("Smith", "FAISS", "Tokyo")),
        ("Paris is large.", ()),
        ("It was built. Then Osaka grew.", ("Osaka",)),
        ("The file is read by SQLite3.", ("SQLite3",)),
        ("サーバーはPythonで動きます。", ("サーバー", "Python")),
    ],
)
def test_claimed_names(sentence: str, names: tuple[str, ...]) -> None:
    assert facts.claimed_names(sentence) == names


@pytest.mark.parametrize(
    ("text", "bare", "numbers"),
    [
        ("It holds 3 parts [2].", "It holds 3 parts.", (2,)),
        ("It holds 3 parts. (2)", "It holds 3 parts.", (2,)),
        ("It is 64 MB (from [1]).", "It is 64 MB.", (1,)),
        ("11時です。[1][2]", "11時です。", (1, 2)),
        ("11時です（出典: [3]）。", "11時です。", (3,)),
        ("Use the script tag from [1] or the iframe from [2].", "Use the script tag or the iframe.", (1, 2)),
        ("According to [1], it opens at nine.", "It opens at nine.", (1,)),
        ("It opens at nine, as stated in [3].", "It opens at nine.", (3,)),
        ("[2]によると、11時です。", "11時です。", (2,)),
        ("It comes from Osaka [1].", "It comes from Osaka.", (1,)),
        ("In (1) and (2) it is said.", "In (1) and (2) it is said.", ()),
        ("Plain.", "Plain.", ()),
    ],
)
def test_citation_marks(text: str, bare: str, numbers: tuple[int, ...]) -> None:
    assert facts.uncited(text) == bare
    assert facts.citations(text) == numbers


def test_quotations() -> None:
    assert facts.quotations('Press "Save as draft", `kotae index` or 「設定を開く」.') == (
        "Save as draft",
        "kotae index",
        "設定を開く",
    )


@pytest.mark.parametrize(
    ("text", "japanese"),
    [
        ("文書を追加する", True),
        ("PDFの追加方法は？", True),
        ("Add a PDF", False),
        ("東京 Tower in Tokyo", False),
        ("42", False),
    ],
)
def test_is_japanese(text: str, japanese: bool) -> None:
    assert facts.is_japanese(text) is japanese


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("十一時", "11時"),
        ("four minutes", "4 minutes"),
        ("１,５００円", "1500円"),
        ("一般的", "一般的"),
        ("三重県", "三重県"),
        ("二十三人", "23人"),
    ],
)
def test_digits(text: str, written: str) -> None:
    assert facts.digits(text) == written


def test_solid_ignores_width_case_and_space() -> None:
    assert facts.solid("ＡＢＣ ジョン・スミス") == facts.solid("abcジョンスミス")
