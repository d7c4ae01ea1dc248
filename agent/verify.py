"""Whether a passage carries a sentence: deterministic checks first, and "unsure" where only a model can tell.

The order follows DESIGN: numbers, names and quoted words must stand in the source; then the sentence's own terms must.
The idea of checking a draft sentence by sentence against what it cites is Self-RAG's (Asai et al. 2023, arXiv
2310.11511, section 3.1, "IsSup"); doing it with rules first costs no model call for most sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent import facts
from agent.lost_letters import LOST
from tools.answers import refuses as refuses
from tools.base import Passage
from tools.library.forms import tells
from tools.library.tokens import terms
from tools.sentences import spans

CARRIED = 0.75
"""From this share of its own terms found in the passage on, a sentence counts as carried."""
TOPICAL = 0.5
"""… if this share of all its terms, those of the question included, stands there too: otherwise the right words may
have been taken from a statement about something else."""
FOREIGN = 0.25
"""Below this share it counts as foreign to the passage, and no model is asked."""
_ECHO = 0.2
"""Up to this share of words that the question does not have, a sentence after "yes" or "no" only repeats it."""
_ECHOED = 0.55
"""… and this share of these words must stand in the source, or the model may not even be asked."""
_WINDOW = 3
"""A statement may rest on up to so many consecutive sentences of a passage."""

_POLAR = re.compile(r"^\W*(?:(?:yes|no)\b|はい|いいえ)[,.、。 ]*", re.IGNORECASE)
_YES = re.compile(r"^\W*(?:yes\b|はい)", re.IGNORECASE)
_NO = re.compile(r"^\W*(?:no\b|いいえ)", re.IGNORECASE)
_DENIAL = re.compile(r"\b(?:not|no|never|cannot|neither|nor|none|nothing)\b|n't\b", re.IGNORECASE)
_DENIAL_JA = re.compile(r"ない|ません|なし|不可|できず|せず|未対応")


_NO_ENTITY = re.compile(r"[ァ-ヴー]+|[A-Z]{2,5}s?")
"""Loan words and abbreviations (HTTP, PDF) say what kind of thing is meant, seldom which one."""


_BOUND = re.compile(r"\b(?:only|except|unless)\b|だけ|のみ|に限|を除", re.IGNORECASE)
"""What a source says only of some cases is neither a plain yes nor a plain no."""


_OPPOSITES = tuple(
    tuple(re.compile(side, re.IGNORECASE) for side in pair)
    for pair in (
        (r"\b(?:latest|newest|most recent(?:ly)?)\b|最新|直近|最近", r"\b(?:first|earliest|oldest)\b|最初|最古|初めて"),
        (
            r"\b(?:largest|biggest|highest|longest|maximum|at most)\b|最大|最高|最長|最多|上限",
            r"\b(?:smallest|lowest|shortest|minimum|at least)\b|最小|最低|最短|最少|下限",
        ),
    )
)
"""Words at the two ends of a scale: what holds at one of them does not at the other."""


@dataclass(frozen=True)
class Finding:
    """What the rules say about one sentence and one passage.

    `share` in [0, 1] is how much of the sentence's own terms the best window of the passage holds; `quote` is that
    window. `reason` names what is wrong: `number:42`, `name:Oslo`, `quote:…`, `polarity`, `meaning`.
    """

    verdict: Literal["carried", "unsure", "foreign"]
    share: float
    quote: str
    reason: str = ""


def denies(text: str) -> bool:
    """Whether a text says that something is not so. Shared words cannot tell a statement from its denial.

    A Japanese sentence denies in its last predicate; an earlier ない (出ないように) denies only its clause.
    """
    return any(
        _DENIAL_JA.search(text[a:b].rstrip("。.！ ")[-10:])
        if facts.is_japanese(text[a:b])
        else _DENIAL.search(facts.plain(text[a:b]))
        for a, b in spans(text)
    )


def contradicts_itself(claim: str, question: str) -> bool:
    """Whether a sentence says no and then affirms what was asked, or yes and then denies it.

    "No, the limit is 5" corrects the question and is fine: only a sentence that adds nothing to the question's words
    is meant. Where the question itself denies ("Can't I …?"), yes and no are read differently, so nothing is said.
    """
    if denies(question) or not _echoes(claim, question):
        return False
    rest = _POLAR.sub("", claim)
    return bool((_NO.match(claim) and not denies(rest)) or (_YES.match(claim) and denies(rest)))


def _turned_over(claim: str, source: str) -> bool:
    """Whether a sentence speaks of one end of a scale where its source speaks of the other, and only of that."""
    for ends in _OPPOSITES:
        for here, there in (ends, ends[::-1]):
            claimed = here.search(claim) and not there.search(claim)
            if claimed and there.search(source) and not here.search(source):
                return True
    return False


def is_polar(claim: str) -> bool:
    """Whether a sentence begins with yes or no."""
    return bool(_POLAR.match(claim))


def _echoes(claim: str, question: str) -> bool:
    """Whether a sentence says yes or no and then hardly more than the question's own words."""
    rest = _POLAR.sub("", claim)
    words = _terms(rest)
    return rest != claim and bool(words) and len(_own_terms(rest, question)) <= _ECHO * len(words)


