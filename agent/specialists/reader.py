"""With what the configured model reads passages: as it is, or with the adapter of a promoted `grounded` specialist."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import ModelError
from agent.prompts import LANGUAGES
from agent.reading import unshown
from agent.state import Language

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from agent.models.chat import ChatModel, Meter
    from tools.specialist.card import Card

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reader:
    """Takes prompts over sources. The adapter has learned what their worked examples show, and is asked without them.

    Where it cannot be used, the model answers as it is: the owner hears of it from `kotae doctor`.

    `languages` are those of the questions that it reads for, none for all; the model reads for the others as it is.
    `slope` and `offsets` bring the logarithm of the odds of its "yes" to where the judge expects it, for questions in
    each language; the card gives them as the figures `yes_slope`, `yes_offset_en` and `yes_offset_ja`.
    """

    adapter: Path | None = None
    slope: float = 1.0
    offsets: Mapping[Language, float] = field(default_factory=dict)
    languages: tuple[Language, ...] = ()

    @classmethod
    def of(cls, adapter: Path | None, card: Card) -> Reader:
        """As its card says."""
        offsets = {language: card.figures.get(f"yes_offset_{language}", 0.0) for language in LANGUAGES}
        return cls(adapter, card.figures.get("yes_slope", 1.0), offsets, card.languages)

    def trained_for(self, language: Language) -> bool:
        """Whether questions in `language` are read with an adapter."""
        return self._adapter_for(language) is not None

    async def yes(
        self, model: ChatModel, prompt: Sequence[BaseMessage], meter: Meter, language: Language = "en"
    ) -> float:
        """Probability of "yes" to a question in `language`, as the judge can count on it."""
        if (adapter := self._adapter_for(language)) is None:
            return await model.yes(prompt, meter=meter)
        try:
            said = await model.yes(unshown(prompt), meter=meter, adapter=adapter)
            return self.weighed(said, language)
        except ModelError as error:
            log.warning("passages are read without the adapter: %s", error)
            return await model.yes(prompt, meter=meter)

    async def stream(
        self,
        model: ChatModel,
        prompt: Sequence[BaseMessage],
        max_tokens: int,
        meter: Meter,
        language: Language = "en",
    ) -> AsyncGenerator[str, None]:
        """What is written over passages to a question in `language`, piece by piece."""
        begun = False
        for adapter in dict.fromkeys((self._adapter_for(language), None)):
            try:
                asked = prompt if adapter is None else unshown(prompt)
                pieces = model.stream(asked, max_tokens=max_tokens, meter=meter, adapter=adapter)
                async with aclosing(pieces) as stream:  # type: ignore[type-var]
                    async for piece in stream:
                        begun = True
                        yield piece
                return
            except ModelError as error:
                if adapter is None or begun:
                    raise
                log.warning("passages are read without the adapter: %s", error)

    def _adapter_for(self, language: Language) -> Path | None:
        return self.adapter if not self.languages or language in self.languages else None

    def weighed(self, yes: float, language: Language) -> float:
        """A probability as the base model would have given it (Platt 1999, "Probabilistic outputs for support vector
        machines", section 2)."""
        offset = self.offsets.get(language, 0.0)
        if (self.slope, offset) == (1.0, 0.0):
            return yes
        clipped = min(max(yes, 1e-6), 1 - 1e-6)
        return 1 / (1 + math.exp(-(self.slope * math.log(clipped / (1 - clipped)) + offset)))
