"""Adapters of random numbers beside the catalogue's small model: `pytest -m live`.

What they say is nonsense; that each says its own, and the model alone says what it says without any of them, is what
matters. Probabilities are compared as they are: one wrong number in what was read changes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from adapter_files import write_adapter
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.errors import ModelUnusable
from agent.models.catalogue import Catalogue
from agent.models.chat import ChatModel, Meter
from agent.models.embedded import EmbeddedServer
from agent.models.served import Served
from agent.settings import Settings
from tools.gguf import read_head

pytestmark = pytest.mark.live

FIRST = [HumanMessage("The museum opens at nine, closes at five, and rests on Monday. Is it open at ten?")]
OTHER = [HumanMessage("Trains run every half hour from six to midnight. Is there a train at two at night?")]
KNOWN: list[BaseMessage] = [SystemMessage("You answer questions about a museum and its trains, with yes or no.")]


@pytest.fixture(scope="module")
def base() -> Path:
    small = Catalogue.load().find("small")
    assert small is not None
    path = Settings().models_dir / small.file
    if not path.is_file():
        pytest.skip(f"{small.name} is not downloaded: run `kotae models pull small`")
    return path


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    shapes = {
        name: (shape[0], shape[1])
        for name, shape in read_head(base).tensors.items()
        if name.endswith(("attn_q.weight", "attn_v.weight", "ffn_up.weight"))
    }
    return [write_adapter(folder / f"voice{seed}.gguf", shapes, seed) for seed in range(3)]


@pytest.fixture
async def model(base: Path, tmp_path: Path) -> AsyncIterator[ChatModel]:
    server = EmbeddedServer(base, threads=1, context=1024, folder=tmp_path / "prompts")

    def connect() -> Served:
        server.start()
        return Served(server, "small", tmp_path / "prompts")

    model = ChatModel(connect, [KNOWN])
    yield model
    await model.close()


async def say(model: ChatModel, asked: list[BaseMessage], adapter: Path | None = None) -> tuple[str, float]:
    """Words, and a probability that shows the smallest difference."""
    text = await model.write(asked, max_tokens=8, meter=Meter(), adapter=adapter)
    return text, await model.yes(asked, meter=Meter(), adapter=adapter)


async def say_again(model: ChatModel, asked: list[BaseMessage], adapter: Path) -> tuple[str, float]:
    """What is said to a prompt that was read before. llama.cpp reckons a little differently with one token than with
    many at once, so that only the same after the same can be compared."""
    await say(model, asked, adapter)
    return await say(model, asked, adapter)


async def test_each_says_its_own_and_the_model_alone_what_it_said_before(
    model: ChatModel, adapters: list[Path]
) -> None:
    """In orders in which llama.cpp by itself takes one's reading of a prompt for another's."""
    script = [FIRST, OTHER, FIRST, OTHER]
    before = [await say(model, asked) for asked in script]
    await model.warm(adapters)
    own = [await say_again(model, FIRST, adapter) for adapter in adapters]
    assert len({*own, before[0], before[2]}) >= 4
    for n, asked in enumerate(script):
        assert await say(model, asked) == before[n]
        assert await say(model, FIRST, adapters[n % 3]) == own[n % 3]
    assert await say(model, OTHER, adapters[0]) != before[1]
    assert await say(model, OTHER) == before[3]


async def test_what_was_restored_is_of_the_model_alone(model: ChatModel, adapters: list[Path]) -> None:
    asked = [*KNOWN, *FIRST]
    before = await say(model, asked)
    own = await say_again(model, asked, adapters[0])
    assert own != before
    meter = Meter()
    await model.write(asked, max_tokens=1, meter=meter)
    assert meter.usage.cached > 10, "restored from the file after the model was loaded anew"
    assert await say(model, asked) == before
    assert await say(model, asked, adapters[0]) == own


async def test_a_request_under_way_ends_before_an_adapter_is_loaded(model: ChatModel, adapters: list[Path]) -> None:
    story = [HumanMessage("Count from one to thirty in words.")]
    alone = await model.write(story, max_tokens=24, meter=Meter())
    begun = asyncio.Event()

    async def stream() -> str:
        said = ""
        async with aclosing(model.stream(story, max_tokens=24, meter=Meter())) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                said += piece
                begun.set()
        return said.strip()

    async def after() -> float:
        await begun.wait()
        return await model.yes(FIRST, meter=Meter(), adapter=adapters[0])

    async def late() -> str:
        await begun.wait()
        await asyncio.sleep(0.05)
        return await model.write(story, max_tokens=24, meter=Meter())

    said, _, again = await asyncio.gather(stream(), after(), late())
    assert said == alone
    assert again == alone


async def test_a_broken_adapter_is_refused_and_the_model_goes_on(
    model: ChatModel, adapters: list[Path], tmp_path: Path
) -> None:
    before = await say(model, FIRST)
    own = await say_again(model, FIRST, adapters[0])
    cut, foreign = tmp_path / "cut.gguf", tmp_path / "foreign.gguf"
    cut.write_bytes(adapters[1].read_bytes()[:-100])
    write_adapter(foreign, {"blk.0.attn_q.weight": (64, 64)})
    for path, told in ((cut, "it is cut off"), (foreign, "does not fit")):
        with pytest.raises(ModelUnusable, match=told):
            await say(model, FIRST, path)
    assert await say(model, FIRST) == before
    assert await say(model, FIRST, adapters[0]) == own


async def test_one_of_77_answers(model: ChatModel, adapters: list[Path]) -> None:
    answers = [f"intent_{n}" for n in range(75)] + ['a "quoted" one', "口座の解約"]
    asked = [HumanMessage("I want to close my account. Answer with the name of an intent.")]
    for adapter in (None, adapters[0]):
        said = await model.write(asked, max_tokens=12, meter=Meter(), adapter=adapter, schema={"enum": answers})
        assert said in answers
    only = [HumanMessage("口座を解約したいです。")]
    for answer in answers[-2:]:
        assert await model.write(only, max_tokens=12, meter=Meter(), schema={"enum": [answer]}) == answer
