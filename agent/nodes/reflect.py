"""reflect: hold each sentence of the draft against what it cites. The rules decide most; the model the rest.

The rules look at a sentence as soon as it has been written (`by_rules`, which `answer` calls while it streams); the
model is asked afterwards, since it is busy writing.

Self-RAG also asks whether what is supported is useful ("IsUse", Asai et al. 2023, arXiv 2310.11511, section 3.1). Put
to the 1.5B, that question told right answers from wrong ones no better than `judge` had before the draft; so it is not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from langgraph.runtime import Runtime

from agent import facts, tables
from agent.asked import echoes, holds_what_is_asked
from agent.context import Context, Limits
from agent.models.chat import Meter
from agent.nearest import QUOTED, SENTENCES, whole_of, with_nearest
from agent.nodes.judge import coverage
from agent.prompts import fill
from agent.reading import over_sources, text_of
from agent.state import NO_CLAIM, Evidence, State, Support, Turn
from agent.verify import Finding, is_polar, refuses, strongest
from tools.library.tokens import terms
from tools.sentences import split
from tools.web.ranking import site

OFF_TOPIC = 0.3
"""A passage that holds less than this share of what the best one holds of the question is about something else."""
_HEADING_LINE = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
CERTAIN = 0.95
"""From this confidence of `judge` on, the nearest sentence holds the answer of 19 in 20 reading questions."""
STATED = 0.85
"""From this confidence of `judge` on, a draft is not believed that the sources do not say it: they do in 97 of 103
reading questions."""
LONE = 0.86
"""From this confidence of `judge` on, one site of the web may speak for itself."""
BELIEVED = 0.5
"""From this probability of "yes" on, the model's word carries a sentence that the rules are unsure of."""
_SENTENCE = 10
"""Characters of a sentence that stands in a source by more than chance."""
_WHOLE = 300
"""Characters up to which a sentence is shown whole where the draft has a piece of it."""
_SHARED_WORDS = 0.3
"""How far the share of the sentence's own words that stand in the passage moves the model's word."""


