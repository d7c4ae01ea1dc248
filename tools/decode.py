"""Bytes to text: which encoding a file is written in, and whether it is text at all."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ISO_2022 = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
_ESCAPE = re.compile(rb"(\x1b\$[B@]|\x1b\([BJI])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_KANA = re.compile(r"[ぁ-ゖァ-ヺー、。]")
_HALF_KANA = re.compile(r"[ｦ-ﾟ]")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,30})""", re.IGNORECASE)
_ALIASES = {
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j"), "cp932"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("euc-jp", "x-euc-jp", "euc_jp"), "euc_jis_2004"),
}
"""What these names mean on the web (WHATWG, Encoding standard, 4.2): more characters, such as ① and ㈱."""

_NO_CHARSETS = frozenset(("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "utf-7"))
"""Codecs of Python that are no encodings of the web; some take time that grows with the square of the length."""


def decode(data: bytes, *, html: bool = False, declared: str = "") -> str | None:
    """The text of `data`, line ends as `\\n`; None when it is not text.

    Byte-order mark, then UTF-8 if anything but ASCII is in it (which other encodings are never mistaken for), then what
    came with the text (`declared`, as in the header of an answer) or an HTML page declares, then UTF-8, ISO-2022-JP,
    Shift_JIS or EUC-JP (told apart by how much kana comes out), a few broken bytes within UTF-8, and last Windows-1252.
    """
    text = _decode(data, html=html, declared=declared.lower())
    if text is None or len(_CONTROL.findall(text)) > max(1, len(text) // 200):
        return None
    return _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))


def _decode(data: bytes, *, html: bool, declared: str) -> str | None:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strict(data, encoding)
    if declared.startswith(("utf-16", "utf-32")) and (text := _strict(data, declared)) is not None:
        return text
    if len(_CONTROL_BYTES.findall(data[:65536])) > len(data[:65536]) // 200 + 1:
        return None
    if not data.isascii() and (text := _strict(data, "utf-8")) is not None:
        return text
    found = _CHARSET.search(data[:4096]) if html else None
    # what a page of plain ASCII says of itself may still be ISO-2022-JP
    names = [declared, found[1].decode("ascii").lower() if found else ""]
    for name in names if not any(mark in data for mark in _ISO_2022) else ():
        if name and (text := _strict(data, _ALIASES.get(name, name))) is not None:
            return text
    if any(mark in data for mark in _ISO_2022) and (text := _iso_2022(data)) is not None:
        return text
    if (text := _strict(data, "utf-8")) is not None:
        return text
    lenient = data.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    if broken * 4 < sum(char > "\x7f" for char in lenient) - broken:
        return lenient
    candidates = [(_japaneseness(text), text) for name in ("cp932", "euc_jis_2004") if (text := _strict(data, name))]
    if candidates and (best := max(candidates))[0] > 0.1:
        return best[1]
    return data.decode("cp1252", "replace")


def _iso_2022(data: bytes) -> str | None:
    """ISO-2022-JP with the characters that Windows writes into it, of which Python's own knows none."""
    if (text := _strict(data, "iso2022_jp_2")) is not None:
        return text
    parts = _ESCAPE.split(data)
    # the same characters as in EUC-JP, less the highest bit
    codes = [
        bytes(byte | 0x80 if byte > 0x20 else byte for byte in part) if mark in (b"\x1b$B", b"\x1b$@") else part
        for mark, part in zip([b"", *parts[1::2]], parts[::2], strict=True)
    ]
    return _strict(b"".join(codes), "euc_jis_2004")


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return None if codecs.lookup(encoding).name in _NO_CHARSETS else data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _japaneseness(text: str) -> float:
    """Share of kana in what is not ASCII, half-width kana counting against: EUC-JP read as Shift_JIS is full of it."""
    foreign = sum(char > "\x7f" for char in text)
    return (len(_KANA.findall(text)) - 2 * len(_HALF_KANA.findall(text))) / foreign if foreign else 0.0
