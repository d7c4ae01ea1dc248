from __future__ import annotations

import pytest

from tools.decode import decode

JAPANESE = "有給休暇は年に二十日です。\n申請は前日までに、上長へ出してください。カタカナもあります。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp932", "euc_jp", "iso2022_jp"])
def test_japanese_comes_out_of_every_encoding(encoding: str) -> None:
    assert decode(JAPANESE.encode(encoding)) == JAPANESE


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_by_its_mark(encoding: str) -> None:
    assert decode("\ufeff答え".encode(encoding)) == "答え"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("Café Zürich, 10 €".encode("cp1252"), "Café Zürich, 10 €"),
        ("これは正しい文です".encode() + b"\xff", "これは正しい文です\ufffd"),
        (b"", ""),
        (b"page\x0cbreak", "page\nbreak"),
    ],
)
def test_text(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    "data", [bytes(range(256)) * 4, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0\1" * 99, b"\x7fELF\2\1\1\0\0\0\0\0\0"]
)
def test_what_is_not_text_is_told(data: bytes) -> None:
    assert decode(data) is None


def test_a_page_says_its_own_encoding() -> None:
    page = '<html><head><meta charset="Shift_JIS"></head><body>亜</body></html>'
    assert decode(page.encode("cp932"), html=True) == page


def test_a_wrong_or_unknown_declaration_does_not_win() -> None:
    page = '<meta charset="no-such-thing"><p>答え</p>'
    assert decode(page.encode(), html=True) == page


WINDOWS = "①㈱日本語のテストです。これはひらがなの文です。"


def as_mail(text: str) -> bytes:
    """ISO-2022-JP as Windows writes it, which Python's codecs do not."""
    return b"\x1b$B" + bytes(byte & 0x7F for byte in text.encode("euc_jis_2004")) + b"\x1b(B"


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (WINDOWS.encode("cp932"), "Shift_JIS"),
        (WINDOWS.encode("cp932"), ""),
        (WINDOWS.encode("euc_jis_2004"), "EUC-JP"),
        (WINDOWS.encode("euc_jis_2004"), ""),
        (as_mail(WINDOWS), "iso-2022-jp"),
        (as_mail(WINDOWS), "utf-8"),
        (as_mail(WINDOWS), ""),
        (WINDOWS.encode("utf-16-le"), "utf-16le"),
        (WINDOWS.encode(), "iso-8859-1"),
        (WINDOWS.encode(), "shift_jis"),
        (WINDOWS.encode("cp932"), "utf-8"),
    ],
)
def test_characters_of_windows_in_each_encoding_with_right_and_wrong_headers(data: bytes, declared: str) -> None:
    assert decode(data, declared=declared) == WINDOWS
    assert decode(data, declared=declared, html=True) == WINDOWS


def test_latin_1_on_the_web_is_windows_1252() -> None:
    assert decode("“Zürich” – 5 €".encode("cp1252"), declared="ISO-8859-1") == "“Zürich” – 5 €"


@pytest.mark.parametrize("declared", ["punycode", "unicode_escape", "utf-7", "rot13", "hex", "x" * 30])
def test_codecs_that_are_no_encodings_are_not_tried(declared: str) -> None:
    assert decode(b"a-1 \\x41 +AEE-", declared=declared) == "a-1 \\x41 +AEE-"
