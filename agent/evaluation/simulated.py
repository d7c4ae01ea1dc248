"""A user who is played by the language model, and the model's word on what came of the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import HumanMessage

from agent import prompts
from agent.models.chat import ChatModel, Meter
from agent.state import Language

DONE = "DONE"
"""What the user says who has nothing more to ask."""
_MESSAGE = 80
"""Tokens of a message; people type short."""
_REASON = 120
_YES = ("yes", "はい")
_NAMES: dict[Language, tuple[str, str]] = {"en": ("User", "Assistant"), "ja": ("ユーザー", "アシスタント")}


async def next_message(
    model: ChatModel, language: Language, *, persona: str, goal: str, said: Sequence[tuple[str, str]]
) -> str | None:
    """What the user says after `said`, pairs of a message and its answer; None when the user is done. A message that
    was sent before ends it too, because it would only be answered as before. Raises `ModelError`."""
    text = prompts.fill(language, "simulated_user", persona=persona, goal=goal, said=_told(said, language))
    reply = await model.write([HumanMessage(text)], max_tokens=_MESSAGE, meter=Meter())
    line = next((line.strip() for line in reply.splitlines() if line.strip()), "")
    name, _, rest = line.partition(":")
    message = (rest if name.strip() in _NAMES[language] else line).strip(" \"「」'")
    if not message or message.casefold().rstrip(".。!") == DONE.casefold():
        return None
    return None if message.casefold() in (asked.casefold() for asked, _ in said) else message


async def judged(
    model: ChatModel, language: Language, *, goal: str, question: str, said: Sequence[tuple[str, str]]
) -> tuple[bool, str]:
    """Whether the answer to `question` about the conversation is yes, and the model's words. Raises `ModelError`."""
    text = prompts.fill(language, "simulated_judge", goal=goal, question=question, said=_told(said, language))
    reply = await model.write([HumanMessage(text)], max_tokens=_REASON, meter=Meter())
    return reply.lstrip(" \"「'*").casefold().startswith(_YES), " ".join(reply.split())


def _told(said: Sequence[tuple[str, str]], language: Language) -> str:
    user, assistant = _NAMES[language]
    return "\n".join(f"{user}: {asked}\n{assistant}: {answer}" for asked, answer in said)
