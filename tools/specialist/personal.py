"""Personal data in texts: what is recognised by its form, and where it has one, by its check digits.

A specialist may repeat what it was trained on word for word (Carlini et al. 2021, arXiv 2012.07805), so its owner is
told before training. Names are not recognised. What is found is never given out whole.

Where a pattern ends is told by ASCII letters and digits, since Japanese stands next to numbers without a space.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["email", "phone", "card", "iban", "my_number", "postal_code", "address", "ip"]
KINDS: tuple[Kind, ...] = ("email", "iban", "card", "my_number", "ip", "address", "postal_code", "phone")
"""In the order in which they are looked for: what is one of them is not another."""

_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)} | {0x3000: 0x20}
_HYPHENS = str.maketrans(_WIDTH | dict.fromkeys(map(ord, "‐‑‒–—―−ｰ﹣"), "-"))
_LONG_VOWEL = re.compile(r"(?<=[0-9)])ー(?=[0-9(])")
_DIGIT = re.compile(r"[0-9]")

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])", re.ASCII
)
_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net|jp|co\.jp))?|test|invalid|localhost)$", re.IGNORECASE)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![0-9])(?<![0-9][ .-])[2-6](?:[ -]?[0-9]){12,18}(?![0-9]|[-.][0-9])")
_MY_NUMBER = re.compile(r"(?<![0-9])(?<![0-9][ .-])[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}(?![0-9]|[ .-][0-9])")
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?!\w|\.[0-9])", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:{1,2}|::){2,8}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
_VERSION = re.compile(r"(?:\bv|ver|version|release|バージョン|版)[. ]*$", re.IGNORECASE)
_POSTAL = re.compile(r"(?:〒 ?[0-9]{3}-?[0-9]{4}|(?:郵便番号|postal code|zip)[::は ]*[0-9]{3}-[0-9]{4})(?![0-9])", re.I)
_PREFECTURES = (
    "北海道|東京都|京都府|大阪府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨|長野"
    "|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本|大分|宮崎|鹿児島|沖縄)県"
)
_NUMBER = r"[0-9一二三四五六七八九十]{1,4}"
_ADDRESS = re.compile(
    rf"(?:〒? ?[0-9]{{3}}-?[0-9]{{4}} ?)?(?:{_PREFECTURES})[^\s、。,]{{1,12}}?[市区町村郡][^、。,\n0-9]{{0,20}}"
    rf"(?:{_NUMBER}(?:丁目|番地?|-[0-9]{{1,4}}))(?:{_NUMBER}(?:番地?|号)|[-の]?[0-9]{{1,4}}){{0,3}}"
    rf"|[一-鿿ぁ-ゖァ-ヶ]{{1,6}}[市区][^、。,\s0-9]{{1,12}}(?:{_NUMBER}丁目)(?:{_NUMBER}(?:番地?|号)|[-の]?[0-9]{{1,4}}){{1,3}}"
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"\+[1-9](?:[ .-]?\(?[0-9]\)?){7,14}"
    r"|\(0[0-9]{1,4}\) ?[0-9]{1,4}[ -][0-9]{3,4}"
    r"|0[0-9]{1,4}[ -][0-9]{1,4}[ -][0-9]{3,4}|0[0-9]{1,4}\([0-9]{1,4}\) ?[0-9]{3,4}"
    r"|0[5789]0[0-9]{8}|0[1-9][0-9]{8}"
    r"|\([2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}|[2-9][0-9]{2}([.-])[0-9]{3}\1[0-9]{4}"
    r"|0[0-9]{4} [0-9]{6}"
    r")(?!\w|[-.][0-9])",
    re.ASCII,
)
_BUSINESS = re.compile(r"(?:0120|0570|0800|0990|800|888|877|866|\+1800)")
"""Numbers that only businesses have."""


@dataclass(frozen=True)
class Personal:
    """Something personal in a text."""

    kind: Kind
    start: int
    end: int
    masked: str
    """Its first characters, the others hidden."""


def find(text: str) -> list[Personal]:
    """What looks personal in `text`, in the order of the text."""
    # every replacement keeps the length, so that positions are those of the text
    plain = _LONG_VOWEL.sub("-", text.translate(_HYPHENS))
    if "@" not in plain and not _DIGIT.search(plain) and "丁目" not in plain:
        return []
    found: list[Personal] = []
    taken = bytearray(len(plain))
    for kind in KINDS:
        for start, end in _LOOK[kind](plain):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Personal(kind, start, end, _masked(kind, text[start:end])))
    return sorted(found, key=lambda one: one.start)


def _masked(kind: Kind, text: str) -> str:
    shown = {"email": 1, "address": 3}.get(kind, 2)
    return text[:shown] + re.sub(r"\w", "•", text[shown:])


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if not _RESERVED.search(match[0].rpartition("@")[2]):
                yield match.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        bare = match[0].replace(" ", "")
        if 15 <= len(bare) <= 34 and int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1:
            yield match.span()


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        digits = [int(c) for c in match[0] if c.isdigit()]
        doubled = [d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(reversed(digits))]
        if sum(doubled) % 10 == 0 and len(set(digits)) > 1:
            yield match.span()


def _my_numbers(text: str) -> Iterator[tuple[int, int]]:
    """The check digit is that of the ordinance of the Ministry of Internal Affairs no. 85 of 2014, article 5."""
    for match in _MY_NUMBER.finditer(text):
        *digits, check = [int(c) for c in match[0] if c.isdigit()]
        total = sum(d * (n + 1 if n <= 6 else n - 5) for n, d in enumerate(reversed(digits), 1)) % 11
        if check == (0 if total <= 1 else 11 - total) and len(set(digits)) > 1:
            yield match.span()


def _ips(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match[0])
            except ValueError:
                continue
            if address.is_global and not _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
                yield match.span()


def _postal_codes(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _POSTAL.finditer(text))


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in _ADDRESS.finditer(text))


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"[^0-9+]", "", match[0])
        fits = 8 <= len(digits) <= 16 if digits[0] == "+" else len(digits) in (10, 11)
        if fits and not _BUSINESS.match(digits):
            yield match.span()


_LOOK = {
    "email": _emails,
    "iban": _ibans,
    "card": _cards,
    "my_number": _my_numbers,
    "ip": _ips,
    "address": _addresses,
    "postal_code": _postal_codes,
    "phone": _phones,
}
