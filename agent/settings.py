"""All settings, in one class. Nothing is read at import: `Settings.load()` does it, once, at the start.

Order, the later winning: defaults, the settings file, `KOTAE_*` variables, what the command line gives.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
import tomlkit
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from agent.errors import QuestionError, SettingsError
from tools.base import Consent
from tools.web.addresses import EgressError, host_and_port, normal

PREFIX = "KOTAE_"
_LISTS = frozenset(("embed_origins", "hosts", "egress_allow", "collections", "web_providers"))
"""Settings of several values, written with commas between them on the command line and in the environment."""
SECRETS = frozenset(("api_key", "brave_key", "searxng_url"))
"""Settings whose value no message repeats: keys, and an address that may hold a password by mistake."""


def _data_dir() -> Path:
    return Path(platformdirs.user_data_dir("kotae", appauthor=False))


def _models_dir() -> Path:
    return Path(platformdirs.user_cache_dir("kotae", appauthor=False)) / "models"


def settings_file() -> Path:
    """The settings file: `KOTAE_SETTINGS` if set, otherwise `settings.toml` in the user's config folder."""
    named = os.environ.get(f"{PREFIX}SETTINGS")
    return Path(named) if named else Path(platformdirs.user_config_dir("kotae", appauthor=False)) / "settings.toml"


