"""What a made question must pass: the same looks that a turn takes at questions, passages and answers.

Small models write many poor questions and cannot tell which. Every check here is one that the graph trusts elsewhere,
the cheapest first; the model itself is asked last and only where the others leave it open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agent import facts
from agent.followups import leans_on_context
from agent.models.chat import ChatModel, Meter
from agent.nearest import SENTENCES
from agent.nodes.judge import CLEAR, SUFFICIENT, sufficiency
from agent.nodes.reflect import Unsure, by_rules
from agent.prompts import fill
from agent.reading import over_sources, text_of, weighed
from agent.specialists.reading_rows import Near
from agent.specialists.seeds import Asking, Seed, about_text
from agent.state import Language, Turn
from agent.verify import examine, refuses
from tools.base import Passage
from tools.library.embed import Embedder, Vectors
from tools.library.tokens import terms
from tools.library.words import search_terms

Fault = Literal[
    "no_question",
    "other_language",
    "about_text",
    "leans",
    "says_answer",
    "off_point",
    "invents",
    "duplicate",
    "not_found",
    "other_sentence",
    "not_carried",
    "doubted",
]
"""Why a question is thrown away, in the order in which it is looked for: the model wrote none; it is in another
language; it asks about the text itself; it points out of itself; it says its answer; it does not speak of what the
sentence does; it names what its passage does not; it is asked already; search does not find its passage; another
sentence is nearer to it; its passage does not carry the answer; the judge doubts that the passages answer it."""
SAME = 0.975
"""From this cosine similarity (multilingual-e5-small, query to query) on two questions ask the same."""
SPOKEN_OF = 0.3
"""Share of the words of which the answer is said that a question must have: it may put the others differently."""
STATED = 0.6
"""From this share of the words of an answer on a passage may state it: `verify.CARRIED` and a margin."""
_LONGEST = 200
"""Characters of a question."""
_AROUND = (("**", "**"), ('"', '"'), ("'", "'"), ("“", "”"), ("「", "」"))
"""Marks that a model puts around a question; inside of it they mean something."""
_ASKS = re.compile(r"[?？]\W*$|か[。.]?\W*$")


def written(said: str) -> str:
    """The question in what a model wrote: its first line, without marks around it."""
    line = said.strip().partition("\n")[0].strip()
    line = re.sub(r"^(?:question|質問)\s*[:：]\s*", "", line, flags=re.IGNORECASE)
    for before, after in _AROUND:
        if line.startswith(before) and line.endswith(after):
            line = line[len(before) : -len(after)].strip()
    return line


def fault_of_words(question: str, seed: Seed, asking: Asking) -> Fault | None:
    """What is wrong with a question, whatever the library holds."""
    language = seed.language
    if not question or len(question) > _LONGEST or not _ASKS.search(question) or len(set(terms(question))) < 2:
        return "no_question"
    if facts.is_japanese(question) != (language == "ja"):
        return "other_language"
    if about_text(question, language):
        return "about_text"
    if leans_on_context(question, language):
        return "leans"
    if _says_answer(question, seed, asking):
        return "says_answer"
    if _off_point(question, asking):
        return "off_point"
    if _invents(question, seed.passage):
        return "invents"
    return None


def _says_answer(question: str, seed: Seed, asking: Asking) -> bool:
    """Whether nothing of the sentence is left to answer, or what answers stands in the question."""
    asked = facts.solid(question)
    if facts.solid(seed.sentence).strip("。.") in asked or (asking.part and facts.solid(asking.part) in asked):
        return True
    if asking.part or asking.kind == "rule":  # a yes or a no is told by all its words
        return False
    return not set(terms(facts.digits(seed.sentence))) - set(terms(facts.digits(question)))


def _off_point(question: str, asking: Asking) -> bool:
    """Whether a question has hardly a word of what the answer is said of."""
    wanted = set(search_terms(facts.digits(asking.given)))
    return len(wanted & set(search_terms(facts.digits(question)))) < SPOKEN_OF * len(wanted)


def _invents(question: str, passage: Passage) -> bool:
    """Whether a question names what its passage does not, or counts otherwise."""
    where = f"{passage.title}\n{' '.join(passage.heading)}\n{passage.text}"
    if facts.claimed_numbers(question) - facts.stated_numbers(where):
        return True
    known = facts.solid(where)
    return any(facts.solid(name) not in known for name in facts.claimed_names(question))


@dataclass
class Known:
    """The questions that are kept so far, to tell new ones from them."""

    embedder: Embedder
    _solid: set[str] = field(default_factory=set)
    _vectors: list[Vectors] = field(default_factory=list)

    def has(self, question: str) -> bool:
        """Whether it is asked already, in these words or in others. Numbers and names tell questions apart."""
        if facts.solid(question) in self._solid:
            return True
        vector = self.embedder.query(question)
        return any(float(vector @ other) >= SAME for other in self._vectors)

    def add(self, question: str) -> None:
        self._solid.add(facts.solid(question))
        self._vectors.append(self.embedder.query(question))


def turn_of(question: str, language: Language, passages: Sequence[Passage], near: Near) -> Turn:
    """The turn in which a question meets passages."""
    ordered, evidence = weighed(question, passages, near)
    return Turn(
        question=question,
        started=0.0,
        standalone=question,
        language=language,
        passages=ordered,
        evidence=evidence,
    )


def fault_of_sentence(turn: Turn, seed: Seed) -> Fault | None:
    """Whether the seed's sentence is what answers, among all that the library found for the question."""
    if refuses(seed.sentence):
        return "not_carried"  # who learned it would take it for the way to refuse
    nearest = [text_of(found, turn.passages) for found in turn.evidence[:SENTENCES]]
    wanted = facts.solid(seed.sentence)
    if not any(wanted in facts.solid(text) for text in nearest):
        return "other_sentence"
    number = next(n for n, p in enumerate(turn.passages, 1) if wanted in facts.solid(p.text))
    found = by_rules(f"{seed.sentence} [{number}]", (), replace(turn, draft=seed.sentence))
    if isinstance(found, Unsure):
        carried = examine(seed.sentence, turn.passages[number - 1], turn.standalone).verdict != "foreign"
    else:
        carried = found.supported
    return None if carried else "not_carried"


async def doubted(turn: Turn, model: ChatModel, read: int, meter: Meter) -> bool:
    """Whether `judge` would not take the passages for an answer."""
    nearest = turn.evidence[0] if turn.evidence else None
    chance = sufficiency(nearest)
    if CLEAR[0] < chance < CLEAR[1]:
        yes = await model.yes(over_sources(turn, fill(turn.language, "judge"), read), meter=meter)
        chance = sufficiency(nearest, yes)
    return chance < SUFFICIENT


def holds(passage: Passage, sentence: str, question: str, part: str = "") -> bool:
    """Whether a passage may hold what a sentence of another one says; `part` is what of it answers the question."""
    text = facts.solid(passage.text)
    if facts.solid(sentence) in text or (part and facts.solid(part) in text):
        return True
    found = examine(sentence, passage, question)
    return found.verdict == "carried" or found.share >= STATED


def looks_answered(question: str, passages: Sequence[Passage], near: Near, part: str = "") -> bool:
    """Whether `judge` would take passages for an answer before it asks the model. Where it is known what answers the
    question, and that the passages do not have it, it may be unsure: these are the ones to learn refusing from."""
    _, evidence = weighed(question, passages, near)
    return sufficiency(evidence[0] if evidence else None) >= (CLEAR[1] if part else SUFFICIENT)
