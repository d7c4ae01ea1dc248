"""The language model as the nodes use it: stream a text, write a short text, ask yes or no.

One class for every provider: what differs between them (log-probabilities, usage, errors) ends here.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from agent.errors import KotaeError, ModelUnavailable, ModelUnusable
from agent.models.form import constraint, json_format
from agent.models.plain import unmarked
from agent.state import Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, BaseMessage

    from agent.models.served import Served

log = logging.getLogger(__name__)

_YES = ("yes", "はい")
_NO = ("no", "いいえ")


class Connection(Protocol):
    """A model that is ready to answer, and how to let it go."""

    @property
    def model(self) -> BaseChatModel: ...
    @property
    def name(self) -> str: ...
    @property
    def embedded(self) -> Served | None:
        """None for a model that is not in this process."""

    @property
    def origin(self) -> str:
        """Where a person has named the model, for the lines of errors."""

    @property
    def formats(self) -> bool:
        """Whether a server takes `response_format` with a JSON schema."""

    def close(self) -> None: ...


class Meter:
    """Adds up the model work of one node."""

    def __init__(self) -> None:
        self.usage = Usage()

    def count(self, message: AIMessage) -> None:
        """Add what `message` cost. Call once for a message that was received whole."""
        self.tokens(message)
        self.call()

    def call(self) -> None:
        self.usage += Usage(calls=1)

    def tokens(self, message: AIMessage) -> None:
        used = message.usage_metadata
        if used is not None:
            cached = used.get("input_token_details", {}).get("cache_read") or 0
            self.usage += Usage(prompt=used["input_tokens"] - cached, cached=cached, completion=used["output_tokens"])


class ChatModel:
    """Connects on first use (loading an embedded model takes seconds), then serves every node.

    All methods raise `ModelError` and nothing else; `ModelUnavailable` may be tried again.

    `adapter` is the file of a LoRA adapter (GGUF) that the model is asked with; only an embedded model takes one. An
    adapter that is not loaded yet is loaded when the requests under way have ended, and those to come wait for it.
    With `anew` an embedded model reads the whole prompt, and not what it has kept of another one: asked one after the
    other it then replies to the last byte as it did before, whatever it was asked in between.
    `schema` is a JSON schema that the reply is held to; a provider (`provider:model`) is not held to any. For a schema
    that is only an `enum` of texts an embedded model replies with one of them as it is, and a server with one of them
    as JSON, in quotes.
    """

    def __init__(self, connect: Callable[[], Connection], known: Sequence[Sequence[BaseMessage]] = ()) -> None:
        """`known` are the messages that many prompts begin with: an embedded model reads them ahead."""
        self._connect = connect
        self._known = known
        self._read: set[tuple[int, int]] = set()
        """Which of them were read, in which run of an embedded model."""
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self._logprobs = True

    @property
    def ready(self) -> bool:
        """Whether the model is loaded; the first call of one that is not takes longer."""
        return self._connection is not None

    async def start(self) -> BaseChatModel:
        """Connect now rather than at the first question."""
        return (await self._connected()).model

    async def _connected(self) -> Connection:
        async with self._lock:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._connect)
            return self._connection

    async def warm(self, adapters: Sequence[Path] = ()) -> None:
        """Load an embedded model with `adapters` and let it read what its prompts begin with. Nothing is sent to any
        other model before somebody asks."""
        embedded = (await self._connected()).embedded
        if embedded is not None:
            await embedded.load(adapters)
            async with embedded.entered(None):
                for number in range(len(self._known)):
                    await self._begin(embedded, number)

    @asynccontextmanager
    async def _asked(
        self,
        messages: Sequence[BaseMessage],
        adapter: Path | None,
        schema: Mapping[str, Any] | None,
        *,
        anew: bool = False,
    ) -> AsyncIterator[tuple[BaseChatModel, dict[str, Any]]]:
        """The model and what a request says besides its messages. An embedded one has read what `messages` begin with
        if they begin with something known."""
        connection = await self._connected()
        if (embedded := connection.embedded) is None:
            if adapter is not None:
                raise ModelUnusable(
                    f"{connection.name} takes no adapter from here: choose an embedded model with `kotae models use`, "
                    "or load the adapter there and write `adapter: remote` into the specialist's card."
                )
            yield connection.model, {"extra_body": json_format(schema)} if schema and connection.formats else {}
            return
        async with embedded.entered(adapter) as voice:
            for number, known in enumerate(self._known):
                if voice is None and list(messages[: len(known)]) == list(known):
                    await self._begin(embedded, number)
            with embedded.slot(voice, messages) as body:
                body |= (constraint(schema) if schema else {}) | ({"cache_prompt": False} if anew else {})
                yield embedded.model, {"extra_body": body}

    async def _begin(self, embedded: Served, number: int) -> None:
        async with self._lock:
            if (embedded.runs, number) not in self._read:
                await asyncio.to_thread(embedded.beginnings.read, self._known[number], number)
                embedded.note(number, self._known[number])
                self._read.add((embedded.runs, number))

    async def close(self, *, patient: bool = False) -> None:
        """Let the model go; the next request connects again. `patient`: after the requests under way, which are cut
        off otherwise."""
        async with self._lock:
            connection, self._connection = self._connection, None
            self._read.clear()
        if connection is None:
            return
        if patient and connection.embedded is not None:
            await connection.embedded.ended()
        await asyncio.to_thread(connection.close)

    async def stream(
        self,
        messages: Sequence[BaseMessage],
        *,
        max_tokens: int,
        meter: Meter,
        adapter: Path | None = None,
        schema: Mapping[str, Any] | None = None,
        anew: bool = False,
    ) -> AsyncIterator[str]:
        """The reply, piece by piece. Closing the iterator stops the model."""
        messages = [unmarked(message) for message in messages]
        async with self._asked(messages, adapter, schema, anew=anew) as (model, extra):
            meter.call()
            try:
                chunks = model.astream(list(messages), max_tokens=max_tokens, **extra)
                async with aclosing(chunks):  # type: ignore[type-var]
                    async for chunk in chunks:
                        meter.tokens(chunk)
                        if text := _text(chunk):
                            yield text
            except (KotaeError, AssertionError):
                raise
            except Exception as error:
                raise self._unavailable(error) from error

    async def write(
        self,
        messages: Sequence[BaseMessage],
        *,
        max_tokens: int,
        meter: Meter,
        adapter: Path | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> str:
        """The whole reply, stripped."""
        stream = self.stream(messages, max_tokens=max_tokens, meter=meter, adapter=adapter, schema=schema)
        async with aclosing(stream) as pieces:  # type: ignore[type-var]
            return "".join([piece async for piece in pieces]).strip()

    async def yes(self, messages: Sequence[BaseMessage], *, meter: Meter, adapter: Path | None = None) -> float:
        """Probability that the reply to a yes-or-no question is yes.

        From the log-probabilities of the first token, normalised over yes and no (the reading of Kadavath et al.
        2022, arXiv 2207.05221, section 3); 1, 0 or .5 from the text where a provider gives none.
        """
        messages = [unmarked(message) for message in messages]
        async with self._asked(messages, adapter, None) as (model, extra):
            try:
                return await self._said_yes(model, list(messages), meter, extra)
            except (KotaeError, AssertionError):
                raise
            except Exception as error:
                if not (self._logprobs and _refuses_logprobs(error)):
                    raise self._unavailable(error) from error
        self._logprobs = False
        return await self.yes(messages, meter=meter, adapter=adapter)

    async def _said_yes(
        self, model: BaseChatModel, messages: list[BaseMessage], meter: Meter, extra: dict[str, Any]
    ) -> float:
        if self._logprobs:
            try:
                reply = await model.ainvoke(messages, max_tokens=1, logprobs=True, top_logprobs=20, **extra)
            except (TypeError, ValueError):
                self._logprobs = False
            else:
                meter.count(reply)
                found = _yes_from_logprobs(reply.response_metadata)
                return _yes_from_text(_text(reply)) if found is None else found
        reply = await model.ainvoke(messages, max_tokens=4, **extra)
        meter.count(reply)
        return _yes_from_text(_text(reply))

    def _unavailable(self, error: Exception) -> ModelUnavailable:
        log.warning("model call failed: %s", type(error).__name__, exc_info=error)
        status = getattr(error, "status_code", None)
        if status in (401, 403):
            return ModelUnavailable("The model's server refused the key; set KOTAE_API_KEY to one that it accepts.")
        if status == 404:
            where = self._connection.origin if self._connection is not None else "the setting `model`"
            return ModelUnavailable(f"The model's server has no such model; check {where}.")
        if status == 429:
            return ModelUnavailable("The model's server asks to slow down; try again in a minute.")
        return ModelUnavailable("The model did not answer; try again, and run `kotae doctor` if it stays so.")


def _text(message: AIMessage) -> str:
    return str(message.text)


def _yes_from_text(text: str) -> float:
    said = _side(text.strip().split(" ")[0])
    return 0.5 if said is None else float(said)


def _side(token: str) -> bool | None:
    """True for a token that begins or continues "yes", False for "no", None for anything else."""
    word = token.strip(" 「\"'.。」,、\n").casefold()
    if not word:
        return None
    if any(word.startswith(w) or w.startswith(word) for w in _YES):
        return True
    if any(word.startswith(w) or w.startswith(word) for w in _NO):
        return False
    return None


def _yes_from_logprobs(metadata: dict[str, Any]) -> float | None:
    content = (metadata.get("logprobs") or {}).get("content") or []
    if not content:
        return None
    mass = {True: 0.0, False: 0.0}
    for entry in content[0].get("top_logprobs") or [content[0]]:
        side = _side(entry["token"])
        if side is not None:
            mass[side] += math.exp(entry["logprob"])
    total = mass[True] + mass[False]
    return mass[True] / total if total > 1e-3 else None


def _refuses_logprobs(error: Exception) -> bool:
    return getattr(error, "status_code", None) in (400, 404, 422) and "logprob" in str(error).casefold()
