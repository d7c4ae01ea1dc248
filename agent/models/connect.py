"""From the setting `model` to a model that answers: the only place that knows how each kind is reached."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urldefrag, urlsplit

from agent.errors import ModelMissing, ModelUnavailable, ModelUnusable
from agent.models.catalogue import Catalogue, CatalogueModel
from agent.models.embedded import EmbeddedServer
from agent.models.files import verify
from agent.models.served import Served
from agent.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.models.chat import Connection

Where = Literal["catalogue", "file", "server", "provider"]

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_OPENAI_HOSTS = ("api.openai.com",)


@dataclass(frozen=True)
class Target:
    """What the setting `model` means. `value` is the name, path, URL or provider; `model` the name at a server."""

    where: Where
    value: str
    model: str = ""
    entry: CatalogueModel | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A model at a server or a provider. See `agent.models.chat.Connection`."""

    model: BaseChatModel
    name: str
    _close: Callable[[], None]
    formats: bool = False
    origin: str = "the setting `model`"
    embedded: None = None

    def close(self) -> None:
        self._close()


def connect(settings: Settings) -> Connection:
    """Reach the model that the settings name; an embedded one is loaded, which takes seconds.

    Raises `ModelMissing` (not downloaded, no such name), `ModelUnusable` (wrong hash, too big, not a model, package
    or key missing) or `ModelUnavailable` (the server does not answer), each with one line that says what to do.
    """
    return reach(resolve(settings.model, Catalogue.load()), settings)


def reach(target: Target, settings: Settings, origin: str = "the setting `model`") -> Connection:
    """Reach a model that was named in `origin`. Raises like `connect`."""
    if target.where == "server":
        return _server(target, settings, origin)
    if target.where == "provider":
        return _provider(target, settings)
    return _embedded(target, settings)


def resolve(value: str, catalogue: Catalogue) -> Target:
    """Read the setting `model`. Pure: looks at neither disk nor network. Raises `ModelMissing` for an unknown name."""
    value = value.strip()
    if entry := catalogue.find(value):
        return Target("catalogue", entry.name, entry=entry)
    if value.startswith(("http://", "https://")):
        url, model = urldefrag(value)
        if not urlsplit(url).hostname:
            raise ModelMissing(f"{value!r} names no server; write it like http://localhost:8000/v1#model.")
        return Target("server", url.rstrip("/"), model)
    if value.lower().endswith(".gguf") or value.startswith(("~", ".", "/", "\\")) or re.match(r"[A-Za-z]:\\", value):
        return Target("file", value)
    provider, colon, model = value.partition(":")
    if colon and provider and model and not re.search(r"\s", value):
        return Target("provider", provider, model)
    near = catalogue.similar(value)
    hint = f"did you mean {near!r}?" if near else "`kotae models list` shows the names."
    raise ModelMissing(f"There is no model named {value!r}; {hint}")


def model_file(target: Target, settings: Settings) -> Path:
    """Where the file of an embedded model lies, whether or not it is there."""
    if target.entry is not None:
        return settings.models_dir / target.entry.file
    return Path(target.value).expanduser().absolute()


def _embedded(target: Target, settings: Settings) -> Connection:
    path, entry = model_file(target, settings), target.entry
    if entry is not None:
        if not path.is_file():
            which = "" if entry.default else f" {entry.names[-1]}"
            raise ModelMissing(f"The model {entry.name} is not downloaded yet. Run `kotae models pull{which}`.")
        verify(path, entry)
    folder = settings.models_dir / "prompts"
    server = EmbeddedServer(path, threads=settings.threads, context=settings.context, folder=folder)
    server.start()
    try:
        return Served(server, entry.name if entry else path.stem, folder)
    except BaseException:
        server.stop()
        raise


def _server(target: Target, settings: Settings, origin: str) -> Elsewhere:
    import openai
    from langchain_openai import ChatOpenAI
    from langchain_openai.chat_models.base import BaseChatOpenAI
    from pydantic import SecretStr

    host = urlsplit(target.value).hostname or ""
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    shared: dict[str, Any] = {"trust_env": host not in _LOOPBACK}
    sync = openai.DefaultHttpxClient(**shared)
    name = target.model or _only_model(target.value, key, trust_env=shared["trust_env"])
    # OpenAI's own models want `max_completion_tokens`; other servers (Ollama, LM Studio) know `max_tokens` only and
    # would write without end.
    kind = ChatOpenAI if host in _OPENAI_HOSTS else BaseChatOpenAI
    model = kind(
        model=name,
        base_url=target.value,
        api_key=SecretStr(key or "none"),
        temperature=0,
        stream_usage=True,
        max_retries=2,
        http_client=sync,
        http_async_client=openai.DefaultAsyncHttpxClient(**shared),
    )
    return Elsewhere(model, name, sync.close, formats=True, origin=origin)


def _only_model(url: str, key: str, *, trust_env: bool) -> str:
    """The first model that the server offers, for a setting that names none."""
    import httpx

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        reply = httpx.get(f"{url}/models", headers=headers, timeout=10.0, trust_env=trust_env)
        if reply.status_code in (401, 403):
            raise ModelUnusable(f"The server at {url} refuses the key; set `api_key` to one that it accepts.")
        names = [str(model["id"]) for model in reply.raise_for_status().json()["data"]]
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ModelUnavailable(
            f"The server at {url} does not answer; start it, or check the setting `model`."
        ) from error
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(
            f"The server at {url} does not list its models; check the address, or name one: {url}#model."
        ) from error
    if not names:
        raise ModelUnavailable(f"The server at {url} offers no model; load one there first.")
    return names[0]


def _provider(target: Target, settings: Settings) -> Elsewhere:
    from langchain.chat_models import init_chat_model

    provider, model = target.value, target.model
    key: dict[str, Any] = {"api_key": settings.api_key.get_secret_value()} if settings.api_key else {}
    try:
        # No temperature: the reasoning models of several providers refuse it.
        made = init_chat_model(model, model_provider=provider, **key)
    except ImportError as error:
        package = re.search(r"pip install (?:-U )?([\w-]+)", str(error))
        named = package[1] if package else f"langchain-{provider}"
        raise ModelUnusable(f"The provider {provider!r} needs a package: run `pip install {named}`.") from error
    except ValueError as error:
        if "nsupported" in str(error):
            raise ModelMissing(
                f"There is no provider {provider!r}; write `provider:model`, for example anthropic:MODEL or "
                "openai:MODEL, or http://host:port/v1#MODEL for a server."
            ) from error
        raise _refused(provider) from error
    except Exception as error:
        raise _refused(provider) from error
    return Elsewhere(made, f"{provider}:{model}", lambda: None)


def _refused(provider: str) -> ModelUnusable:
    return ModelUnusable(
        f"The provider {provider!r} cannot be set up; check the key in `api_key` and the name of the model."
    )
