"""The embedded llama.cpp with the catalogue's small model: `pytest -m live`."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import httpx
import psutil
import pytest

from agent.models.catalogue import Catalogue
from agent.models.chat import Connection
from agent.models.connect import connect
from agent.models.embedded import EmbeddedServer
from agent.models.plain import plain
from agent.settings import Settings

pytestmark = pytest.mark.live

SOURCES = "[1] The museum opens at nine and closes at five. " + "[2] The ferry leaves every hour until midnight. " * 20


@pytest.fixture(scope="module")
def path() -> Path:
    small = Catalogue.load().find("small")
    assert small is not None
    path = Settings().models_dir / small.file
    if not path.is_file():
        pytest.skip(f"{small.name} is not downloaded: run `kotae models pull small`")
    return path


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(path, context=2048)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    connection = connect(Settings(model="small", context=2048))
    yield connection
    connection.close()


def post(server: EmbeddedServer, key: str | None) -> httpx.Response:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    body = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 1}
    return httpx.post(f"{server.url}/v1/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


@pytest.mark.parametrize("key", [None, "wrong"])
def test_without_the_key_nothing_is_answered(server: EmbeddedServer, key: str | None) -> None:
    assert post(server, key).status_code == 401


def test_with_the_key_it_answers(server: EmbeddedServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert len(server.key) >= 40
    reply = post(server, server.key)
    assert reply.status_code == 200
    assert reply.json()["usage"]["completion_tokens"] == 1


def test_no_text_becomes_a_mark_of_the_chat_template(server: EmbeddedServer) -> None:
    """By the model's own tokenizer: every token that is not cut from text, and the letters it is written with."""
    headers = {"Authorization": f"Bearer {server.key}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=300, trust_env=False) as client:

        def tokens(text: str) -> list[int]:
            body = {"content": text, "parse_special": True, "add_special": False}
            return list(client.post("/tokenize", json=body).json()["tokens"])

        first = tokens("<|endoftext|>")[0]
        marks = [client.post("/detokenize", json={"tokens": [n]}).json()["content"] for n in range(first, first + 22)]
        assert "<|im_start|>" in marks
        assert "<tool_call>" in marks
        for mark in marks:
            assert tokens(mark)[0] >= first, "the server makes a mark of the letters"
            assert max(tokens(plain(f"Before {mark}after"))) < first


@pytest.mark.parametrize("endpoint", ["/", "/slots", "/metrics"])
def test_it_shows_nothing_else(server: EmbeddedServer, endpoint: str) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = httpx.get(server.url + endpoint, headers=headers, timeout=60, trust_env=False)
    assert reply.status_code in (404, 501)


def test_a_name_instead_of_the_path_is_told(server: EmbeddedServer) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = httpx.get(f"{server.url}/v1/models", headers=headers, timeout=60, trust_env=False)
    assert reply.json()["data"][0]["id"] == server.path.stem
    assert str(server.path.parent) not in reply.text


async def test_a_question_over_the_same_sources_is_read_from_the_cache(connection: Connection) -> None:
    first = await connection.model.ainvoke([("user", SOURCES + "When does the museum open?")], max_tokens=1)
    used = {}
    async for chunk in connection.model.astream([("user", SOURCES + "When does it close?")], max_tokens=8):
        used = chunk.usage_metadata or used
    assert first.usage_metadata is not None
    assert used["input_token_details"]["cache_read"] > 0.8 * first.usage_metadata["input_tokens"]
    third = await connection.model.ainvoke([("user", SOURCES + "Is it big?")], max_tokens=1)
    assert third.usage_metadata is not None
    assert third.usage_metadata["input_token_details"]["cache_read"] > 0.8 * third.usage_metadata["input_tokens"]


async def test_the_cache_survives_other_peoples_questions(connection: Connection) -> None:
    """More conversations than there are slots."""
    for start in ("A. ", "B. ", "C. "):
        await connection.model.ainvoke([("user", start + SOURCES + "Why?")], max_tokens=1)
    again = await connection.model.ainvoke([("user", "A. " + SOURCES + "When?")], max_tokens=1)
    assert again.usage_metadata is not None
    assert again.usage_metadata["input_token_details"]["cache_read"] > 0.8 * again.usage_metadata["input_tokens"]


async def test_a_yes_or_no_comes_with_its_probability(connection: Connection) -> None:
    messages = [("user", SOURCES + "Does the museum open at nine? Answer yes or no.")]
    reply = await connection.model.ainvoke(messages, max_tokens=1, logprobs=True, top_logprobs=20)
    tops = reply.response_metadata["logprobs"]["content"][0]["top_logprobs"]
    assert len(tops) == 20
    assert all(top["logprob"] <= 0 for top in tops)


async def test_a_stream_that_is_dropped_frees_the_model(connection: Connection) -> None:
    """Both slots begin to write for half a minute, are dropped, and the processor has nothing to do any more."""

    async def begin_and_drop() -> None:
        endless = {"ignore_eos": True}
        story = [("user", "Write a story of ten thousand words about a railway.")]
        async with aclosing(connection.model.astream(story, max_tokens=1800, extra_body=endless)) as chunks:  # type: ignore[type-var]
            async for chunk in chunks:
                if chunk.text:
                    return

    await asyncio.gather(begin_and_drop(), begin_and_drop())
    assert await becomes_idle()
    reply = await connection.model.ainvoke([("user", "Say yes.")], max_tokens=1)
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["output_tokens"] == 1


async def becomes_idle() -> bool:
    """Whether this process stops computing within five seconds."""
    for _ in range(10):
        before = sum(psutil.Process().cpu_times()[:2])
        await asyncio.sleep(0.5)
        if sum(psutil.Process().cpu_times()[:2]) - before < 0.05:
            return True
    return False


def test_stopping_cuts_off_what_is_under_way_and_frees_the_memory(path: Path) -> None:
    """In a process of its own, because a failure is to hang for ever."""
    code = (
        "import sys, threading, time, httpx, psutil\n"
        "from pathlib import Path\n"
        "from agent.models.embedded import EmbeddedServer\n"
        "server = EmbeddedServer(Path(sys.argv[1]), context=2048)\n"
        "server.start()\n"
        "loaded = psutil.Process().memory_info().rss\n"
        "url, headers = server.url, {'Authorization': f'Bearer {server.key}'}\n"
        "body = {'messages': [{'role': 'user', 'content': 'Tell.'}], 'max_tokens': 1800, 'ignore_eos': True}\n"
        "def ask():\n"
        "    try:\n"
        "        httpx.post(f'{url}/v1/chat/completions', json=body, headers=headers, timeout=600, trust_env=False)\n"
        "        print('answered')\n"
        "    except httpx.TransportError:\n"
        "        print('cut off')\n"
        "asking = threading.Thread(target=ask)\n"
        "asking.start()\n"
        "time.sleep(2)\n"
        "server.stop()\n"
        "asking.join()\n"
        "print('freed', loaded - psutil.Process().memory_info().rss > 300e6, server.running)\n"
        "server.start()\n"
        "print('runs again', server.running)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n") == ["cut off", "freed True False", "runs again True", ""]
    assert done.stderr == ""
    assert done.returncode == 0


def test_it_is_quiet(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = EmbeddedServer(path, context=1024)
    server.start()
    post(server, server.key)
    server.stop()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_a_window_longer_than_the_model_was_trained_for_is_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = EmbeddedServer(path, context=100_000)
    monkeypatch.setattr(EmbeddedServer, "_load", lambda *given: (_Listening(), "key"))
    server.start()
    assert server.context == 32768
    server.stop()


class _Listening:
    listening_address = "http://127.0.0.1:9"
