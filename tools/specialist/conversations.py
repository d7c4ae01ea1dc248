"""Conversations as examples: each reply of the assistant is one, with what was said before it.

All replies are learned from and not only the last, as is usual where people are answered in turns (the first answer is
no worse than the third), and all of them are of one group. What a reply was written from must be there to learn from: a
reply to a picture or to what a tool found is left out, since without it the same words would be invention.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tools.specialist.example import Example, Message
from tools.specialist.tables import Misfit
from tools.specialist.texts import clean

HISTORY = 20
"""Messages before a question that are kept."""
_ROLES: dict[str, Literal["system", "user", "assistant", "tool"]] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "usr"), "user"),
    **dict.fromkeys(("assistant", "gpt", "bot", "model", "chatgpt", "bing", "bard", "ai"), "assistant"),
    **dict.fromkeys(("tool", "function", "function_call", "observation", "ipython"), "tool"),
}  # type: ignore[assignment,unused-ignore]
_LONGEST = 100_000
"""Messages of a chat export that are followed back; longer ones are cut."""


@dataclass(frozen=True)
class Said:
    """A message as it was found."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    whole: bool = True
    """Whether the text is all that was said: no picture, no file, no call of a tool."""
    learn: bool = True


def said(messages: Sequence[Any]) -> list[Said]:
    """The messages of any of the usual shapes. Raises `Misfit`."""
    return [_said(message, number) for number, message in enumerate(messages, 1)]


def _said(message: Any, number: int) -> Said:
    if not isinstance(message, Mapping):
        raise Misfit("messages", f"message {number} is no object with role and content; write it as one.")
    name = next((message[key] for key in ("role", "from", "sender") if key in message), None)
    role = _ROLES.get(name.strip().casefold()) if isinstance(name, str) else None
    if role is None:
        raise Misfit("messages", f"message {number} is not of user, assistant, system or tool; name its role.")
    content = next((message[key] for key in ("content", "value", "text") if key in message), None)
    text, whole = _content(content, number)
    if role == "assistant" and (message.get("tool_calls") or message.get("function_call")):
        role = "tool"
    return Said(role, clean(text), whole and not message.get("attachments"), message.get("weight") != 0)


def _content(content: Any, number: int) -> tuple[str, bool]:
    """The text of a message, and whether that is all of it."""
    if content is None or isinstance(content, str):
        return content or "", True
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _part(part) for part in content]
        return "\n".join(text for text in texts if text is not None), None not in texts
    raise Misfit("messages", f"the content of message {number} is no text; write it as one.")


def _part(part: Any) -> str | None:
    text = part.get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else None


def learned(messages: Sequence[Said], group: str, left_out: Counter[str]) -> list[Example]:
    """An example for each reply that can be learned from. `left_out` counts the others (`not_in_text`)."""
    found: list[Example] = []
    before: list[Message] = []
    shown = through_tool = False
    for one in _joined(messages):
        if one.role == "tool":
            through_tool = True
        elif one.role == "system":
            before.append(Message("system", one.text))
        elif one.role == "user":
            through_tool = False
            shown = shown or not one.whole
            before.append(Message("user", one.text))
        elif before and before[-1].role == "user":
            if shown or through_tool or not one.whole:
                left_out["not_in_text"] += 1
            elif one.learn and one.text and before[-1].content:
                found.append(Example(_recent(before), one.text, group))
            before.append(Message("assistant", one.text))
    if not group and len(found) > 1:
        found = [Example(e.messages, e.answer, f"conversation:{found[0].id}") for e in found]
    return found


def _joined(messages: Sequence[Said]) -> Iterator[Said]:
    """Messages that follow each other from the same side as one."""
    held: Said | None = None
    for one in messages:
        if held is not None and held.role == one.role:
            text = "\n\n".join(filter(None, (held.text, one.text)))
            held = Said(one.role, text, held.whole and one.whole, held.learn and one.learn)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held


def _recent(before: Sequence[Message]) -> tuple[Message, ...]:
    """The question and at most `HISTORY` messages before it, beginning with a user, and what the system said first."""
    if len(before) <= HISTORY + 1:
        return tuple(before)
    first = (before[0],) if before[0].role == "system" else ()
    recent = before[-HISTORY - 1 :]
    while recent[0].role == "assistant":
        recent = recent[1:]
    return (*first, *recent)


def exported(conversation: Mapping[str, Any]) -> list[Said]:
    """The messages on the branch of a chat export (`mapping`) that was shown last. Raises `Misfit`."""
    mapping = conversation["mapping"]
    if not isinstance(mapping, Mapping):
        raise Misfit("messages", "`mapping` is no object of messages by their id; export the conversations again.")
    found: list[Said] = []
    seen: set[str] = set()
    id = _last(mapping, conversation.get("current_node"))
    while isinstance(id, str) and id in mapping and id not in seen and len(seen) < _LONGEST:
        seen.add(id)
        node = mapping[id]
        if not isinstance(node, Mapping):
            raise Misfit("messages", "a message in `mapping` is no object; export the conversations again.")
        if isinstance(message := node.get("message"), Mapping) and (one := _exported(message)) is not None:
            found.append(one)
        id = node.get("parent")
    return found[::-1]


def _last(mapping: Mapping[str, Any], current: Any) -> Any:
    """The message that the conversation ends with: what the export names, or the last one that has no reply."""
    if isinstance(current, str) and current in mapping:
        return current
    return next((id for id in reversed(list(mapping)) if not _get(mapping[id], "children")), None)


def _exported(message: Mapping[str, Any]) -> Said | None:
    """None for what was not said by one of the two: what the service told its model, and remarks on the way."""
    author, content = _get(message, "author"), _get(message, "content")
    name = _get(author, "role")
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None or role == "system":
        return None
    kind = _get(content, "content_type") or "text"
    if kind in ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"):
        return None
    parts = _get(content, "parts")
    text, whole = _content(parts if isinstance(parts, list) else _get(content, "text"), 0)
    if role == "assistant" and (kind == "code" or message.get("recipient", "all") != "all"):
        role = "tool"
    return Said(role, clean(text), whole and not _get(_get(message, "metadata"), "attachments"))


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None
