"""A specialist's words as they are shown: named as its own, and data as data."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.state import Answer
    from ui.strings import Strings

_LABEL = re.compile(r"[A-Za-z0-9]+(?:[_.:/-]+[A-Za-z0-9]+)+")
"""`card_payment_not_recognised`: no word of any language."""


def authorship(answer: Answer, words: Strings) -> str:
    """Whose words an answer is, and whether anybody has checked them; "" for Kotae's own."""
    if not answer.specialist or answer.refused:
        return ""
    return words("specialist.read" if answer.sources else "specialist.said", name=answer.specialist)


def badge_html(answer: Answer, words: Strings) -> str:
    """`authorship` above the answer. The result still has to pass `clean`."""
    said = authorship(answer, words)
    return f'<p class="kotae-badge">{escape(said)}</p>' if said else ""


def data_html(text: str) -> str:
    """Text that is data as code; "" for any other. The result still has to pass `clean`."""
    shown = data(text)
    return f"<pre><code>{escape(shown)}</code></pre>" if shown else ""


def data(text: str) -> str:
    """JSON laid out, a label as it is; "" for what is neither."""
    line = text.strip()
    if _LABEL.fullmatch(line):
        return line
    if line[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(line), ensure_ascii=False, indent=2)
        except (ValueError, RecursionError):
            return ""
    return ""
