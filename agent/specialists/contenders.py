"""What each contender of an examination is asked.

The others must be serious: the base model is told the form of the answers (all names there are, or the schema), which
the specialist has learned and is not told; it sees the training examples that are most like the question; and it reads
what the library finds for it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

from agent.digest import tokens
from agent.prompts import fill
from agent.specialists.asking import Voice, spoken
from agent.specialists.likest import Pool
from agent.state import Language
from tools.specialist.evaluation import Contender
from tools.specialist.example import Example, Message

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

SHOTS = 8
NEAREST_TOKENS = 640
"""Of the examples that are chosen for each question and so are read for each. Where eight do not fit, the same typical
ones stand before all questions and are read once: those are long, and show the form more than the answer."""
FIXED_TOKENS = 1800
"""Of the examples that are the same for all questions."""

Find = Callable[[str], Awaitable[str]]
"""What the library has on a question, as the `sources` of a prompt; empty where it has nothing."""


class Questions:
    """The messages of each contender, and who is asked with them."""

    def __init__(
        self, version: Voice, pool: Pool | None, language: Language, *, find: Find | None = None, room: int = 4096
    ) -> None:
        """`pool`: the training examples; without any, nobody is shown examples. `find` is None where the examples
        bring their own sources. `room`: tokens that question, examples and answer may take together."""
        self._version = version
        self._pool = pool
        self._language = language
        self._find = find
        self._room = room
        self._fixed: list[Example] | None = None
        if pool is not None and SHOTS * median(map(_size, pool.examples)) > NEAREST_TOKENS:
            self._fixed = pool.typical(SHOTS)
        self._longest = longest(pool.examples if pool is not None else ())

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """Those that there are, in the order in which they are asked."""
        return ("base", "few_shot", "retrieval", "specialist") if self._pool is not None else ("base", "specialist")

    @property
    def max_tokens(self) -> int:
        """Of an answer."""
        return self._longest

    def cost(self) -> float:
        """What one example takes, all contenders together, in tokens that are read; one that is written counts four."""
        if self._pool is None:
            return 0.0
        size = median(map(_size, self._pool.examples))
        shots = SHOTS * size if self._fixed is None else 0
        found = 250 if self._find is not None else 0
        written = median(tokens(example.answer) for example in self._pool.examples)
        return 4 * (size + 4 * written) + shots + found

    def voice(self, contender: Contender) -> Voice:
        """Who speaks; the messages hold prompt and examples already."""
        mine = self._version.unprompted()
        return mine if contender == "specialist" else mine.without_adapter()

    async def messages(self, contender: Contender, example: Example) -> list[BaseMessage]:
        """What the contender is asked for an example."""
        card = self._version.card
        if contender == "specialist":
            shots = [m for s in card.shots for m in (Message("user", s.question), Message("assistant", s.answer))]
            return spoken(_in_front(example.asked(card.prompt), shots))
        asked = self._told(example)
        if contender == "base" or self._pool is None:
            return spoken(asked)
        if contender == "retrieval" and self._find is not None and (sources := await self._find(example.question)):
            found = fill(self._language, "specialist/found", sources=sources, message=example.question)
            asked = (*asked[:-1], Message("user", found))
        shots = [
            message
            for shot in self._shots(example, self._room - self._longest - sum(tokens(m.content) for m in asked))
            for message in (*(m for m in shot.messages if m.role != "system"), Message("assistant", shot.answer))
        ]
        return spoken(_in_front(asked, shots))

    def _told(self, example: Example) -> tuple[Message, ...]:
        """The example with the card's prompt, or its own, and the form of the answer."""
        asked, card = example.asked(self._version.card.prompt), self._version.card
        own = asked[0].content if asked[0].role == "system" else ""
        if card.answers:
            told = fill(self._language, "specialist/choices", prompt=own, answers=", ".join(card.answers))
        elif card.schema_ is not None:
            schema = json.dumps(card.schema_, ensure_ascii=False)
            told = fill(self._language, "specialist/object", prompt=own, schema=schema)
        else:
            return asked
        return (Message("system", told.strip()), *(m for m in asked if m.role != "system"))

    def _shots(self, example: Example, room: int) -> list[Example]:
        """As many as there is room for; the nearest stands last, next to the question."""
        assert self._pool is not None
        chosen = self._fixed if self._fixed is not None else self._pool.nearest(example.question, SHOTS)
        left = min(room, NEAREST_TOKENS if self._fixed is None else FIXED_TOKENS)
        kept: list[Example] = []
        for shot in chosen:
            if (size := _size(shot)) <= left:
                kept.append(shot)
                left -= size
        return kept[::-1]


def longest(examples: Sequence[Example]) -> int:
    """Tokens for answers as long as those of `examples`, with some to spare."""
    return min(1024, 24 + max((tokens(example.answer) * 3 // 2 for example in examples), default=256))


def _size(example: Example) -> int:
    return tokens(example.answer) + sum(8 + tokens(m.content) for m in example.messages if m.role != "system")


def _in_front(asked: Sequence[Message], shots: Sequence[Message]) -> list[Message]:
    """`shots` behind the system message and before what is asked."""
    system = [m for m in asked if m.role == "system"]
    return [*system, *shots, *(m for m in asked if m.role != "system")]
