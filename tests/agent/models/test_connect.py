from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from gguf_files import LLAMA, gguf
from local_place import CONTENT, make_model

from agent.errors import ModelError, ModelMissing, ModelUnavailable, ModelUnusable
from agent.models.catalogue import Catalogue
from agent.models.connect import connect, resolve
from agent.settings import Settings


@pytest.mark.parametrize(
    ("value", "where", "named", "model"),
    [
        ("qwen2.5-coder-1.5b", "catalogue", "qwen2.5-coder-1.5b", ""),
        ("small", "catalogue", "qwen2.5-coder-0.5b", ""),
        ("Small ", "catalogue", "qwen2.5-coder-0.5b", ""),
        ("/models/my.gguf", "file", "/models/my.gguf", ""),
        ("my.GGUF", "file", "my.GGUF", ""),
        ("~/model", "file", "~/model", ""),
        ("./small", "file", "./small", ""),
        ("C:\\models\\my.gguf", "file", "C:\\models\\my.gguf", ""),
        ("http://localhost:11434/v1#qwen3:8b", "server", "http://localhost:11434/v1", "qwen3:8b"),
        ("https://llm.example/v1/", "server", "https://llm.example/v1", ""),
        ("anthropic:claude-sonnet-4-5", "provider", "anthropic", "claude-sonnet-4-5"),
        ("ollama:qwen3:8b", "provider", "ollama", "qwen3:8b"),
    ],
)
def test_what_the_setting_means(value: str, where: str, named: str, model: str) -> None:
    target = resolve(value, Catalogue.load())
    assert (target.where, target.value, target.model) == (where, named, model)
    assert (target.entry is not None) is (where == "catalogue")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("qwen2.5-coder-0.5", "did you mean 'qwen2.5-coder-0.5b'?"),
        ("llama", "kotae models list"),
        ("", "kotae models list"),
        ("anthropic:", "kotae models list"),
        ("a model: mine", "kotae models list"),
        ("http://", "names no server"),
    ],
)
def test_what_means_nothing(value: str, told: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        resolve(value, Catalogue.load())
    assert told in str(caught.value)


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", **given)


def failure(kind: type[ModelError], settings: Settings) -> str:
    with pytest.raises(kind) as caught:
        connect(settings)
    line = str(caught.value)
    assert "\n" not in line
    assert type(caught.value) is kind
    return line


@pytest.mark.parametrize(
    ("model", "command"), [("qwen2.5-coder-1.5b", "`kotae models pull`"), ("small", "`kotae models pull small`")]
)
def test_a_model_that_was_not_downloaded(tmp_path: Path, model: str, command: str) -> None:
    line = failure(ModelMissing, settings(tmp_path, model=model))
    assert "is not downloaded yet" in line
    assert command in line


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "There is no model file" in failure(ModelMissing, settings(tmp_path, model=str(tmp_path / "no.gguf")))


def test_a_model_with_another_hash_is_not_loaded(tmp_path: Path, own_settings: Path) -> None:
    own_settings.parent.mkdir()
    entry = make_model().model_dump(mode="json")
    own_settings.with_name("catalogue.yaml").write_text(yaml.safe_dump({"models": [entry]}), "utf-8")
    given = settings(tmp_path, model="tiny")
    given.models_dir.mkdir()
    (given.models_dir / "tiny.gguf").write_bytes(CONTENT[::-1])
    line = failure(ModelUnusable, given)
    assert "its hash differs" in line
    assert "kotae models pull tiny" in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"%PDF-1.7 something else", "it is not a GGUF file"),
        (gguf()[:-1], "it is cut off"),
        (gguf(LLAMA | {"general.type": "adapter"}), "an adapter"),
        (gguf({"general.architecture": "clip"}), "does not describe a language model"),
        (gguf(), "cannot load model.gguf (architecture 'llama')"),
        (gguf(LLAMA | {"llama.context_length": 10**9, "llama.block_count": 100_000}), "GB of memory"),
    ],
    ids=["pdf", "cut off", "adapter", "clip", "no weights", "too big"],
)
def test_a_file_that_is_no_usable_model(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    assert told in failure(ModelUnusable, settings(tmp_path, model=str(path), context=131072))


def test_a_model_that_is_too_big_names_what_it_needs_and_a_way_on(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(LLAMA | {"llama.context_length": 10**9, "llama.block_count": 100_000}))
    line = failure(ModelUnusable, settings(tmp_path, model=str(path), context=131072))
    # 131072 tokens × 100,000 layers × 2 heads × (16 + 16) values × 2 bytes, and 0.07 for the rest
    assert "needs 1677.8 GB of memory" in line
    assert "kotae models use small" in line


class Server(ThreadingHTTPServer):
    """Speaks as much of the OpenAI protocol as is asked of it here, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.models: Any = {"data": [{"id": "one"}, {"id": "two"}]}
        self.key = ""
        self.bodies: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            return self._send(401, {"error": "no"})
        return self._send(200 if self.path == "/v1/models" else 404, self.server.models)

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = {"role": "assistant", "content": "Yes."}
        self._send(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "one",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
            },
        )

    def _send(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


async def test_a_server_is_asked_for_its_first_model(tmp_path: Path, server: Server) -> None:
    connection = connect(settings(tmp_path, model=server.url))
    assert connection.name == "one"
    reply = await connection.model.ainvoke([("user", "Is it?")], max_tokens=7)
    assert reply.text == "Yes."
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_tokens"] == 5
    (body,) = server.bodies
    assert body["model"] == "one"
    # Ollama and LM Studio know only this name for it.
    assert body["max_tokens"] == 7
    assert "max_completion_tokens" not in body
    connection.close()


def test_a_named_model_is_not_looked_up(tmp_path: Path, server: Server) -> None:
    server.models = {"data": []}
    connection = connect(settings(tmp_path, model=f"{server.url}#mine:8b"))
    assert connection.name == "mine:8b"
    connection.close()


def test_a_key_opens_a_server(tmp_path: Path, server: Server) -> None:
    server.key = "open sesame"
    connect(settings(tmp_path, model=server.url, api_key="open sesame")).close()
    assert "refuses the key" in failure(ModelUnusable, settings(tmp_path, model=server.url, api_key="other"))


def test_a_proxy_of_the_environment_is_not_asked(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    connection = connect(settings(tmp_path, model=server.url))
    assert connection.model.invoke([("user", "Is it?")]).text == "Yes."
    connection.close()


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ({"data": []}, "offers no model"),
        ({"error": "?"}, "does not list its models"),
        (b"<html>", "does not list its models"),
        ([], "does not list its models"),
    ],
)
def test_a_server_without_a_list(tmp_path: Path, server: Server, models: Any, told: str) -> None:
    server.models = models
    assert told in failure(ModelUnavailable, settings(tmp_path, model=server.url))


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    line = failure(ModelUnavailable, settings(tmp_path, model="http://127.0.0.1:9/v1"))
    assert "http://127.0.0.1:9/v1 does not answer" in line


def test_a_provider_without_its_package_names_it(tmp_path: Path) -> None:
    line = failure(ModelUnusable, settings(tmp_path, model="groq:llama"))
    assert "pip install langchain-groq" in line


def test_an_unknown_provider(tmp_path: Path) -> None:
    assert "There is no provider 'qwen3'" in failure(ModelMissing, settings(tmp_path, model="qwen3:8b"))


def test_a_provider_with_a_key(tmp_path: Path) -> None:
    connection = connect(settings(tmp_path, model="openai:gpt-x", api_key="k"))
    assert connection.name == "openai:gpt-x"
    connection.close()


def test_a_provider_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "api_key" in failure(ModelUnusable, settings(tmp_path, model="openai:gpt-x"))


def test_the_key_is_not_in_what_is_printed(tmp_path: Path) -> None:
    connection = connect(settings(tmp_path, model="openai:gpt-x", api_key="canary-key"))
    assert "canary-key" not in repr(connection)
    connection.close()
