"""Who waits for whom when a model is asked with adapters; the server is a fake that loads nothing."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from contextvars import Context
from pathlib import Path

import pytest
from adapter_files import TINY, write_adapter, write_model
from fake_server import FakeServer, served
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from agent.errors import ModelMissing, ModelUnavailable, ModelUnusable
from agent.models import served as module
from agent.models.chat import ChatModel, Meter
from agent.models.embedded import EmbeddedServer
from agent.models.served import Served

ASK = [HumanMessage("Who are you?")]


@pytest.fixture
def server(tmp_path: Path) -> FakeServer:
    return FakeServer(write_model(tmp_path / "base.gguf"))


@pytest.fixture
def connection(server: FakeServer, tmp_path: Path) -> Served:
    return served(server, tmp_path / "prompts")


@pytest.fixture
def model(connection: Served) -> ChatModel:
    return ChatModel(lambda: connection)


def adapter(folder: Path, name: str, seed: int = 0) -> Path:
    return write_adapter(folder / f"{name}.gguf", TINY, seed)


async def ask(model: ChatModel, path: Path | None = None) -> str:
    return await model.write(ASK, max_tokens=9, meter=Meter(), adapter=path)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0.01)


async def test_an_adapter_is_loaded_when_it_is_asked_for_and_only_once(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    polite, strict = adapter(tmp_path, "polite"), adapter(tmp_path, "strict")
    assert await ask(model) == "I am base."
    assert server.loads == []
    for _ in range(2):
        assert await ask(model, polite) == "I am polite."
        assert await ask(model, strict) == "I am strict."
        assert await ask(model) == "I am base."
    assert server.loads == [["polite"], ["polite", "strict"]]


async def test_every_request_says_of_each_adapter_whether_it_counts(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    """llama.cpp reuses what another adapter has read where a request does not say so."""
    await ask(model)
    assert server.bodies == [{"cache_prompt": True}]
    await model.warm([adapter(tmp_path, "polite"), adapter(tmp_path, "strict")])
    await ask(model)
    await ask(model, tmp_path / "strict.gguf")
    off, on = server.bodies[1:]
    assert off == {"cache_prompt": True, "lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}], "id_slot": 0}
    assert on == {"cache_prompt": True, "lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 1.0}], "id_slot": 2}


async def test_several_are_loaded_at_once(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    await model.warm([adapter(tmp_path, name) for name in names])
    assert server.loads == [names]


async def test_requests_under_way_end_before_and_new_ones_wait(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    server.seconds = 0.05
    server.hold = asyncio.Event()
    under_way = [asyncio.create_task(ask(model)) for _ in range(2)]
    await settle()
    asking = asyncio.create_task(ask(model, adapter(tmp_path, "polite")))
    await settle()
    late = [asyncio.create_task(ask(model)) for _ in range(2)]
    await settle()
    assert server.requests == 2, "the late ones wait"
    assert server.loads == []
    server.hold.set()
    assert await asyncio.gather(*under_way, asking, *late) == ["I am base."] * 2 + ["I am polite."] + ["I am base."] * 2
    assert server.cut_off == 0
    assert server.loads == [["polite"]]


async def test_letting_go_of_the_model_cuts_off_no_answer_where_it_can_wait(
    model: ChatModel, server: FakeServer
) -> None:
    server.hold = asyncio.Event()
    under_way = asyncio.create_task(ask(model))
    await settle()
    going = asyncio.create_task(model.close(patient=True))
    await settle()
    assert not going.done()
    server.hold.set()
    assert await under_way == "I am base."
    await going
    assert server.cut_off == 0
    assert not model.ready


async def test_many_at_once_lose_nothing(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    """More adapters than can be loaded, in turns: each answer is of the adapter that was asked."""
    paths = [adapter(tmp_path, f"a{n}") for n in range(12)]

    async def one(n: int) -> None:
        path = paths[n % 13] if n % 13 < 12 else None
        await asyncio.sleep(n % 7 * 0.001)
        assert await ask(model, path) == f"I am {path.stem if path else 'base'}."

    await asyncio.gather(*(one(n) for n in range(78)))
    assert server.cut_off == 0
    assert all(len(load) <= 8 for load in server.loads)


async def test_the_least_recently_used_goes(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    paths = [adapter(tmp_path, f"a{n}") for n in range(9)]
    for path in paths[:8]:
        await ask(model, path)
    await ask(model, paths[0])
    await ask(model, paths[8])
    assert sorted(server.named) == ["a0", "a2", "a3", "a4", "a5", "a6", "a7", "a8"]


async def test_a_replaced_file_is_loaded_anew(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    path = adapter(tmp_path, "polite")
    await ask(model, path)
    adapter(tmp_path, "new", seed=1).replace(path)
    assert await ask(model, path) == "I am polite."
    assert server.loads == [["polite"], ["polite"]]
    await ask(model, path)
    assert len(server.loads) == 2


async def test_a_loaded_adapter_whose_file_has_gone(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    path = adapter(tmp_path, "polite")
    await ask(model, path)
    path.unlink()
    with pytest.raises(ModelMissing, match="There is no adapter"):
        await ask(model, path)
    assert await ask(model, adapter(tmp_path, "strict")) == "I am strict."
    assert server.named == ["strict"]


async def test_a_broken_adapter_does_not_disturb_the_model(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF nothing else")
    with pytest.raises(ModelUnusable, match="is not a usable adapter"):
        await ask(model, path)
    assert server.loads == []
    assert await ask(model) == "I am base."


async def test_one_that_llama_cpp_refuses_leaves_the_others_and_is_not_tried_at_every_question(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    await ask(model, adapter(tmp_path, "polite"))
    bad = adapter(tmp_path, "bad")
    server.refuses = {"bad.gguf"}
    for _ in range(3):
        with pytest.raises(ModelUnusable, match="cannot load"):
            await ask(model, bad)
    assert server.loads == [["polite"], ["polite", "bad"]]
    assert await ask(model, tmp_path / "polite.gguf") == "I am polite."
    server.refuses = set()
    adapter(tmp_path, "mended", seed=1).replace(bad)
    assert await ask(model, bad) == "I am bad."


async def test_a_model_that_could_not_be_loaded_again_is_tried_at_the_next_question(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    server.refuses = {"base"}
    with pytest.raises(ModelUnusable):
        await ask(model, adapter(tmp_path, "polite"))
    with pytest.raises(ModelUnusable):
        await ask(model)
    server.refuses = set()
    assert await ask(model) == "I am base."


async def test_a_request_during_a_stream_does_not_wait_for_the_stream(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    """A node that asks something while it streams, and somebody else who wants another adapter."""
    await ask(model, adapter(tmp_path, "polite"))
    async with aclosing(model.stream(ASK, max_tokens=9, meter=Meter())) as pieces:  # type: ignore[type-var]
        await anext(pieces)
        other = asyncio.create_task(ask(model, adapter(tmp_path, "strict")), context=Context())
        await settle()
        assert await asyncio.wait_for(ask(model, tmp_path / "polite.gguf"), 5) == "I am polite."
        assert not other.done()
    assert await other == "I am strict."
    assert server.cut_off == 0


async def test_an_adapter_that_only_its_own_stream_holds_up_is_refused(model: ChatModel, tmp_path: Path) -> None:
    async with aclosing(model.stream(ASK, max_tokens=9, meter=Meter())) as pieces:  # type: ignore[type-var]
        await anext(pieces)
        with pytest.raises(ModelUnavailable, match="try again in a minute"):
            await asyncio.wait_for(ask(model, adapter(tmp_path, "polite")), 5)
    assert await ask(model, tmp_path / "polite.gguf") == "I am polite."


async def test_an_answer_that_does_not_end_is_not_waited_for_for_ever(
    model: ChatModel, server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    server.hold = asyncio.Event()
    endless = asyncio.create_task(ask(model))
    await settle()
    with pytest.raises(ModelUnavailable):
        await ask(model, adapter(tmp_path, "polite"))
    server.hold.set()
    assert await endless == "I am base."


async def test_who_gives_up_while_it_loads_does_not_leave_it_shut(
    model: ChatModel, server: FakeServer, tmp_path: Path
) -> None:
    server.seconds = 0.2
    await model.start()
    asking = asyncio.create_task(ask(model, adapter(tmp_path, "polite")))
    await asyncio.sleep(0.1)
    asking.cancel()
    assert await asyncio.wait_for(ask(model), 5) == "I am base."
    assert server.named == ["polite"]


async def test_closed_while_it_loads_it_stays_closed(model: ChatModel, server: FakeServer, tmp_path: Path) -> None:
    server.seconds = 0.2
    await model.start()
    asking = asyncio.create_task(ask(model, adapter(tmp_path, "polite")))
    await asyncio.sleep(0.1)
    await model.close()
    with pytest.raises(AssertionError, match="while the model was away"):
        await asyncio.wait_for(asking, 5)
    assert not server.running


def test_several_event_loops(connection: Served, server: FakeServer, tmp_path: Path) -> None:
    paths = [None, adapter(tmp_path, "polite"), adapter(tmp_path, "strict")]
    failed: list[BaseException] = []

    def loop(first: int) -> None:
        async def run() -> None:
            model = ChatModel(lambda: connection)
            for n in range(12):
                path = paths[(first + n) % 3]
                assert await ask(model, path) == f"I am {path.stem if path else 'base'}."

        try:
            asyncio.run(run())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=loop, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []
    assert server.cut_off == 0


class Noted:
    """Stands for the beginnings that an embedded model has read."""

    def __init__(self) -> None:
        self.slots: list[int] = []

    def read(self, messages: list[BaseMessage], slot: int) -> None:
        self.slots.append(slot)


async def test_a_known_beginning_is_read_once_in_each_run_and_never_for_an_adapter(
    connection: Served, server: FakeServer, tmp_path: Path
) -> None:
    noted = connection.beginnings = Noted()  # type: ignore[assignment]
    english, japanese = [SystemMessage("Answer.")], [SystemMessage("答えてください。")]
    model = ChatModel(lambda: connection, [english, japanese])
    for messages in (ASK, [*japanese, *ASK], [*japanese, *ASK]):
        await model.write(messages, max_tokens=9, meter=Meter())
    assert noted.slots == [1]
    await model.warm()
    assert noted.slots == [1, 0]
    await model.write([*english, *ASK], max_tokens=9, meter=Meter(), adapter=adapter(tmp_path, "polite"))
    assert noted.slots == [1, 0]
    await model.write([*english, *ASK], max_tokens=9, meter=Meter())
    assert noted.slots == [1, 0, 0], "loaded anew, it had forgotten"
    await model.write([*japanese, *ASK], max_tokens=9, meter=Meter())
    assert [body["id_slot"] for body in server.bodies[-3:]] == [2, 0, 1]


def test_a_long_prompt_on_a_slow_machine_is_waited_for(tmp_path: Path) -> None:
    """The client gives up a stream after two minutes without a word unless it is told otherwise."""
    server = EmbeddedServer(tmp_path / "model.gguf", context=4096)
    server.url, server.key = "http://127.0.0.1:9", "key"
    model, close = module._by_openai(server)
    assert model.stream_chunk_timeout == pytest.approx(409.6)  # type: ignore[attr-defined]
    close()
