"""Passages as the model reads them: numbered, titled, and cut to what the question needs; and the one prompt in which
it reads them, which judge, answer and reflect share to the last token before their task.

Worked examples stand before them: small models follow what they see done better than what they are told (Brown et al.
2020, arXiv 2005.14165, section 3). They are the same for all questions, so that only the first one pays for them.

Prompt tokens are the cost of a local model (65 to 85 a second on two cores), so a long passage is cut to the sentences
around those that share most with the question. What is cut only leaves the prompt: checks and readers see it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent.prompts import examples, fill
from agent.state import Language, Turn
from tools.base import Passage
from tools.library.tokens import terms
from tools.sentences import spans

BUDGET = 1500
"""Characters of Latin text for all passages together; Japanese says the same in fewer and costs more tokens each."""
_CJK_FACTOR = 0.45
_ELLIPSIS = " … "


def over_sources(turn: Turn, task: str) -> list[BaseMessage]:
    """The messages that put `task` to the model over the turn's passages and question."""
    sources = numbered(turn.passages, turn.standalone)
    question = fill(turn.language, "question", sources=sources, question=turn.standalone)
    return [*preamble(turn.language), HumanMessage(f"{question}\n\n{task}")]


def preamble(language: Language) -> list[BaseMessage]:
    """What every prompt over sources begins with: who speaks, and the worked examples."""
    messages: list[BaseMessage] = [SystemMessage(fill(language, "system"))]
    for example in examples(language):
        asked = fill(language, "question", sources=example.sources.strip(), question=example.question)
        messages += [HumanMessage(f"{asked}\n\n{fill(language, 'answer')}"), AIMessage(example.answer)]
    return messages


def shares(passages: Sequence[Passage], budget: int = BUDGET) -> list[int]:
    """Characters that the model reads of each passage: most of the best one, fewer in Japanese."""
    weights = [1.0 / (1 + 0.35 * i) for i in range(len(passages))]
    return [
        int(budget * weight / sum(weights) * (_CJK_FACTOR if _mostly_cjk(passage.text) else 1.0))
        for passage, weight in zip(passages, weights, strict=True)
    ]


def read_sentences(passages: Sequence[Passage], question: str) -> list[str]:
    """The sentences of the passages that the model reads, in order."""
    read = [excerpt(p.text, question, share) for p, share in zip(passages, shares(passages), strict=True)]
    return [text[start:end] for text in read for start, end in spans(text)]


def numbered(passages: Sequence[Passage], question: str, *, budget: int = BUDGET) -> str:
    """The passages as the `sources` of a prompt, `[1] Title › Heading` above each text.

    The best passage gets the largest share of the budget. The result depends on nothing but its arguments, so that
    every call of a turn begins with the same tokens and the prompt cache serves them.
    """
    blocks = []
    for n, (passage, share) in enumerate(zip(passages, shares(passages, budget), strict=True), 1):
        place = " › ".join((passage.title, *(h for h in passage.heading if h != passage.title)))
        blocks.append(f"[{n}] {place}\n{excerpt(passage.text, question, share)}")
    return "\n\n".join(blocks)


def excerpt(text: str, question: str, limit: int) -> str:
    """At most about `limit` characters of `text`: whole sentences, those nearest to the question, in their order."""
    if len(text) <= limit:
        return text
    wanted = set(terms(question))
    bounds = list(spans(text))
    gains = [_gain(text[a:b], wanted) for a, b in bounds]
    # a neighbour explains its sentence: half its gain
    near = [
        g + 0.5 * max(gains[i - 1] if i else 0.0, gains[i + 1] if i + 1 < len(gains) else 0.0)
        for i, g in enumerate(gains)
    ]
    chosen: set[int] = set()
    used = 0
    for i in sorted(range(len(bounds)), key=lambda i: (-near[i], i)):
        length = bounds[i][1] - bounds[i][0]
        if used + length <= limit or not chosen:
            chosen.add(i)
            used += length
    parts: list[str] = []
    last = None
    for i in sorted(chosen):
        if last is not None:
            gap = text[bounds[last][1] : bounds[i][0]]
            parts.append(gap if i == last + 1 else _ELLIPSIS)
        parts.append(text[bounds[i][0] : bounds[i][1]])
        last = i
    return "".join(parts)[: max(limit, 80) * 2]


def _gain(sentence: str, wanted: set[str]) -> float:
    return len(set(terms(sentence)) & wanted) / max(len(wanted), 1)


def _mostly_cjk(text: str) -> bool:
    return sum(c >= "\u3040" for c in text) * 2 > len(text)
