"""Sentences in documents that talk to whoever reads them by machine. The model does not get to read these.

What a document says can never change route, tool or recipient: those are fixed before it is read. What it says can
still talk a small model into writing something else than an answer, so sentences that are plainly orders to a model are
left out of what it reads and of what may carry an answer. A person who opens the source sees them. The rules stand in
`prompts/<language>/orders.yaml`: they look for the form of an order (who is addressed, what is to be set aside, what
the reply should hold), since words such as "ignore" stand in many harmless texts (Li and Liu 2024, "InjecGuard", arXiv
2410.22770, section 3).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import yaml

from agent.prompts import FOLDER, LANGUAGES
from tools.base import Passage
from tools.sentences import spans

_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
"""Characters that no reader sees: soft hyphens, zero width, tags."""
_FOLLOWING = 200
"""Characters: what stands behind an order in the same paragraph is what it orders."""


@cache
def _rules() -> tuple[re.Pattern[str], ...]:
    """Those of all languages: a document may be in one and its order in another."""
    found = []
    for language in LANGUAGES:
        told = yaml.safe_load((FOLDER / language / "orders.yaml").read_text("utf-8"))
        fragments = {name: "".join(parts) for name, parts in told["fragments"].items()}
        for rule in told["rules"]:
            whole = re.sub("<<([a-z_]+)>>", lambda m: fragments[m.group(1)], "".join(rule["pattern"]))  # noqa: B023
            found.append(re.compile(whole, re.IGNORECASE))
    return tuple(found)


def steers(text: str) -> bool:
    """Whether a text, or a part of it, gives orders to a model that reads it."""
    return any(rule.search(text) for rule in _rules())


def disarm(passage: Passage) -> Passage:
    """The passage without the paragraphs, headings and title that give orders to a model; unchanged if it gives none.

    A paragraph goes as a whole up to the order's end, since an order is seldom one sentence: what it wants said stands
    behind it. Sentences before it stay.
    """
    passage = _named(passage)
    seen = _UNSEEN.sub("", passage.text)  # between the letters of an order they would hide it
    if not steers(seen):
        return passage
    kept: list[str] = []
    for paragraph in re.split(r"(\n+)", seen):
        kept.append(_before_an_order(paragraph) if steers(paragraph) else paragraph)
    text = "".join(kept).strip()
    if steers(text):  # an order over several lines
        text = _before_an_order(text)
    return replace(passage, text=text)


def _named(passage: Passage) -> Passage:
    """Titles and headings stand above the text in a prompt. A title that gives orders gives way to the file's name."""
    ordered = [line for line in (passage.title, *passage.heading) if steers(line)]
    if not ordered:
        return passage
    name = passage.url.rstrip("/").rpartition("/")[2].partition("?")[0]
    title = passage.title if passage.title not in ordered else "" if steers(name) else name
    return replace(passage, title=title, heading=tuple(line for line in passage.heading if line not in ordered))


def _before_an_order(text: str) -> str:
    begins = min((found.start() for rule in _rules() for found in [rule.search(text)] if found), default=len(text))
    last = 0
    for _, end in spans(text):
        if end <= begins + 1:  # an order may begin with the full stop before it
            last = end
    rest = text[last:]
    order = max((found.end() for rule in _rules() for found in rule.finditer(rest)), default=0)
    # the sentence in which the order ends, and the one behind it
    ends = [end for _, end in spans(rest) if end >= order]
    after = rest[ends[1] if len(ends) > 1 else len(rest) :] if ends and ends[0] < _FOLLOWING + order else ""
    return f"{text[:last].rstrip()} {after.lstrip()}".strip()
