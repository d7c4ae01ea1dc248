"""The day on which a page of the web says that it was published or changed.

A wrong date is worse than none: only what is marked as a date, by the page's code or by a word before it, is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

_NUMERIC = re.compile(r"(?<!\d)((?:19|20)\d\d)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})(?!\d)")
_REIWA = re.compile(r"令和\s*(\d{1,2}|元)\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAY_MONTH = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th)?\.?\s+([A-Z][a-z]{2})[a-z]*\.?,?\s+((?:19|20)\d\d)(?!\d)")
_MONTH_DAY = re.compile(r"\b([A-Z][a-z]{2})[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+((?:19|20)\d\d)(?!\d)")
_NAMED = re.compile(r"date|modif|issued|publish|created|updated", re.IGNORECASE)
_CLASS = re.compile(r"(?:^|[\s_-])(?:date|posted|published|pubdate|updated|dateline|timestamp)(?:$|[\s_-])", re.I)
_LINKED = re.compile(r'"date(Published|Modified|Created)"\s*:\s*"([^"]{8,40})"')
_LABEL = re.compile(
    r"(?:更新日時?|公開日時?|掲載日時?|投稿日時?|発表日|最終更新日?|"
    r"\b(?:last (?:updated|modified|changed|reviewed)|published|posted|updated)(?: on)?)\s*[:：]?\s*(.{6,40})",
    re.IGNORECASE,
)


def published(tree: Any, text: str, found: str) -> str:
    """The page's date, as 2025-03-14; empty when it does not say. `found` is what its code says by common conventions.

    Else what less common marks say: a `<meta>` that is named so, an element of that class, a line that begins with a
    label. A day that has not come yet is none.
    """
    for stated in (found, *_marked(tree), *(label[1] for label in _LABEL.finditer(text))):
        if day := _day(stated):
            return day
    return ""


def _marked(tree: Any) -> Iterator[str]:
    for script in tree.css("script[type='application/ld+json']"):
        # read as text: half of these are not quite JSON
        for _, stated in sorted(_LINKED.findall(script.text()), key=lambda pair: pair[0] != "Published"):
            yield stated
    for meta in tree.css("meta[content]"):
        names = meta.attributes
        if _NAMED.search(names.get("name") or names.get("property") or names.get("itemprop") or ""):
            yield names["content"] or ""
    for marked in tree.css("[class]"):
        # a list of articles has many of these, and none is the page's
        if _CLASS.search(marked.attributes["class"] or "") and len(stated := marked.text()) < 80:
            yield stated


def _day(stated: str) -> str:
    """The first day in a text that can be read in one way only; empty when there is none, or when it is to come."""
    if numeric := _NUMERIC.search(stated):
        year, month, day = (int(part) for part in numeric.groups())
    elif reiwa := _REIWA.search(stated):
        year, month, day = 2018 + int(reiwa[1].replace("元", "1")), int(reiwa[2]), int(reiwa[3])
    elif named := _DAY_MONTH.search(stated):
        year, month, day = int(named[3]), _month(named[2]), int(named[1])
    elif named := _MONTH_DAY.search(stated):
        year, month, day = int(named[3]), _month(named[1]), int(named[2])
    else:
        return ""
    try:
        found = date(year, month, day)
    except ValueError:
        return ""
    return found.isoformat() if found <= date.today() else ""


def _month(name: str) -> int:
    """1 to 12, or 0, which is no month."""
    name = name.lower()
    return _MONTHS.index(name) + 1 if name in _MONTHS else 0
