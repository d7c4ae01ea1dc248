"""The sentence nearest to the question, beside what a model made of the passages.

A small model and the search go wrong at different questions. Of 96 answerable reading questions that `judge` let pass
(49 Japanese, 47 English), drafts of the 1.5B answered 68, the nearest sentence 80, and one of the two 92. So where they
differ by much, both are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import SequenceMatcher

from agent import facts, tables
from agent.reading import text_of
from agent.state import NO_CLAIM, Evidence, Language, Support, Turn
from agent.verify import is_polar
from agent.wishes import gap
from tools.library.tokens import terms

QUOTED = 0.75
"""From this confidence of `judge` on, the passages may speak for themselves."""
AHEAD: Mapping[Language, float] = {"en": 3.0, "ja": 1.5}
"""So many standard deviations nearer to the question than what a draft rests on, a sentence is shown with it. Of such
drafts 5 in 6 were wrong in Japanese, where small models mostly quote; in English, 3 in 6."""
SENTENCES = 3
"""Sentences among which the answer is, mostly: see `tools.library.evidence`."""
_COPIED = 0.7
"""Share of a claim that stands in one piece in a sentence that it was copied from."""
_LOST = 2
"""Words that it must have lost: one may be the pronoun in place of which it has the name."""
_LONG = 25
"""Characters of a claim of which it can be told."""


def with_nearest(turn: Turn) -> Turn:
    """The same, with the nearest sentence before the one sentence of the draft, where that rests on another which is
    much farther from the question."""
    if turn.verdict is None or turn.verdict.confidence < QUOTED or turn.length == "line" or turn.form != "prose":
        return turn
    if turn.decision is None or turn.decision.route == "web" or "sources_differ" in turn.notices or not turn.evidence:
        return turn
    claims = [s for s in turn.supports if s.reason not in NO_CLAIM]
    if len(claims) != 1 or not claims[0].supported or is_polar(facts.uncited(claims[0].sentence)):
        return turn
    nearest, ground = turn.evidence[0], _ground(claims[0], turn)
    said = text_of(nearest, turn.passages)
    if (
        ground is None
        or nearest.score - ground.score < AHEAD[turn.language]
        or facts.is_japanese(said) != (turn.language == "ja")
    ):
        return turn
    first = Support(f"{said} [{nearest.passage}]", (nearest.passage,), True, "similarity", quote=said)
    draft = f"{first.sentence}{gap(turn)}{turn.draft}"
    if len(list(tables.statements(draft))) != len(turn.supports) + 1:
        return turn  # a row, or what a list item ran into
    return replace(turn, draft=draft, supports=(first, *turn.supports))


def _ground(support: Support, turn: Turn) -> Evidence | None:
    """The nearest of the sentences that carry a supported one; None where that cannot be told."""
    quote = facts.solid(support.quote)
    own = [(e, facts.solid(text_of(e, turn.passages))) for e in turn.evidence if e.passage in support.cites]
    return next((e for e, text in own if quote and text and (text in quote or quote in text)), None)


def whole_of(claim: str, turn: Turn) -> Evidence | None:
    """The sentence of which a claim is a copy that lost its beginning, and with it what the answer may be."""
    said = facts.plain(claim).strip(" 。.")
    if len(said) < _LONG:
        return None
    known = set(terms(said))
    for evidence in turn.evidence[:SENTENCES]:
        sentence = facts.plain(text_of(evidence, turn.passages))
        same = SequenceMatcher(None, said, sentence, autojunk=False).find_longest_match()
        before = list(terms(sentence[: same.b]))
        if same.size >= _COPIED * len(said) and known.isdisjoint(before[:1]) and len(set(before) - known) >= _LOST:
            return evidence
    return None
