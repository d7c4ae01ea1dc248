"""When an answer counts as right."""

from __future__ import annotations

from collections.abc import Sequence

from agent import facts
from tools.library.words import search_terms

_SHARE = 0.8
"""Of a short answer of several words so many of its terms suffice: word order and particles may differ."""
_SEVERAL = 3
_PRECISION, _RECALL, _OVERLAP = 0.5, 0.4, 3


def holds(text: str, answers: Sequence[str]) -> bool:
    """Whether a text says one of the short `answers`, whatever the width, case and script of the digits."""
    said, words = _solid(text), _words(text)
    for answer in answers:
        wanted = _words(answer)
        if _solid(answer) and _solid(answer) in said:
            return True
        if len(wanted) >= _SEVERAL and len(wanted & words) >= _SHARE * len(wanted):
            return True
    return False


def agrees(text: str, reference: str, question: str) -> bool:
    """Whether a text says what a person's long answer says, the question's own words not counted.

    At least half of its terms stand in the reference, and either three of them or two fifths of the reference's do: a
    short answer need not say all that a long one says, but may say little else.
    """
    given = _words(question)
    own, wanted = _words(text) - given, _words(reference) - given
    if not own or not wanted:
        return bool(_words(text) & _words(reference))
    shared = len(own & wanted)
    return shared >= _PRECISION * len(own) and (shared >= _OVERLAP or shared >= _RECALL * len(wanted))


def _words(text: str) -> set[str]:
    """Stems and normalised forms: "observed" says what "observation" asks for."""
    return set(search_terms(facts.digits(text)))


def _solid(text: str) -> str:
    return facts.solid(facts.digits(text))
