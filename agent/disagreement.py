"""Sources that contradict each other: the same statement with another number, name, yes or no.

Nothing decides between two documents that their owner both put in. The reader is shown what each says.
"""

from __future__ import annotations

import re

from agent import facts
from agent.reading import text_of
from agent.state import Evidence, Turn
from agent.verify import denies
from tools.library.tokens import terms

_LOOKED_AT = 6
"""How many of the nearest sentences are compared: both sides of a contradiction are near to the question."""
_NEAR = 0.06
"""How much less of the question's tokens the second one may hold."""
_SAME = 0.75
"""Share of all their words, but for the numbers and names, that two sentences must have in common."""
_FEWEST = 3
"""Words in common below which two sentences say too little to contradict each other."""
_WHEN = re.compile(r"(?:1[89]|20)\d\d|\d年")


def disagreeing(turn: Turn) -> tuple[Evidence, Evidence] | None:
    """The nearest sentence and one of another document that answers the question differently; None if there is none."""
    if not turn.evidence:
        return None
    first = turn.evidence[0]
    for second in turn.evidence[1:_LOOKED_AT]:
        one, other = (turn.passages[e.passage - 1] for e in (first, second))
        elsewhere = (one.document or one.url) != (other.document or other.url)
        if elsewhere and second.tokens >= first.tokens - _NEAR:
            said = text_of(first, turn.passages), text_of(second, turn.passages)
            if contradicts(*said, turn.standalone):
                return first, second
    return None


def contradicts(one: str, other: str, question: str) -> bool:
    """Whether two sentences say the same of something but for a number, a name, or a denial.

    Sentences about different times differ without contradicting each other, and so do sentences whose differing name is
    what was asked about.
    """
    if facts.is_japanese(one) != facts.is_japanese(other):
        return False
    numbers = [facts.claimed_numbers(text) - facts.claimed_numbers(question) for text in (one, other)]
    names = [{facts.solid(name) for name in facts.claimed_names(text)} for text in (one, other)]
    frames = [
        {t for t in terms(facts.digits(text)) if not t.isdecimal() and t not in names[i]}
        for i, text in enumerate((one, other))
    ]
    common = frames[0] & frames[1]
    if len(common) < _FEWEST or len(common) < _SAME * len(frames[0] | frames[1]):
        return False
    if denies(one) != denies(other):
        return numbers[0] == numbers[1] and names[0] == names[1]
    if names[0] != names[1]:
        asked = facts.solid(question)
        swapped = bool(names[0] - names[1]) and bool(names[1] - names[0])
        return swapped and numbers[0] == numbers[1] and not any(name in asked for name in names[0] ^ names[1])
    timed = any(_WHEN.search(text) for text in (one, other))
    return bool(numbers[0] - numbers[1]) and bool(numbers[1] - numbers[0]) and not timed
