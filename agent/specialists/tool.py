"""A specialist as a tool: what it says to a question is a passage, but its own opinion and no evidence of anything."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.digest import tokens
from agent.errors import ModelError
from agent.models.chat import Meter
from agent.reading import unshown
from agent.specialists.manner import reads_passages
from tools.base import Passage, ToolError
from tools.specialist.example import Message

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from agent.specialists.speakers import Speakers
    from tools.specialist.versions import Version

TRUST = 0.1
"""How far a specialist is believed: nobody has checked what it says."""
UNUSABLE = "specialist_unusable"
"""The specialist of a question cannot be asked, so the documents are."""


class SpecialistTool:
    """A promoted specialist. `k` says nothing to it: it has one thing to say."""

    def __init__(self, version: Version, speakers: Speakers, *, most: int) -> None:
        """`most`: tokens of an answer; more where the text that it is sent is longer than that."""
        self.card = version.card
        self.name = version.card.label
        self._version = version
        self._speakers = speakers
        self._most = most

    async def gather(self, query: str, *, k: int) -> list[Passage]:
        """What it says, as one passage of kind `specialist`. Raises `ToolError`."""
        async with aclosing(self.stream(query, Meter())) as pieces:
            return self.passages("".join([piece async for piece in pieces]))

    async def stream(self, query: str, meter: Meter) -> AsyncGenerator[str, None]:
        """What it says, piece by piece. Raises `ToolError` where the model behind it does not answer."""
        most = max(self._most, 2 * tokens(query))
        async with aclosing(self._said(self._version, [Message("user", query)], most, meter)) as pieces:
            async for piece in pieces:
                yield piece

    async def write(self, prompt: Sequence[BaseMessage], most: int, meter: Meter) -> AsyncGenerator[str, None]:
        """What it writes to a prompt over passages, which has examples of its own; one that has learned to read is
        asked without them. Raises `ToolError`."""
        bare = replace(self._version, card=self.card.model_copy(update={"shots": ()}))
        asked = unshown(prompt) if reads_passages(self.card) else prompt
        async with aclosing(self._said(bare, asked, most, meter)) as pieces:
            async for piece in pieces:
                yield piece

    async def _said(
        self, version: Version, messages: Sequence[BaseMessage | Message], most: int, meter: Meter
    ) -> AsyncGenerator[str, None]:
        try:
            stream = self._speakers.stream(version, messages, max_tokens=most, meter=meter)
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelError as error:
            raise ToolError(UNUSABLE, str(error)) from error

    def passages(self, said: str) -> list[Passage]:
        """Its words as a passage; none where it said nothing."""
        text = said.strip()
        if not text:
            return []
        mark = hashlib.sha256(f"{self.name}\0{text}".encode()).hexdigest()[:16]
        return [Passage(mark, text, self.card.name, "", "specialist", trust=TRUST)]
