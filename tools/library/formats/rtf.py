"""RTF: the words, without the formatting (RTF specification 1.9.1)."""

from __future__ import annotations

import re

from tools.library.formats.blocks import Blocks
from tools.library.formats.source import Source
from tools.library.formats.titles import chosen
from tools.library.load import Loaded, title_of

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z0-9])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_DESTINATIONS = frozenset(
    "fonttbl colortbl stylesheet pict object header footer headerl headerr footerl footerr headerf footerf "
    "listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore latentstyles "
    "xmlnstbl fldinst bkmkstart bkmkend nonshppict filetbl mmathPr pgptbl annotation atnid atnauthor".split()
)
_MARKS = {
    "par": "\n\n", "sect": "\n\n", "page": "\n\n", "line": "\n", "row": "\n\n", "tab": "\t", "cell": " | ",
    "nestcell": " | ",
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "emspace": " ", "enspace": " ",
}  # fmt: skip
_CHARSETS = {
    128: "cp932",
    129: "cp949",
    134: "gbk",
    136: "big5",
    161: "cp1253",
    162: "cp1254",
    204: "cp1251",
    238: "cp1250",
}


def read_rtf(source: Source) -> Loaded:
    """A rich text file."""
    text, title = _Reader().read(source)
    blocks = Blocks(source)
    blocks.plain(re.sub(r"(?: \| )+(?=\n|\Z)", "", text))
    return Loaded(blocks.text(), chosen(title) or title_of(source.path), "word")


class _Reader:
    """A pass over the tokens with a stack of groups; bytes wait until their run ends, since two may be one letter."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._title: list[str] = []
        self._waiting = bytearray()
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._default = "cp1252"
        self._encoding = ""
        # (destination that is left out, title, table of fonts, how many characters follow a \\u)
        self._state = (False, False, False, 1)
        self._stack: list[tuple[tuple[bool, bool, bool, int], str]] = []
        self._skip = 0

    def read(self, source: Source) -> tuple[str, str]:
        """(text, title)."""
        length = 0
        for count, token in enumerate(_TOKEN.finditer(source.data)):
            word, argument, code, sign, brace, plain = token.groups()
            if plain is not None or code is not None:
                self._bytes(plain if code is None else bytes([int(code, 16)]))
                length += 1 if code else len(plain)
            else:
                self._flush()
                if brace:
                    self._group(brace)
                elif word:
                    self._word(word.decode(), int(argument) if argument else None)
                elif sign:
                    self._sign(sign)
            if count % 10_000 == 0:
                source.check(length // 4)
        self._flush()
        return "".join(self._out), "".join(self._title)

    def _group(self, brace: bytes) -> None:
        if brace == b"{":
            self._stack.append((self._state, self._encoding))
        elif self._stack:
            self._state, self._encoding = self._stack.pop()
        self._skip = 0

    def _word(self, word: str, value: int | None) -> None:
        left_out, title, fonts, width = self._state
        if word in _DESTINATIONS:
            self._state = (True, False, word == "fonttbl", width)
        elif word == "title":
            self._state = (False, True, False, width)
        elif word == "info":
            self._state = (True, False, False, width)
        elif word == "uc":
            self._state = (left_out, title, fonts, value or 0)
        elif word == "u" and value is not None:
            self._text(chr(value % 65536))
            self._skip = width
        elif word == "ansicpg" and value:
            self._default = _codec(value)
        elif word == "f" and value is not None:
            self._font = value
            if not fonts:
                self._encoding = self._fonts.get(value, "")
        elif word == "fcharset" and fonts and value in _CHARSETS:
            self._fonts[self._font] = _CHARSETS[value]
        elif word == "plain":
            self._encoding = ""
        elif word in _MARKS:
            self._text(_MARKS[word])

    def _sign(self, sign: bytes) -> None:
        if sign == b"*":
            self._state = (True, *self._state[1:])
        elif sign in b"{}\\":
            self._text(sign.decode())
        elif sign in b"~_":
            self._text(" " if sign == b"~" else "-")
        elif sign in b"\r\n":
            self._text("\n\n")

    def _bytes(self, data: bytes) -> None:
        """Bytes of text; those that only stand in for a `\\u` character are dropped."""
        dropped = min(self._skip, len(data))
        self._skip -= dropped
        self._waiting += data[dropped:]

    def _flush(self) -> None:
        if self._waiting:
            data, self._waiting = bytes(self._waiting), bytearray()
            self._text(data.decode(self._encoding or self._default, "replace"))

    def _text(self, text: str) -> None:
        left_out, title, _, _ = self._state
        if title:
            self._title.append(text)
        elif not left_out:
            # a character beyond the first plane comes as two halves
            if "\udc00" <= text <= "\udfff" and self._out and "\ud800" <= self._out[-1] <= "\udbff":
                text = (self._out.pop() + text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            self._out.append(text)


def _codec(page: int) -> str:
    try:
        "".encode(f"cp{page}")
    except LookupError:
        return "cp1252"
    return f"cp{page}"
