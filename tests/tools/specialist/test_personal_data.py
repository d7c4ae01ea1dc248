from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.specialist.personal import find


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("Write to taro.yamada@mail.co.jp please", "email", "taro.yamada@mail.co.jp"),
        ("メールはtaro@mail.jpまで", "email", "taro@mail.jp"),
        ("ｔａｒｏ＠ｍａｉｌ．ｊｐ", "email", "ｔａｒｏ＠ｍａｉｌ．ｊｐ"),
        ("電話は０９０−１２３４−５６７８です", "phone", "０９０−１２３４−５６７８"),
        ("03ー1234ー5678", "phone", "03ー1234ー5678"),
        ("(03) 1234-5678", "phone", "(03) 1234-5678"),
        ("03(1234)5678", "phone", "03(1234)5678"),
        ("番号は09012345678ですよ", "phone", "09012345678"),
        ("Tel 045-123-4567.", "phone", "045-123-4567"),
        ("+81 90-1234-5678", "phone", "+81 90-1234-5678"),
        ("call (415) 555-2671", "phone", "(415) 555-2671"),
        ("call 415.555.2671 now", "phone", "415.555.2671"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("card 4111 1111 1111 1111, 12/27", "card", "4111 1111 1111 1111"),
        ("カード5555-5555-5555-4444です", "card", "5555-5555-5555-4444"),
        ("3530111333300000", "card", "3530111333300000"),
        ("DE89 3704 0044 0532 0130 00", "iban", "DE89 3704 0044 0532 0130 00"),
        ("to GB82WEST12345698765432.", "iban", "GB82WEST12345698765432"),
        ("マイナンバーは1234 5678 9018", "my_number", "1234 5678 9018"),
        ("個人番号１２３４５６７８９０１８", "my_number", "１２３４５６７８９０１８"),
        ("〒150-0041", "postal_code", "〒150-0041"),
        ("郵便番号は150-0041です", "postal_code", "郵便番号は150-0041"),
        ("〒100-0001 東京都千代田区千代田1-1 です", "address", "〒100-0001 東京都千代田区千代田1-1"),
        ("東京都新宿区西新宿二丁目8番1号に", "address", "東京都新宿区西新宿二丁目8番1号"),
        ("大阪府大阪市北区梅田３−１−３", "address", "大阪府大阪市北区梅田３−１−３"),
        ("渋谷区神南1丁目2-3まで", "address", "渋谷区神南1丁目2-3"),
        ("from 8.8.8.8 at", "ip", "8.8.8.8"),
        ("IPは2001:4860:4860::8888", "ip", "2001:4860:4860::8888"),
    ],
)
def test_what_is_personal_is_found_and_hidden(text: str, kind: str, what: str) -> None:
    (one,) = find(text)
    assert one.kind == kind
    assert text[one.start : one.end] == what
    assert what not in one.masked
    assert len(one.masked) == len(what)
    assert one.masked.count("•") >= 3
    assert not any(char.isalnum() for char in one.masked[3:] if char != "ー")


@pytest.mark.parametrize(
    "text",
    [
        "write to someone@example.com or a@b.test",
        "0120-123-456", "0800-123-4567", "+1 800 555 0100",
        "4111 1111 1111 1112", "0000 0000 0000 0000", "DE89 3704 0044 0532 0130 01", "123456789012",
        "東京都は大きい。市区町村は3つ。", "大阪の3丁目", "第1条 2-3",
        "version 1.2.3.4", "192.168.0.1 and 127.0.0.1 and ::1 and fe80::1", "999.8.8.8", "1.2.3.4.5",
        "2026-01-02 10:30:20", "12:30:45", "10:00-11:00", "ISBN 978-4-10-101001-4", "注文番号 20231105-0001",
        "1,234,567,890円", "ratio 3.14159265358979", "tel", "@@@@", "I paid 100-200 in 2024-25",
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert find(text) == []


def test_several_in_one_text_come_in_its_order_and_none_twice() -> None:
    text = "〒150-0041 taro@mail.jp 4111111111111111 090-1234-5678"
    assert [one.kind for one in find(text)] == ["postal_code", "email", "card", "phone"]


@pytest.mark.parametrize("check", range(10))
def test_the_check_digit_of_a_my_number(check: int) -> None:
    assert bool(find(f"12345678901{check}")) == (check == 8)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0159 -.()+@:aZ丁目番号東京都市区〒ー１−", max_size=60))
def test_any_text_is_looked_through(text: str) -> None:
    found = find(text)
    assert all(0 <= a.start < a.end <= len(text) for a in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    "part",
    ["1", "0-", "a", "a@", "a.", "1:", "::", "東京都", "東京都あ市", "AA11 ", "4 ", "+1(", "(03", "港区あ1丁目", "市"],
)
def test_long_texts_do_not_take_long(part: str) -> None:
    text = part * (100_000 // len(part))
    began = time.perf_counter()
    find(text)
    assert time.perf_counter() - began < 5
