"""What went wrong, as a code that both languages have words for. The text of an exception never is an answer."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import FeedbackError, ModelMissing, ModelUnavailable, ModelUnusable, QuestionError, ThreadError
from tools.base import ToolError

if TYPE_CHECKING:
    from ui.strings import Strings


def code_of(error: Exception) -> str:
    """The code of an error that a turn, or what is asked of a conversation, ends in."""
    if isinstance(error, QuestionError | ToolError | FeedbackError):
        return error.reason
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code
    return "unknown"


def sentence(code: str, words: Strings, *, limit: int) -> str:
    """The sentence for a code. `limit`: the most characters of a question."""
    if code == "too_long":
        return words("error.too_long", limit=f"{limit:,}")
    return words.code("error", code) or words("error.unknown")


def where(error: Exception) -> str:
    """The kind of an error and the line that raised it: what may stand in a log, where the text of an error, which can
    hold what was asked, may not."""
    frames = traceback.extract_tb(error.__traceback__)
    line = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{line}"


_CODES: dict[type[Exception], str] = {
    ThreadError: "thread",
    ModelMissing: "model_missing",
    ModelUnusable: "model_unusable",
    ModelUnavailable: "model_unavailable",
}
