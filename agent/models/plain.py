"""Messages whose text cannot be taken for the marks of a chat template.

Where a turn of a conversation begins and ends is told to a model by tokens such as `<|im_start|>`. Servers put the
text into the template first and cut the whole into tokens afterwards: the same letters in a document would become the
same tokens, and a document could speak as the system or as the user. Here such letters are parted by a space, for every
message to every model; what is shown of a document keeps them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_BARS = r"[|｜]"
_NAMES = (
    "s|bos|eos|pad|unk|mask|cls|sep|sot|eot|im_start|im_end|start_of_turn|end_of_turn|start_of_image|end_of_image|"
    "tool_call|tool_response|tool|tools|think|system|user|assistant|human|sys|inst"
)
_MARK = re.compile(
    rf"<(?={_BARS}[^<>\n]{{1,60}}{_BARS}>)"  # <|im_start|> and its kind
    rf"|<(?=/?(?:{_NAMES})>)"  # <s>, </tool_call>, <start_of_turn>
    r"|<(?=<\s*/?\s*SYS\s*>>)"  # <<SYS>>
    r"|\[(?=/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|CLS|SEP|MASK|PAD|UNK)\])",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """`text` with a space behind the first letter of whatever looks like a mark of a chat template."""
    return _MARK.sub(lambda found: f"{found.group()} ", text)


def unmarked(message: BaseMessage) -> BaseMessage:
    """The message with a `plain` text; itself if there is nothing to change."""
    if not isinstance(message.content, str) or (text := plain(message.content)) == message.content:
        return message
    return message.model_copy(update={"content": text})
