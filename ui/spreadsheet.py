"""Cells of a table that a spreadsheet opens."""

from __future__ import annotations

_FORMULA = "=+-@\t\r＝＋－＠"
"""What a spreadsheet may take for the beginning of a formula, in full width too."""


def harmless(value: object) -> str:
    """The cell as text that is not taken for a formula, which whoever asked or wrote a document may have meant."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \n").startswith(tuple(_FORMULA)) else text
