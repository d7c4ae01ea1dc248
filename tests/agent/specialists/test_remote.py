"""The wire to a server that holds specialists under names (vLLM and its like)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from strict_server import ADAPTER, StrictServer, faults, strict_server

from agent import Settings
from agent.errors import ModelUnavailable
from agent.models.chat import ChatModel, Meter
from agent.specialists.speakers import Speakers
from tools.specialist.card import Card, Remote, Shot

ASK = [HumanMessage("Where is my card?")]


@dataclass(frozen=True)
class Version:
    card: Card
    folder: Path = Path("nowhere")


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAE_SETTINGS", str(tmp_path / "settings.toml"))


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with strict_server() as server:
        yield server
        assert server.faults == []


def card(server: StrictServer, model: str = ADAPTER, **more: Any) -> Card:
    return Card(
        name="banking",
        description=("Intents of banking questions.",),
        examples=("Where is my card?",),
        prompt="Name the intent.",
        adapter="remote",
        remote=Remote(url=server.url, model=model),
        **more,
    )


def not_asked() -> Any:
    raise AssertionError("the configured model is not asked")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, models_dir=tmp_path / "models")


def speakers(settings: Settings) -> Speakers:
    return Speakers(settings, ChatModel(not_asked))


async def test_the_whole_request(server: StrictServer, settings: Settings) -> None:
    speaker = speakers(settings)
    meter = Meter()
    stream = speaker.stream(Version(card(server)), ASK, max_tokens=17, meter=meter)
    assert [piece async for piece in stream] == ["Hel", "lo."]
    assert (meter.usage.calls, meter.usage.prompt, meter.usage.completion) == (1, 9, 4)
    assert server.bodies == [
        {
            "model": "banking",
            "messages": [
                {"role": "system", "content": "Name the intent."},
                {"role": "user", "content": "Where is my card?"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.0,
            "max_tokens": 17,
        }
    ]
    await speaker.close()


async def test_examples_and_a_schema(server: StrictServer, settings: Settings) -> None:
    schema = {"type": "object", "properties": {"intent": {"type": "string"}}, "required": ["intent"]}
    shots = (Shot(question="Lost it.", answer='{"intent": "lost"}'),)
    server.reply = '{"intent": "arrival"}'
    version = Version(card(server, shots=shots, schema=schema))
    assert await speakers(settings).write(version, ASK, max_tokens=17, meter=Meter()) == server.reply
    (body,) = server.bodies
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


@pytest.mark.parametrize(("reply", "answer"), [('"lost_card"', "lost_card"), ("lost_card", "lost_card"), ('"', '"')])
async def test_one_of_few_answers_comes_without_quotes(
    server: StrictServer, settings: Settings, reply: str, answer: str
) -> None:
    server.reply = reply
    version = Version(card(server, answers=("card_arrival", "lost_card")))
    stream = speakers(settings).stream(version, ASK, max_tokens=17, meter=Meter())
    assert [piece async for piece in stream] == [answer]
    schema = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema == {"type": "string", "enum": ["card_arrival", "lost_card"]}


async def test_a_probability(server: StrictServer, settings: Settings) -> None:
    assert await speakers(settings).yes(Version(card(server)), ASK, meter=Meter()) == pytest.approx(0.8, abs=1e-3)
    assert server.bodies[0]["logprobs"] is True


async def test_a_model_that_the_server_does_not_have(server: StrictServer, settings: Settings) -> None:
    with pytest.raises(ModelUnavailable, match="no such model; check `remote` in the card") as caught:
        await speakers(settings).write(Version(card(server, "gone")), ASK, max_tokens=17, meter=Meter())
    assert "\n" not in str(caught.value)


async def test_a_server_that_is_gone(server: StrictServer, settings: Settings) -> None:
    speaker, version = speakers(settings), Version(card(server))
    server.shutdown()
    server.server_close()
    assert speaker.usable(version.card) == "no_server"
    with pytest.raises(ModelUnavailable, match="did not answer"):
        await speaker.write(version, ASK, max_tokens=17, meter=Meter())


def test_a_server_that_is_there(server: StrictServer, settings: Settings) -> None:
    assert speakers(settings).usable(card(server)) == ""


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("qwen2.5-coder-0.5b", "canary"),
        ("{url}#base", "canary"),
        ("https://llm.example/v1#base", "none"),
        ("openai:gpt-x", "none"),
    ],
    ids=["embedded", "the same server", "another server", "a provider"],
)
async def test_the_key_of_a_server_goes_to_no_other_because_a_card_says_so(
    server: StrictServer, settings: Settings, model: str, shown: str
) -> None:
    given = Settings(
        data_dir=settings.data_dir,
        models_dir=settings.models_dir,
        model=model.format(url=server.url),
        api_key="canary",  # type: ignore[arg-type]
    )
    await speakers(given).write(Version(card(server)), ASK, max_tokens=17, meter=Meter())
    assert server.keys == [shown]


async def test_a_key_that_is_refused(server: StrictServer, settings: Settings) -> None:
    server.key = "another"
    with pytest.raises(ModelUnavailable, match="refused the key"):
        await speakers(settings).write(Version(card(server)), ASK, max_tokens=17, meter=Meter())


def test_the_server_is_strict() -> None:
    good = {
        "model": ADAPTER,
        "messages": [{"role": "user", "content": "?"}],
        "stream": True,
        "temperature": 0,
        "max_tokens": 3,
    }
    assert faults(good) == []
    assert faults(good | {"lora": [{"id": 0, "scale": 1.0}]}) == ["unknown: lora"]
    assert faults(good | {"cache_prompt": True, "id_slot": 1}) == ["unknown: cache_prompt", "unknown: id_slot"]
    assert faults(good | {"temperature": 1}) == ["temperature is not 0"]
    assert faults(good | {"messages": [{"role": "human", "content": "?"}]}) != []
    assert faults(good | {"response_format": {"type": "json_schema", "schema": {}}}) != []
