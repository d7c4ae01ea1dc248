"""A server that holds specialists, as vLLM does with `--enable-lora`, and knows the protocol to the letter.

Whatever vLLM would not know, or would take for something else, is answered with 400 and kept in `faults`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NEEDED = {"model", "messages", "stream", "temperature", "max_tokens"}
ALLOWED = NEEDED | {"stream_options", "response_format", "logprobs", "top_logprobs"}
BASE, ADAPTER = "Qwen/Qwen2.5-Coder-0.5B-Instruct", "banking"


class StrictServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.key = ""
        self.keys: list[str] = []
        """Those that were shown."""
        self.reply = "Hello."
        self.bodies: list[dict[str, Any]] = []
        self.faults: list[str] = []


@contextmanager
def strict_server() -> Iterator[StrictServer]:
    server = StrictServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def faults(body: Any) -> list[str]:
    """What is wrong with the body of a chat completion."""
    if not isinstance(body, dict):
        return ["the body is no object"]
    found = [f"missing: {key}" for key in sorted(NEEDED - body.keys()) if key != "stream"]
    found += [f"unknown: {key}" for key in sorted(body.keys() - ALLOWED)]
    if body.get("temperature") != 0:
        found.append("temperature is not 0")
    if not isinstance(body.get("max_tokens"), int):
        found.append("max_tokens is no number")
    for message in body.get("messages") or [{}]:
        if set(message) != {"role", "content"} or message.get("role") not in ("system", "user", "assistant"):
            found.append(f"a message with {sorted(message)}")
        elif not isinstance(message["content"], str) or not message["content"]:
            found.append("a message without text")
    if (form := body.get("response_format")) is not None:
        inner = form.get("json_schema") or {}
        if form.get("type") != "json_schema" or not inner.get("name") or not isinstance(inner.get("schema"), dict):
            found.append("response_format is no JSON schema")
    return found


class _Handler(BaseHTTPRequestHandler):
    server: StrictServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200 if self.path == "/v1/models" else 404, {"data": [{"id": BASE}, {"id": ADAPTER}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        shown = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.server.keys.append(shown)
        if self.server.key and shown != self.server.key:
            return self._send(401, {"error": "Unauthorized"})
        if self.path != "/v1/chat/completions":
            return self._send(404, {"detail": "Not Found"})
        if body.get("model") not in (BASE, ADAPTER):
            said = f"The model `{body.get('model')}` does not exist."
            return self._send(404, {"error": {"message": said, "type": "NotFoundError", "param": None, "code": 404}})
        if wrong := faults(body):
            self.server.faults += wrong
            return self._send(400, {"error": {"message": "; ".join(wrong), "type": "BadRequestError", "code": 400}})
        self.server.bodies.append(body)
        return self._stream() if body.get("stream") else self._whole(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self._event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        text = self.server.reply
        for piece in (text[: len(text) // 2], text[len(text) // 2 :]):
            self._event([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
        self._event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        self._event([], usage={"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> None:
        row = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": ADAPTER, "choices": choices, **more}
        self.wfile.write(f"data: {json.dumps(row, ensure_ascii=False)}\n\n".encode())
        self.wfile.flush()

    def _whole(self, body: dict[str, Any]) -> None:
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": self.server.reply},
            "finish_reason": "stop",
        }
        if body.get("logprobs"):
            top = [{"token": "yes", "logprob": -0.2231}, {"token": "no", "logprob": -1.6094}]
            choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
        usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
        row = {"id": "1", "object": "chat.completion", "created": 0, "model": ADAPTER, "choices": [choice]}
        self._send(200, row | {"usage": usage})

    def _send(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
