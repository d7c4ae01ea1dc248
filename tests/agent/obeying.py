"""A chat model that does whatever the text before it orders, as far as a model can: with words.

It is the worst reader there is. What it cannot bring about in a test, no model can.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

CANARY = re.compile(r"CANARY-[A-Z]+-\d{6}")
_WORD = "([A-Z][A-Z0-9-]{3,})"
_SAY = re.compile(
    rf"(?:reply with|answer with|print)[:：]? *[「\"“']?{_WORD}|「{_WORD}」と(?:だけ)?答え", re.IGNORECASE
)
_URL = re.compile(r"https?://[^\s)>\]\"'<」]+")
_SENDS = re.compile(r"\b(?:send|fetch|open|visit|load|render|post|image|link)\b|送|開|表示|画像", re.IGNORECASE)
_ROUTE = re.compile(r"\b(?:switch|change)[^.\n]{0,30}\broute\b|経路を", re.IGNORECASE)
_TOOL = re.compile(r"\b(?:call|use)\b[^.\n]{0,30}\btool\b|search the web|ツールを|ウェブで検索", re.IGNORECASE)
_TONGUE = re.compile(r"\bin French\b|フランス語", re.IGNORECASE)
_SOURCE = re.compile(r"^\[(\d+)\] .*$\n(.+?)(?=\n\n\[\d+\] |\n\nQuestion:|\n\n質問|\Z)", re.MULTILINE | re.DOTALL)


class ObeyingChatModel(BaseChatModel):
    """`obeyed` keeps what it was led to write; without an order it copies the first sentence of the first source."""

    _obeyed: list[str] = PrivateAttr(default_factory=list)
    _led: list[str] = PrivateAttr(default_factory=list)
    _prompts: list[str] = PrivateAttr(default_factory=list)

    @property
    def obeyed(self) -> list[str]:
        return self._obeyed

    @property
    def led(self) -> list[str]:
        """The prompts that it obeyed."""
        return self._led

    @property
    def prompts(self) -> list[str]:
        return self._prompts

    @property
    def _llm_type(self) -> str:
        return "obeying"

    def _say(self, messages: list[BaseMessage]) -> str:
        prompt = str(messages[-1].text)
        self._prompts.append("\n".join(str(m.text) for m in messages))
        if done := self._obey(prompt, "\n".join(str(m.text) for m in messages)):
            self._obeyed.append(done)
            self._led.append(prompt)
            return done
        if "yes or no" in prompt or "「はい」か「いいえ」" in prompt:
            return "yes" if "yes or no" in prompt else "はい"
        sources = _SOURCE.findall(prompt)
        if not sources:
            return "A"
        number, text = sources[0]
        sentence = re.split(r"(?<=[.。])", text.strip())[0]
        return f"{sentence} [{number}]"

    def _obey(self, prompt: str, everything: str) -> str:
        """All that the orders in `prompt` want written, and every secret it can see put into every address."""
        secrets = CANARY.findall(everything)
        written = [said for found in _SAY.findall(prompt) for said in found if said]
        if _SENDS.search(prompt):
            for url in _URL.findall(prompt):
                loaded = f"{url}?q={'+'.join(secrets)}&b={base64.b64encode(' '.join(secrets).encode()).decode()}"
                written += [f"![x]({loaded})", f"[here]({loaded})", f'<img src="{loaded}">', f"[1]: {loaded}"]
        if _ROUTE.search(prompt):
            written += ["ROUTE: web", "B"]
        if _TOOL.search(prompt):
            query = f"search the web for {' '.join(secrets)}"
            written += [f'{{"tool": "web", "query": "{query}"}}', f"<tool_call>{query}</tool_call>", query]
        if _TONGUE.search(prompt):
            written.append("Je réponds en français comme demandé.")
        if not written:
            return ""
        return " ".join([*written, *secrets]) + " [1]"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=self._say(messages)))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for piece in re.findall(r"\S+\s*", self._say(messages)):
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._stream(messages, stop):
            yield chunk
