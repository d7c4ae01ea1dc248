"""Passages as the model reads them: numbered, titled, and cut to the sentences that are nearest to the question; and
the one prompt in which it reads them, which judge, answer and reflect share to the last token before their task.

Worked examples stand before them: small models follow what they see done better than what they are told (Brown et al.
2020, arXiv 2005.14165, section 3). They are the same for all questions, so that only the first one pays for them.

A small model reads a few sentences better than a few pages, and twice as fast. What is cut only leaves the prompt:
checks and readers see it all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent.prompts import examples, fill
from agent.state import Evidence, Language, Turn
from tools.base import Passage
from tools.library.evidence import Nearness
from tools.sentences import spans

_CJK_FACTOR = 0.45
"""Japanese says the same in fewer characters, and each costs more tokens."""
_AT_LEAST = 3
"""So many of the nearest sentences are read however long they are; one of them holds the answer, mostly."""
LONGER = 2
"""So many times as much is read, and may be written, where a longer answer is asked for."""
_ELLIPSIS = " … "
_CLOSES = " 」』\"'”)）*_"
_HEADING = re.compile(r"#{1,6} |\W*(?:\n|$)")
_ITEM = re.compile(r"^\s*(?:#{1,6} |[-*+>] |・ ?|\d{1,3}[.)] )+")


def over_sources(turn: Turn, task: str, read: int) -> list[BaseMessage]:
    """The messages that put `task` to the model over the turn's passages and question; see `Limits.read`."""
    sources = numbered(turn.passages, turn.evidence, read * LONGER if turn.length == "long" else read)
    question = fill(turn.language, "question", sources=sources, question=turn.standalone)
    return [*preamble(turn.language), HumanMessage(f"{question}\n\n{task}")]


def unshown(prompt: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A prompt over sources without the worked examples, for a model that has learned what they show."""
    return [*prompt[:1], *prompt[1:][-1:]]


def preamble(language: Language) -> list[BaseMessage]:
    """What every prompt over sources begins with: who speaks, and the worked examples."""
    messages: list[BaseMessage] = [SystemMessage(fill(language, "system"))]
    for example in examples(language):
        asked = fill(language, "question", sources=example.sources.strip(), question=example.question)
        messages += [HumanMessage(f"{asked}\n\n{fill(language, 'answer')}"), AIMessage(example.answer)]
    return messages


def weighed(
    question: str,
    passages: Sequence[Passage],
    nearness: Callable[[str, Sequence[tuple[str, str]]], list[Nearness]],
) -> tuple[tuple[Passage, ...], tuple[Evidence, ...]]:
    """The passages, that with the nearest sentence first, and their sentences, the nearest first."""
    everything = [(n, start, end) for n, passage in enumerate(passages) for start, end in spans(passage.text)]
    asks = [text.rstrip(_CLOSES).endswith(("?", "？")) for text in (passages[n].text[a:b] for n, a, b in everything)]
    # a heading says what is spoken of and nothing of it, and stands above its sentences anyway; so does a question
    places = [
        at for at, q in zip(everything, asks, strict=True) if not q and not _HEADING.match(passages[at[0]].text, at[1])
    ] or everything
    above = [" › ".join(dict.fromkeys((p.title, *p.heading))) for p in passages]
    replies = {
        reply: passages[reply[0]].text[one[1] : one[2]]
        for one, reply, q in zip(everything, everything[1:], asks, strict=False)
        if q and one[0] == reply[0]
    }
    near = nearness(
        question,
        [
            (f"{above[at[0]]} › {replies.get(at, '')}".rstrip(" ›"), passages[at[0]].text[at[1] : at[2]])
            for at in places
        ],
    )
    ordered = sorted(zip(places, near, strict=True), key=lambda row: -row[1].score)
    numbers = {
        n: i for i, n in enumerate(dict.fromkeys([*(place[0] for place, _ in ordered), *range(len(passages))]), 1)
    }
    evidence = [
        Evidence(numbers[n], start, end, found.score, found.cosine, found.tokens, found.words)
        for (n, start, end), found in ordered
    ]
    return tuple(passages[n] for n in numbers), tuple(evidence)


def numbered(passages: Sequence[Passage], evidence: Sequence[Evidence] = (), read: int = 0) -> str:
    """The passages as the `sources` of a prompt, `[1] Title › Heading` above each text.

    With `evidence` and `read` only its nearest sentences, in the order in which they stand, and no passage that has
    none of them. The result depends on nothing but its arguments, so that every call of a turn begins with the same
    tokens and the prompt cache serves them.
    """
    chosen = _chosen(passages, evidence, read) if read and evidence else None
    blocks = []
    for n, passage in enumerate(passages, 1):
        text = passage.text if chosen is None else _joined(passage.text, sorted(chosen.get(n, ())))
        if text:
            place = " › ".join((passage.title, *(h for h in passage.heading if h != passage.title)))
            when = f" ({passage.published})" if passage.published else ""
            blocks.append(f"[{n}] {place}{when}\n{text}")
    return "\n\n".join(blocks)


def text_of(evidence: Evidence, passages: Sequence[Passage]) -> str:
    """The sentence itself."""
    return unlisted(passages[evidence.passage - 1].text[evidence.start : evidence.end])


def unlisted(text: str) -> str:
    """Without the mark of a list item, a heading or a quotation at its beginning: alone it is none."""
    return _ITEM.sub("", text)


def _chosen(passages: Sequence[Passage], evidence: Sequence[Evidence], read: int) -> dict[int, list[tuple[int, int]]]:
    chosen: dict[int, list[tuple[int, int]]] = {}
    used = 0.0
    for rank, found in enumerate(evidence):
        factor = _CJK_FACTOR if _mostly_cjk(passages[found.passage - 1].text) else 1.0
        length = (found.end - found.start) / factor
        if used + length <= read or rank < _AT_LEAST:
            chosen.setdefault(found.passage, []).append((found.start, min(found.end, found.start + int(read * factor))))
            used += length
    return chosen


def _joined(text: str, places: Sequence[tuple[int, int]]) -> str:
    parts: list[str] = []
    last = 0
    for start, end in places:
        if parts:
            gap = text[last:start]
            parts.append(_ELLIPSIS if gap.strip() else gap)
        parts.append(text[start:end])
        last = end
    return "".join(parts)


def _mostly_cjk(text: str) -> bool:
    return sum(c >= "\u3040" for c in text) * 2 > len(text)