def examine(sentence: str, passage: Passage, question: str) -> Finding:
    """Check one sentence of a draft against one passage. Words of the question are given, not claimed."""
    claim = facts.uncited(sentence)
    where = f"{passage.title}\n{' '.join(passage.heading)}\n{passage.text}"
    same_language = facts.is_japanese(claim) == facts.is_japanese(passage.text)
    own = _own_terms(_POLAR.sub("", claim), question)
    share, quote = _best_window(own or _terms(claim), passage.text, f"{passage.title} {' '.join(passage.heading)}")

    if not terms(claim) or LOST in claim:
        return Finding("foreign", 0.0, quote, "meaning")  # nothing in it can be checked
    if contradicts_itself(claim, question):
        return Finding("foreign", share, quote, "polarity")
    missing = facts.claimed_numbers(claim) - facts.stated_numbers(where) - facts.stated_numbers(question)
    if missing:
        return Finding("foreign", share, quote, f"number:{sorted(missing)[0]}")
    known = facts.solid(where + question)
    for name in facts.claimed_names(claim):
        if facts.solid(name) not in known and not tells(where, name):
            if re.fullmatch(r"[ァ-ヴー]+", name):
                # a loan word may paraphrase a native one, and names are transliterated between languages
                return Finding("unsure", share, quote, f"name:{name}")
            if same_language:
                return Finding("foreign", share, quote, f"name:{name}")
    for written in facts.code(claim):
        if facts.solid(written) not in known and not same_language:
            return Finding("foreign", share, quote, f"quote:{written}")
    for quoted in facts.quotations(claim):
        if same_language and facts.solid(quoted) not in known and share < CARRIED:
            return Finding("foreign", share, quote, f"quote:{quoted}")
    if not same_language:
        # a yes that adds nothing to the question cannot be held against words of another language
        return Finding("foreign" if _echoes(claim, question) else "unsure", share, quote, "meaning")
    if _echoes(claim, question):
        # the question's words prove nothing: the source must have them, and affirm or deny what the answer does
        core = _core(claim, quote)
        if denies(_POLAR.sub("", claim)) != denies(core) or (_BOUND.search(core) and not _BOUND.search(claim)):
            return Finding("foreign", share, quote, "polarity")
        if share < _ECHOED:
            return Finding("foreign", share, quote, "meaning")
    if _turned_over(claim, f"{_core(claim, quote)}\n{passage.title}"):
        return Finding("foreign", share, quote, "meaning")
    if own and share < FOREIGN:
        return Finding("foreign", share, quote, "meaning")
    if (
        own
        and share >= CARRIED
        and _held(_terms(claim), f"{passage.title} {' '.join(passage.heading)} {quote}") >= TOPICAL
        and not _POLAR.match(claim)
        # a bare "3" or "Nagoya" states and denies nothing
        and (len(terms(claim)) < 3 or denies(claim) == denies(_core(claim, quote)))
    ):
        return Finding("carried", share, quote)
    return Finding("unsure", share, quote, "meaning")


def strongest(
    sentence: str, cites: Sequence[int], passages: Sequence[Passage], question: str
) -> tuple[int, Finding] | None:
    """The number (from 1) of the passage that carries the sentence best, and how; what the draft cites goes first.

    None when there are no passages. A specialist's words are opinion and are never evidence.
    """
    rank = {"carried": 2, "unsure": 1, "foreign": 0}
    found = [
        (n, _about(sentence, passage, passages, examine(sentence, passage, question)))
        for n, passage in enumerate(passages, 1)
        if passage.kind != "specialist"
    ]
    if not found:
        return None
    return max(found, key=lambda row: (rank[row[1].verdict], row[0] in cites, row[1].share))


def _about(sentence: str, passage: Passage, passages: Sequence[Passage], finding: Finding) -> Finding:
    """A name that the question gave is not claimed, but what is said of it must come from a passage that has it.

    Where another passage has it and this one has not, the sentence says of one thing what stands there of another;
    where none has it, no share of words carries the sentence.
    """
    if finding.verdict == "foreign":
        return finding
    for name in facts.claimed_names(facts.uncited(sentence)):
        if _NO_ENTITY.fullmatch(name) or _mentions(passage, name):
            continue
        if any(_mentions(p, name) for p in passages):
            return Finding("foreign", finding.share, finding.quote, f"name:{name}")
        return Finding("unsure", finding.share, finding.quote, f"name:{name}")
    return finding


def _mentions(passage: Passage, name: str) -> bool:
    where = f"{passage.title} {' '.join(passage.heading)} {passage.text}"
    return facts.solid(name) in facts.solid(where) or tells(where, name)


def _core(claim: str, quote: str) -> str:
    """The one sentence of a quotation that shares most with the claim: what its neighbours deny is another matter."""
    wanted = _terms(claim)
    sentences = [quote[a:b] for a, b in spans(quote)]
    return max(sentences, key=lambda s: len(wanted & _terms(s)), default=quote)


def _terms(text: str) -> set[str]:
    return set(terms(facts.digits(text)))


def _held(wanted: set[str], text: str) -> float:
    return len(wanted & _terms(text)) / len(wanted)


def _own_terms(claim: str, question: str) -> set[str]:
    return _terms(_DENIAL.sub(" ", claim)) - _terms(question)


def _best_window(wanted: set[str], text: str, above: str) -> tuple[float, str]:
    """The fewest consecutive sentences of `text` (at most three) that hold most of `wanted`, and their share.

    Terms of the title and headings count for every window.
    """
    bounds = list(spans(text))
    if not bounds or not wanted:
        return 0.0, text[:200]
    held = _terms(above) & wanted
    by_sentence = [_terms(text[a:b]) & wanted for a, b in bounds]
    best = (0.0, 0.0, bounds[0])
    for size in range(1, _WINDOW + 1):
        for first in range(len(bounds) - size + 1):
            hit = len(set().union(held, *by_sentence[first : first + size])) / len(wanted)
            inside = len(set().union(*by_sentence[first : first + size])) / len(wanted)
            # a longer window must earn its length
            if (hit + inside - 0.05 * size) > best[1]:
                best = (hit, hit + inside - 0.05 * size, (bounds[first][0], bounds[first + size - 1][1]))
    start, end = best[2]
    return best[0], text[start:end]
