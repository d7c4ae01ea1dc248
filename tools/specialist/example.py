"""One example that a specialist learns from or is examined on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True)
class Example:
    """What is said to the specialist, ending with the user, and the answer that is wanted.

    A first message of the role `system` takes the place of the card's prompt. Examples of one `group` (a document, a
    conversation) share so much that they go into the same part of a split; without one each stands alone. `refuses`
    says whether the wanted answer is that there is none, where that is known.
    """

    messages: tuple[Message, ...]
    answer: str
    group: str = ""
    refuses: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "messages", tuple(self.messages))

    @property
    def question(self) -> str:
        """What the user says last."""
        return self.messages[-1].content

    @property
    def id(self) -> str:
        """The same for the same messages, whatever is answered: 16 hexadecimal digits."""
        said = json.dumps([[m.role, m.content] for m in self.messages], ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def asked(self, prompt: str) -> tuple[Message, ...]:
        """The messages as the model gets them, with the card's `prompt` in front."""
        if self.messages[0].role == "system" or not prompt:
            return self.messages
        return (Message("system", prompt), *self.messages)

    def as_json(self) -> dict[str, Any]:
        """A row of the files in a specialist's `data/`."""
        row: dict[str, Any] = {
            "messages": [{"role": m.role, "content": m.content} for m in self.messages],
            "answer": self.answer,
        }
        if self.group:
            row["group"] = self.group
        if self.refuses is not None:
            row["refuses"] = self.refuses
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Example:
        """The example of such a row. Raises `KeyError`, `TypeError` or `ValueError` for any other."""
        said: Sequence[Mapping[str, str]] = row["messages"]
        messages = tuple(Message(_role(m["role"]), m["content"]) for m in said)
        if not messages or messages[-1].role != "user":
            raise ValueError("the messages do not end with the user")
        return cls(messages, row["answer"], row.get("group", ""), row.get("refuses"))


def _role(name: str) -> Role:
    if name not in ("system", "user", "assistant"):
        raise ValueError(f"{name!r} is no role")
    return name  # type: ignore[return-value]


def fingerprint(examples: Sequence[Example]) -> str:
    """SHA-256 over all examples in their order."""
    total = hashlib.sha256()
    for example in examples:
        total.update(json.dumps(example.as_json(), ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return total.hexdigest()
