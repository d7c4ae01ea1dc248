"""A chat model that says given lines, in order, for tests and scripted conversations. It fails loudly."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun


class ScriptExhausted(AssertionError):
    """The model was asked once more than there are lines."""


class ScriptedChatModel(BaseChatModel):
    """Answers each call with the next of `lines`; raises `ScriptExhausted` when there is none.

    `prompts` keeps what each call was asked; `leftover` the lines that nobody asked for: assert that it is empty.
    Token counts are words and single characters, enough to test that they are added up.
    """

    lines: list[str]
    _next: int = PrivateAttr(default=0)
    _prompts: list[str] = PrivateAttr(default_factory=list)

    @property
    def leftover(self) -> list[str]:
        return self.lines[self._next :]

    @property
    def prompts(self) -> list[str]:
        return self._prompts

    def extend(self, lines: list[str]) -> None:
        """Add lines for the turns to come."""
        self.lines = [*self.lines, *lines]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _say(self, messages: list[BaseMessage]) -> str:
        asked = "\n".join(str(m.text) for m in messages)
        if self._next >= len(self.lines):
            raise ScriptExhausted(f"the script has no line {self._next + 1}; it was asked:\n{asked[-600:]}")
        self._prompts.append(asked)
        self._next += 1
        return self.lines[self._next - 1]

    def _usage(self, line: str) -> UsageMetadata:
        prompt, completion = len(_pieces(self._prompts[-1])), len(_pieces(line))
        return UsageMetadata(input_tokens=prompt, output_tokens=completion, total_tokens=prompt + completion)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        line = self._say(messages)
        message = AIMessage(content=line, usage_metadata=self._usage(line))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        line = self._say(messages)
        for piece in _pieces(line):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        last = AIMessageChunk(content="", usage_metadata=self._usage(line))
        yield ChatGenerationChunk(message=last)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop):
            yield chunk


def _pieces(text: str) -> list[str]:
    return re.findall(r"[\w'-]+\s*|\W", text) if text.isascii() else list(text)