class Settings(BaseModel):
    """Every key can stand in the settings file as it is, or in the environment as `KOTAE_<KEY>` in capitals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Field(default_factory=_data_dir)
    """Where the index and the conversations live."""
    models_dir: Path = Field(default_factory=_models_dir)
    """Where model files live. They can be fetched again, so this is a cache."""

    model: str = "qwen2.5-coder-1.5b"
    """A name of the catalogue, a path to a .gguf file, `provider:model` of `init_chat_model`, or the URL of an
    OpenAI-compatible server (`http://host:port/v1`, with `#model` behind it where the server has several)."""
    api_key: SecretStr | None = None
    """Key for the provider or server that `model` names."""
    threads: int = Field(default=0, ge=0, le=256)
    """Processor threads of the embedded model; 0 means as many as there are cores."""
    context: int = Field(default=4096, ge=1024, le=131072)
    """Context window of the embedded model, in tokens."""

    web: Consent = "on"
    """Whether questions may be sent to a web search: `on`, `ask` (each time), or `off`."""
    web_seconds: float = Field(default=8.0, gt=0, le=60)
    """Deadline of one web search, all services and tries together."""
    web_pages: int = Field(default=5, ge=0, le=20)
    """How many of the pages that a search finds are read; with 0 its short extracts have to do."""
    page_seconds: float = Field(default=6.0, gt=0, le=60)
    """Seconds that the pages of one search get, all together."""
    web_region: str = "wt-wt"
    """Where questions that are not in Japanese are searched for: DuckDuckGo's code of a country and a language."""
    searxng_url: str | None = None
    """Address of a SearXNG instance; it may be on the private network."""
    brave_key: SecretStr | None = None
    """Key for the API of Brave Search."""
    web_providers: tuple[Literal["duckduckgo", "searxng", "brave"], ...] = ("duckduckgo",)
    """Search services in the order in which they are asked: the next one when one fails. Declared after what they
    need, which is looked at when they are checked."""

    egress_allow: tuple[str, ...] = ()
    """Servers (`host` or `host:port`) whose pages may be read although they are not on the public Internet."""
    collections: tuple[str, ...] = ()
    """Collections of the library that answers may be written from; all when none is named."""
    watch: Literal["on", "off"] = "on"
    """Whether `kotae serve` keeps watched folders and pages current."""

    passages: int = Field(default=4, ge=1, le=20)
    """How many passages an answer is written from."""
    section_tokens: Literal["auto"] | Annotated[int, Field(ge=0, le=4000)] = "auto"
    """Tokens of the section around a passage that are read with it. `auto` is none for a model on this machine, whose
    time goes with every token, and 600 for a server or a provider."""
    ask_back: Literal["on", "off"] = "on"
    """Whether Kotae asks back where a question can mean several things."""
    digest_tokens: int = Field(default=240, ge=0, le=4000)
    """Tokens of older exchanges of a conversation that a question is read with if it points back to them; 0 is none."""
    max_gathers: int = Field(default=2, ge=1, le=5)
    max_drafts: int = Field(default=2, ge=1, le=4)
    max_seconds: float = Field(default=180.0, gt=1)
    """After this a turn writes no new draft and looks up nothing more."""
    max_answer_tokens: int = Field(default=320, ge=32, le=4096)
    max_question_chars: int = Field(default=4000, ge=100, le=100_000)

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    """0 takes any free port."""
    max_turns: int = Field(default=2, ge=1, le=1000)
    """Questions to the API that are answered at once; an embedded model works on two."""
    max_waiting: int = Field(default=16, ge=0, le=10_000)
    """Questions that may wait for others to be answered; those beyond are turned away."""
    embed_origins: tuple[str, ...] = ()
    """Origins whose pages may show the chat in a frame; none by default."""

    accounts: Literal["on", "off"] = "off"
    """Whether people log in. Without it whoever sits at the machine is the owner, and no other machine is served."""
    public_url: str | None = None
    """Where people reach it if that is not the address it listens on, such as https://kotae.example.org."""
    hosts: tuple[str, ...] = ()
    """Further host names under which it is reached."""

    @field_validator("egress_allow")
    @classmethod
    def _are_servers(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            try:
                host_and_port(server)
            except EgressError as error:
                raise ValueError(f"{server!r} is no server, such as intranet or 192.168.1.7:8080") from error
        return servers

    @field_validator("web_region")
    @classmethod
    def _is_a_region(cls, region: str) -> str:
        if not re.fullmatch(r"[a-z]{2}-[a-z]{2,3}", region):
            raise ValueError("write a country and a language, such as us-en, or wt-wt for the whole world")
        return region

    @field_validator("searxng_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        try:
            return normal(url) if url else None
        except EgressError as error:
            raise ValueError(f"{error} It looks like http://localhost:8080") from error

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, url: str | None) -> str | None:
        if not url:
            return None
        found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?/?", url.strip().lower())
        if found is None:
            raise ValueError("write scheme and host, such as https://kotae.example.org, and no path behind it")
        port = "" if found[3] in (":80", ":443") and (found[1] == "https") == (found[3] == ":443") else found[3] or ""
        return f"{found[1]}://{found[2]}{port}"

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]+", host):
                raise ValueError(f"{host!r} is no host name, such as kotae.intranet; it has no scheme and no port")
        return tuple(host.lower() for host in hosts)

    @field_validator("brave_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is None or not (text := key.get_secret_value().strip()):
            return None
        if not re.fullmatch(r"[!-~]+", text):
            raise ValueError("it holds characters that no key has; copy it again")
        return SecretStr(text)

    @field_validator("web_providers")
    @classmethod
    def _can_be_asked(cls, providers: tuple[str, ...], given: ValidationInfo) -> tuple[str, ...]:
        if not providers or len(set(providers)) < len(providers):
            raise ValueError('name each service once, and at least one; to search nothing, set web to "off"')
        needed = {"searxng": "searxng_url", "brave": "brave_key"}
        for name in providers:
            if name in needed and given.data.get(needed[name]) is None:
                raise ValueError(f"{name} needs the setting {needed[name]}; set that first")
        return providers

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """Defaults, then the file, then the environment, then `given` (None means not given).

        Raises `SettingsError` with one line for an unknown key or a value that does not fit.
        """
        values = _written().unwrap() | _environment()
        for key, value in given.items():
            if value is not None:
                values[key] = _listed(value) if key in _LISTS and isinstance(value, str) else value
        return cls._of(values)

    @classmethod
    def trial(cls, changes: Mapping[str, str | None]) -> Settings:
        """What would hold if `changes` were stored. Raises `SettingsError` where they do not fit."""
        return cls._of(_changed(_written(), changes).unwrap() | _environment())

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Settings:
        try:
            return cls(**values)
        except ValidationError as error:
            raise _refusal(error) from error

    def checked(self, question: str) -> str:
        """A question as it is asked. Raises `QuestionError` when it is empty or longer than these settings allow."""
        question = question.replace("\0", "").strip()
        if not question:
            raise QuestionError("empty", "The question is empty; write what you want to know.")
        if len(question) > self.max_question_chars:
            raise QuestionError(
                "too_long",
                f"The question has {len(question):,} characters; at most {self.max_question_chars:,} can be asked.",
            )
        return question

    @staticmethod
    def store(key: str, value: str) -> Path:
        """Write one setting into the settings file, keeping its comments, and return the file."""
        return Settings.store_all({key: value})

    @staticmethod
    def store_all(changes: Mapping[str, str | None]) -> Path:
        """Write several at once; None takes one out of the file, so that its default holds again."""
        path = settings_file()
        document = _changed(_written(), changes)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        # it may hold keys: a new file is its owner's alone, one that is there stays as open as it was
        partial.touch()
        partial.chmod(stat.S_IMODE(path.stat().st_mode) if path.is_file() else 0o600)
        partial.write_text(tomlkit.dumps(document), "utf-8")
        partial.replace(path)
        return path


def origins() -> dict[str, str]:
    """For every setting the name of the variable or of the file that it comes from, or `default`."""
    path, written = settings_file(), _written()
    found = {}
    for key in Settings.model_fields:
        variable = f"{PREFIX}{key.upper()}"
        found[key] = variable if variable in os.environ else str(path) if key in written else "default"
    return found


def _written() -> tomlkit.TOMLDocument:
    path = settings_file()
    try:
        return tomlkit.parse(path.read_text("utf-8")) if path.is_file() else tomlkit.document()
    except Exception as error:
        raise SettingsError(f"{path} is not valid TOML ({error}); mend it or delete it.") from error


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in os.environ.items():
        if name.startswith(PREFIX) and name != f"{PREFIX}SETTINGS":
            key = name.removeprefix(PREFIX).lower()
            found[key] = _listed(value) if key in _LISTS else value
    return found


def _changed(document: tomlkit.TOMLDocument, changes: Mapping[str, str | None]) -> tomlkit.TOMLDocument:
    for key, value in changes.items():
        if value is not None:
            document[key] = _listed(value) if key in _LISTS else value
        elif key in document:
            del document[key]
    return document


def _listed(value: str) -> list[str]:
    """`https://a.example, https://b.example` as a list; an empty text is an empty list."""
    return [part.strip() for part in value.split(",") if part.strip()]


_FAULTS = {
    "extra_forbidden": "unknown",
    "literal_error": "choice",
    "greater_than_equal": "least",
    "less_than_equal": "most",
    "greater_than": "above",
    "int_parsing": "whole",
    "int_from_float": "whole",
    "float_parsing": "number",
}
"""The kinds of pydantic's errors as those of `SettingsError`."""


def _refusal(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    setting = str(first["loc"][0]) if first["loc"] else ""
    fault, context = _FAULTS.get(first["type"], "unfit"), first.get("ctx", {})
    if fault == "unknown":
        known = ", ".join(sorted(Settings.model_fields))
        return SettingsError(f"Unknown setting {key!r}. Known settings: {known}.", setting, fault)
    got = "" if setting in SECRETS else f" (got {first['input']!r})"
    bound = next((str(context[name]) for name in ("ge", "le", "gt") if name in context), "")
    return SettingsError(f"Setting {key!r}: {first['msg']}{got}.", setting, fault, bound)
