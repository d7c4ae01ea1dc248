"""What every prompt of a language begins with, read by the embedded model once for all and kept in a file.

A local model needs seconds to read the system prompt and the worked examples. What it has made of them (the keys and
values of its attention) is a few megabytes, and is back in milliseconds when the program starts the next time. Only our
own prompts are ever kept, never a question and never a source.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent.models.files import digest

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from agent.models.embedded import EmbeddedServer

log = logging.getLogger(__name__)

_KEPT: Final = 6
"""Files in the folder at most: two languages for each of the last models that were used."""
_PATIENCE: Final = 300.0
_ROLES: Final = {"system": "system", "human": "user", "ai": "assistant"}


class Beginnings:
    """The beginnings of prompts of one running model, in the files of `folder`.

    A file is named by what it was made from and by its own SHA-256: one that was cut, or that another model or another
    llama.cpp wrote, is never loaded. Where nothing can be written, the model reads anew; that is all that is lost. They
    are of the model alone: what an adapter reads is never kept.
    """

    def __init__(self, server: EmbeddedServer, folder: Path) -> None:
        self._server = server
        self._folder = folder

    def read(self, messages: Sequence[BaseMessage], slot: int) -> None:
        """Have the model know `messages` in one of its slots, from a file if there is one; blocking, up to seconds.

        What goes wrong here is only logged: the prompt is then read with the first question.
        """
        import httpx

        slot %= self._server.slots
        if self._server.adapters and not self._server.voices:
            return  # adapters use the same slots, and nobody could tell who was there last
        try:
            with self._client() as client:
                if self._restored(client, messages, slot):
                    return
                asked = [{"role": _ROLES[m.type], "content": str(m.text)} for m in messages]
                # a conversation that ends with an answer would be continued, not answered
                asked.append({"role": "user", "content": "."})
                body = {"messages": asked, "max_tokens": 1, "id_slot": slot, "cache_prompt": True, **self._alone()}
                client.post("/v1/chat/completions", json=body).raise_for_status()
                self._save(client, messages, slot)
        except (httpx.HTTPError, OSError) as error:
            log.info("the beginning of the prompts could not be kept: %s", type(error).__name__)

    def _restored(self, client: Any, messages: Sequence[BaseMessage], slot: int) -> bool:
        for file in self._folder.glob(f"{self._mark(messages)}-*.kv"):
            if digest(file)[:16] != file.stem.rpartition("-")[2]:
                file.unlink()
                continue
            if alone := self._alone():
                # A slot goes by the adapter of its last request: without this one, what is restored would be dropped
                # at the next request of the model alone, or, worse, be taken for what that adapter has read.
                client.post("/completion", json={"prompt": ".", "n_predict": 1, "id_slot": slot, **alone})
            reply = client.post(f"/slots/{slot}?action=restore", json={"filename": file.name})
            if reply.status_code == 200:
                os.utime(file)
                return True
        return False

    def _alone(self) -> dict[str, Any]:
        return {"lora": self._server.off} if self._server.adapters else {}

    def _save(self, client: Any, messages: Sequence[BaseMessage], slot: int) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f"new-{secrets.token_hex(8)}.kv"
        try:
            client.post(f"/slots/{slot}?action=save", json={"filename": new.name}).raise_for_status()
            new.replace(self._folder / f"{self._mark(messages)}-{digest(new)[:16]}.kv")
        finally:
            new.unlink(missing_ok=True)
        files = sorted(self._folder.glob("*.kv"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[_KEPT:]:
            with suppress(OSError):
                old.unlink()

    def _mark(self, messages: Sequence[BaseMessage]) -> str:
        """Changes with the model's file, with llama.cpp, with the window and with every word of the messages."""
        status = self._server.path.stat()
        made_from = [
            self._server.path.name,
            status.st_size,
            status.st_mtime_ns,
            version("xllamacpp"),
            self._server.context,
            [[m.type, str(m.text)] for m in messages],
        ]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]

    def _client(self) -> Any:
        import httpx

        return httpx.Client(
            base_url=self._server.url,
            headers={"Authorization": f"Bearer {self._server.key}"},
            trust_env=False,
            timeout=_PATIENCE,
        )
