from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from agent.errors import ModelUnavailable, ModelUnusable
from agent.models.chat import ChatModel, Meter, _side, _yes_from_logprobs
from agent.models.scripted import ScriptedChatModel, ScriptExhausted
from agent.wiring import _Given

ASK = [HumanMessage("Is it so? Reply with yes or no.")]


def chat(model: BaseChatModel) -> ChatModel:
    return ChatModel(lambda: _Given(model, "given"))


def logprobs(*rows: tuple[str, float]) -> dict[str, Any]:
    top = [{"token": token, "logprob": math.log(p)} for token, p in rows]
    return {"logprobs": {"content": [{**top[0], "top_logprobs": top}]}}


@pytest.mark.parametrize(
    ("token", "side"),
    [
        ("Yes", True),
        (" yes", True),
        ("no", False),
        ("No,", False),
        ("はい", True),
        ("いいえ", False),
        ("い", False),
        ("は", True),
        ("The", None),
        ("", None),
        ("「はい", True),
        ("Y", True),
    ],
)
def test_side(token: str, side: bool | None) -> None:
    assert _side(token) is side


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (logprobs(("Yes", 0.6), ("No", 0.2), ("The", 0.1)), 0.75),
        (logprobs(("no", 0.5), ("No", 0.25), ("yes", 0.25)), 0.25),
        (
            logprobs(
                ("The", 0.9),
            ),
            None,
        ),
        ({}, None),
        ({"logprobs": None}, None),
    ],
)
def test_probability_from_logprobs(metadata: dict[str, Any], expected: float | None) -> None:
    found = _yes_from_logprobs(metadata)
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("line", "expected"), [("yes", 1), ("No.", 0), ("はい", 1), ("いいえ", 0), ("Perhaps", 0.5)])
async def test_without_logprobs_the_text_decides(line: str, expected: float) -> None:
    meter = Meter()
    assert await chat(ScriptedChatModel(lines=[line])).yes(ASK, meter=meter) == expected
    assert meter.usage.calls == 1
    assert meter.usage.prompt > 0


class Provider(BaseChatModel):
    """A provider that refuses log-probabilities, or everything."""

    status: int
    _asked: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "provider"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **given: Any) -> ChatResult:
        self._asked.append(given)
        if self.status != 400 or given.get("logprobs"):
            error = RuntimeError("logprobs are not supported; key sk-very-secret")
            error.status_code = self.status  # type: ignore[attr-defined]
            raise error
        return ChatResult(generations=[ChatGeneration(message=AIMessage("yes"))])


async def test_a_provider_without_logprobs_is_asked_plainly_from_then_on() -> None:
    provider = Provider(status=400)
    model = chat(provider)
    assert await model.yes(ASK, meter=Meter()) == 1
    assert await model.yes(ASK, meter=Meter()) == 1
    assert ["logprobs" in given for given in provider._asked] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "says"), [(401, "key"), (404, "no such model"), (429, "slow down"), (500, "did not answer")]
)
async def test_a_failing_provider_is_one_line_without_its_own_words(status: int, says: str) -> None:
    with pytest.raises(ModelUnavailable, match=says) as caught:
        await chat(Provider(status=status)).yes(ASK, meter=Meter())
    assert "very-secret" not in str(caught.value)


async def test_a_stream_is_the_line_in_pieces() -> None:
    meter = Meter()
    model = chat(ScriptedChatModel(lines=["One two three."]))
    pieces = [piece async for piece in model.stream(ASK, max_tokens=50, meter=meter)]
    assert "".join(pieces) == "One two three."
    assert len(pieces) > 1
    assert meter.usage.calls == 1
    assert meter.usage.completion > 0


async def test_the_script_fails_loudly_at_its_end() -> None:
    script = ScriptedChatModel(lines=["a", "b"])
    model = chat(script)
    await model.write(ASK, max_tokens=5, meter=Meter())
    assert script.leftover == ["b"]
    await model.write(ASK, max_tokens=5, meter=Meter())
    with pytest.raises(ScriptExhausted, match="no line 3"):
        await model.write(ASK, max_tokens=5, meter=Meter())


async def test_it_connects_once_and_lets_go() -> None:
    class Counted(_Given):
        closed = 0

        def close(self) -> None:
            Counted.closed += 1

    made = []

    def connect() -> Counted:
        made.append(1)
        return Counted(ScriptedChatModel(lines=["a", "b"]), "given")

    model = ChatModel(connect)
    assert not model.ready
    for _ in range(2):
        await model.write(ASK, max_tokens=5, meter=Meter())
    assert model.ready
    assert len(made) == 1
    await model.close()
    assert Counted.closed == 1
    assert not model.ready


async def test_nothing_is_sent_ahead_to_another_model() -> None:
    given = _Given(ScriptedChatModel(lines=[]), "scripted")
    await ChatModel(lambda: given, [[SystemMessage("Answer.")]]).warm()


async def test_a_model_elsewhere_takes_no_adapter(tmp_path: Path) -> None:
    script = ScriptedChatModel(lines=["yes"])
    model = chat(script)
    for asked in (
        model.write(ASK, max_tokens=5, meter=Meter(), adapter=tmp_path / "adapter.gguf"),
        model.yes(ASK, meter=Meter(), adapter=tmp_path / "adapter.gguf"),
    ):
        with pytest.raises(ModelUnusable, match=r"given takes no adapter from here: .* `adapter: remote`") as caught:
            await asked
        assert "\n" not in str(caught.value)
    assert script.leftover == ["yes"]


async def test_a_provider_is_not_held_to_a_schema() -> None:
    provider = Provider(status=400)
    await chat(provider).write(ASK, max_tokens=5, meter=Meter(), schema={"type": "object"})
    assert provider._asked == [{"max_tokens": 5}]
