"""A user who is played by the model."""

from __future__ import annotations

import pytest

from agent import Settings
from agent.evaluation.simulated import judged, next_message
from agent.models.scripted import ScriptedChatModel
from agent.wiring import chat_model

SAID = [("When do you open?", "At nine.")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("And until when?", "And until when?"),
        ("User: And until when?\nAssistant: Until five.", "And until when?"),
        ('"Is it far: an hour?"', "Is it far: an hour?"),
        ("\n\nAnd until when?", "And until when?"),
        ("DONE", None),
        ("Done.", None),
        ("", None),
        ("when do you open?", None),
    ],
)
async def test_the_next_message(line: str, message: str | None) -> None:
    scripted = ScriptedChatModel(lines=[line])
    model = chat_model(Settings(), scripted)
    assert await next_message(model, "en", persona="a guest", goal="the hours", said=SAID) == message
    for part in ("a guest", "the hours", "User: When do you open?", "Assistant: At nine."):
        assert part in scripted.prompts[0]


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("Yes, it was said.", True),
        ("**Yes.** It was said.", True),
        ("No. Nothing was said.", False),
        ("はい、答えています。", True),
        ("いいえ、答えていません。", False),
        ("Perhaps, yes.", False),
    ],
)
async def test_only_a_yes_is_one(line: str, good: bool) -> None:
    model = chat_model(Settings(), ScriptedChatModel(lines=[line]))
    assert await judged(model, "ja", goal="g", question="q", said=SAID) == (good, line)
