"""General questions, by which it shows whether a specialist has forgotten what its base model could, and other texts
that keep it from forgetting while it is trained.

Both are asked with the system message of `prompts/<language>/general.yaml` and without any specialist's prompt.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from agent.models.chat import Meter
from agent.prompts import FOLDER, LANGUAGES
from agent.specialists.asking import Speaker, Voice, each, spoken
from agent.state import Language
from tools.answers import holds
from tools.specialist.example import Example, Message

TOKENS = 24
"""Of a reply; what is right stands at its beginning."""


@dataclass(frozen=True)
class Question:
    """`answers` may be said in any writing, `written` letter by letter."""

    system: str
    ask: str
    answers: tuple[str, ...] = ()
    written: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        return Message("system", self.system), Message("user", self.ask)

    def right(self, reply: str) -> bool:
        return holds(reply, self.answers) or any(text in reply for text in self.written)


@cache
def _rows(language: Language) -> Mapping[str, object]:
    rows = yaml.safe_load((FOLDER / language / "general.yaml").read_text("utf-8"))
    assert isinstance(rows, dict)
    return rows


def questions() -> tuple[Question, ...]:
    """Those of the examination, in every language."""
    return tuple(
        Question(str(rows["system"]), row["ask"], tuple(row.get("answers", ())), tuple(row.get("written", ())))
        for rows in map(_rows, LANGUAGES)
        for row in rows["questions"]  # type: ignore[attr-defined]
    )


def texts() -> tuple[Example, ...]:
    """Those for training, the languages in turns."""
    of_each = [
        [Example(Question(str(rows["system"]), row["ask"]).messages, row["reply"]) for row in rows["texts"]]  # type: ignore[attr-defined]
        for rows in map(_rows, LANGUAGES)
    ]
    return tuple(text for together in zip(*of_each, strict=True) for text in together)


async def replies(
    speaker: Speaker,
    voice: Voice,
    asked: Sequence[Question],
    *,
    at_once: int = 1,
    stop: threading.Event,
    done: Callable[[], None] = lambda: None,
) -> list[str]:
    """What `voice` replies, without form and prompt of its card; in the order of the questions.

    One after the other the same model gives the same replies to the last byte; what is read together, or read on from
    what another prompt has left, differs in the last bits.
    """
    said: dict[int, str] = {}

    async def ask(n: int) -> None:
        said[n] = await speaker.write(
            voice.unformed(), spoken(asked[n].messages), max_tokens=TOKENS, meter=Meter(), anew=True
        )
        done()

    await each(range(len(asked)), ask, stop, at_once)
    return [said[n] for n in range(len(asked))]


class Kept:
    """The replies of a base model, in a file of its own, so that no base is asked twice. What cannot be read or
    written is asked anew."""

    def __init__(self, folder: Path, base: str, kind: str, version: str) -> None:
        """`version` changes with whatever else the replies depend on."""
        self._file = folder / base[:16] / f"{kind}.json"
        self._version = version

    def load(self) -> dict[str, str]:
        """Replies by the question and its system message."""
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            return dict(kept["replies"]) if kept["version"] == self._version else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def save(self, replies: Mapping[str, str]) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".partial")
            new.write_text(json.dumps({"version": self._version, "replies": replies}, ensure_ascii=False), "utf-8")
            new.replace(self._file)
        except OSError:
            return


def key(question: Question) -> str:
    """Of a question in a file of replies."""
    return hashlib.sha256(f"{question.system}\0{question.ask}".encode()).hexdigest()[:16]