async def reflect(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    turn, context = state["turn"], runtime.context
    meter = Meter()
    seen = {support.sentence: support for support in turn.supports}
    supports: list[Support] = []
    for sentence in (turn.draft[start:end] for start, end in tables.statements(turn.draft)):
        known = seen.pop(sentence, None) or tables.support(sentence, turn)
        found = known or by_rules(sentence, [s.sentence for s in supports], turn)
        supports.append(found if isinstance(found, Support) else await _by_model(found, turn, context, meter))
    supports = _heard_of(_to_the_point(supports, turn), turn)
    turn = replace(turn, supports=tuple(supports), usage=turn.usage + meter.usage)
    return {"turn": with_nearest(turn)}


def _to_the_point(supports: Sequence[Support], turn: Turn) -> list[Support]:
    """The same, but that nothing counts as supported where a number, or a time of day, was asked for and none of the
    supported sentences has one: true as they are, they do not answer."""
    told = "\n".join(s.sentence for s in supports if s.supported)
    if not told or holds_what_is_asked(told, turn.standalone):
        return list(supports)
    return [replace(s, supported=False, reason="kind") if s.supported else s for s in supports]


def _heard_of(supports: Sequence[Support], turn: Turn) -> list[Support]:
    """The same, but that what one site alone says does not count where `judge` was not sure. On stored results of
    questions about the news, half of such answers were wrong, and none of those that three of five results gave."""
    web = turn.decision is not None and turn.decision.route == "web"
    if (
        not web
        or turn.verdict is None
        or turn.verdict.confidence >= LONE
        or len({site(p.url) for p in (*turn.passages, *turn.beside)}) < 2
    ):
        return list(supports)
    return [replace(s, supported=False, reason="alone") if s.supported and _alone(s, turn) else s for s in supports]


def _alone(support: Support, turn: Turn) -> bool:
    """Whether no other site has the names and numbers that a sentence adds to the question."""
    claim, asked = facts.uncited(support.sentence), facts.solid(turn.standalone)
    names = [name for name in map(facts.solid, facts.claimed_names(claim)) if name not in asked]
    numbers = facts.claimed_numbers(claim) - facts.stated_numbers(turn.standalone)
    own = {site(turn.passages[n - 1].url) for n in support.cites}
    others = [f"{p.title}\n{p.text}" for p in (*turn.passages, *turn.beside) if site(p.url) not in own]
    heard = (all(n in facts.solid(text) for n in names) and numbers <= facts.stated_numbers(text) for text in others)
    return bool(names or numbers) and not any(heard)


def after_reflect(turn: Turn, limits: Limits) -> Literal["answer", "finish", "abstain"]:
    """Revise once what is not supported, then go with what is. With nothing left, quote the passage that comes nearest
    (the draft after the last one that `Limits` allow), then say so."""
    claims = [s for s in turn.supports if s.reason not in NO_CLAIM]
    carried = any(s.supported for s in claims)
    again = time.time() - turn.started < limits.seconds
    if again and turn.drafts <= limits.drafts and not carried and certain(turn):
        return "answer"
    if again and turn.drafts < limits.drafts and any(not s.supported for s in claims):
        return "answer"
    if again and turn.drafts == limits.drafts and claims and not carried and _quotable(turn):
        return "answer"
    return "finish" if carried else "abstain"


def certain(turn: Turn) -> bool:
    """Whether the nearest sentence may be quoted at once where a draft says nothing that holds, or that the sources do
    not say it: small models turn down what stands before their eyes."""
    turned_down = any(s.reason == "refusal" for s in turn.supports) and all(s.reason in NO_CLAIM for s in turn.supports)
    least = STATED if turned_down else CERTAIN
    return turn.verdict is not None and turn.verdict.sufficient and turn.verdict.confidence >= least


def _quotable(turn: Turn) -> bool:
    """Whether the passages can answer for themselves: `judge` was sure, or only the draft's yes or no was wrong."""
    if turn.verdict is None or not turn.verdict.sufficient:
        return False
    return turn.verdict.confidence >= QUOTED or any(s.reason == "polarity" for s in turn.supports)


@dataclass(frozen=True)
class Unsure:
    """A sentence that the rules leave to the model, with the passage that speaks most for it."""

    sentence: str
    passage: int
    finding: Finding


def by_rules(sentence: str, before: Sequence[str], turn: Turn, *, more: bool = False) -> Support | Unsure:
    """What the rules say of a sentence of a draft, behind the sentences `before`; `more`: others will follow it."""
    cites = tuple(n for n in facts.citations(sentence) if 0 < n <= len(turn.passages))
    claim = facts.uncited(sentence)
    if reason := _no_claim(claim, before, turn, more=more or len(split(turn.draft)) > 1):
        return Support(sentence, (), False, "checks", reason)
    if echoes(claim, turn.standalone) and not is_polar(claim):
        return Support(sentence, (), False, "checks", "echo")
    if (copied := _copied(claim, turn)) is not None:
        quote = text_of(copied, turn.passages)
        # a piece that a small model cuts out is seldom the right one, and the sentence around it says what is meant
        shown = quote if _is_piece(claim, quote) else sentence
        if shown in before:
            return Support(sentence, (), False, "checks", "repeat")
        return Support(shown, (copied.passage,), True, "similarity", quote=quote)
    if (source := whole_of(claim, turn)) is not None:
        quote = text_of(source, turn.passages)
        return Support(f"{quote} [{source.passage}]", (source.passage,), True, "similarity", quote=quote)
    found = strongest(sentence, cites, turn.passages, turn.standalone)
    if found is None:
        return Support(sentence, (), False, "uncited", "meaning")
    n, finding = found
    if _off_topic(n, turn):
        return Support(sentence, (n,), False, "checks", "off_topic")
    if finding.verdict == "carried":
        return Support(sentence, (n,), True, "similarity", quote=finding.quote)
    if finding.verdict == "foreign":
        return Support(sentence, (n,), False, "checks", finding.reason, finding.quote)
    return Unsure(sentence, n, finding)


async def _by_model(unsure: Unsure, turn: Turn, context: Context, meter: Meter) -> Support:
    sentence, n, finding = unsure.sentence, unsure.passage, unsure.finding
    task = fill(turn.language, "verify", sentence=facts.uncited(sentence))
    yes = await context.model.yes(over_sources(turn, task, context.limits.read), meter=meter)
    if yes + _SHARED_WORDS * (finding.share - 0.5) >= BELIEVED:
        return Support(sentence, (n,), True, "model", quote=finding.quote)
    return Support(sentence, (n,), False, "model", finding.reason)


def _copied(claim: str, turn: Turn) -> Evidence | None:
    """The sentence that a claim is copied from, word for word, if it is among those nearest to the question.

    A short answer ("Nagoya", "in 1932") has too few words to be weighed in any other way.
    """
    words = facts.plain(claim).strip(" 。.「」\"'")
    if not set(terms(words)) - set(terms(turn.standalone)) or is_polar(claim):
        return None  # the question's own words answer nothing
    # no part of a word: "yes" does not stand in "Reyes"
    whole = re.compile(rf"(?<![a-z0-9]){re.escape(words)}(?![a-z0-9])")
    near = turn.evidence[:SENTENCES]
    return next((e for e in near if whole.search(facts.plain(text_of(e, turn.passages)))), None)


def _is_piece(claim: str, sentence: str) -> bool:
    """Whether a claim is a piece of a sentence that is better shown whole: what lost its beginning and runs to the end
    ("once, with water" of "once a week, with water") always, any other if the sentence is not endless. What a sentence
    begins with says by itself what it is about."""
    part, whole = (facts.plain(text).strip(" 。.") for text in (claim, sentence))
    lost = whole.endswith(part) and len(set(terms(part))) > 1
    return not whole.startswith(part) and (lost or len(sentence) <= _WHOLE)


def _no_claim(claim: str, before: Sequence[str], turn: Turn, *, more: bool) -> str:
    """Which of `NO_CLAIM` the sentence is, or nothing. `more`: it is not all there is."""
    if refuses(claim) and not _stands(claim, turn):
        return "refusal"
    if more and _is_heading(claim, turn):
        return "heading"  # alone it is an answer: a name may be the title of its page
    if not re.search(r"\w", claim):
        return "empty"
    said = {facts.solid(facts.uncited(sentence)).strip("。.") for sentence in before}
    return "repeat" if facts.solid(claim).strip("。.") in said else ""


def _stands(claim: str, turn: Turn) -> bool:
    """Whether a sentence stands in a source, word for word: one may speak of what a document does not say."""
    words = facts.solid(claim).strip("。.")
    return len(words) >= _SENTENCE and any(
        words in facts.solid(p.text) for p in turn.passages if p.kind != "specialist"
    )


def _off_topic(n: int, turn: Turn) -> bool:
    """Whether passage `n` shares next to nothing with the question while another passage shares a lot."""
    shares = [coverage(turn.standalone, [p])[0] for p in turn.passages]
    here = shares[n - 1]
    if turn.evidence and turn.evidence[0].passage == n:
        return False
    return here is not None and here < OFF_TOPIC * max(s or 0.0 for s in shares)


def _is_heading(claim: str, turn: Turn) -> bool:
    """Whether the sentence only repeats the question, or a title or heading of the passages, as small models do."""
    line = facts.solid(claim.strip("#*:. ：。"))
    headings = [h for p in turn.passages for h in (p.title, *p.heading, *_HEADING_LINE.findall(p.text))]
    asked = facts.solid(turn.standalone)
    return line in {facts.solid(h) for h in headings} or (line.endswith(asked) and len(line) < len(asked) + 12)
