"""The labels of Word's automatic lists: `1.2`, `(a)`, `第3条`. Contracts are cited by them, and no text holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_IROHA = "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス"
_AIUEO = "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"


@dataclass(frozen=True)
class Level:
    """One level of a list: a number format of OOXML (ECMA-376, 17.18.59), its text (`%1.%2`), where it starts."""

    format: str = "bullet"
    text: str = ""
    start: int = 1


def label(levels: Mapping[int, Level], counters: Sequence[int], depth: int) -> str:
    """What stands before the item: `-` for a bullet, the number as it is shown, or nothing."""
    level = levels.get(depth, Level())
    if level.format == "bullet":
        return "-"
    if level.format == "none":
        return ""

    def shown(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        own = levels.get(at, Level("decimal"))
        return number(counters[at] or own.start, own.format) if at <= depth else ""

    return re.sub(r"%([1-9])", shown, level.text).strip()


def number(value: int, format: str) -> str:
    """A number in a format of OOXML; decimal for those that are rare."""
    if format in ("lowerLetter", "upperLetter") and value > 0:
        letter = chr(ord("a") + (value - 1) % 26) * min(5, (value - 1) // 26 + 1)
        return letter.upper() if format == "upperLetter" else letter
    if format in ("lowerRoman", "upperRoman") and 0 < value < 4000:
        return _roman(value).lower() if format == "lowerRoman" else _roman(value)
    if format in ("japaneseCounting", "ideographDigital", "japaneseDigitalTenThousand", "chineseCounting"):
        return _kanji(value)
    if format in ("decimalFullWidth", "decimalFullWidth2"):
        return "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in str(value))
    if format == "decimalZero":
        return f"{value:02d}"
    if format.startswith("decimalEnclosedCircle") and 0 < value <= 20:
        return chr(0x2460 + value - 1)
    if format.startswith("aiueo"):
        return _AIUEO[(value - 1) % len(_AIUEO)]
    if format.startswith("iroha"):
        return _IROHA[(value - 1) % len(_IROHA)]
    return str(value)


def _roman(value: int) -> str:
    found = ""
    for amount, sign in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    ):
        found += sign * (value // amount)
        value %= amount
    return found


def _kanji(value: int) -> str:
    if not 0 < value < 10_000:
        return str(value)
    found = ""
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // unit % 10
        if digit:
            found += ("" if digit == 1 and unit > 1 else "〇一二三四五六七八九"[digit]) + sign
    return found
