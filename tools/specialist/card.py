"""A specialist's card: `card.yaml` in its folder, all that there is to know about it but its weights and its figures.

name: banking
description: {en: Questions about accounts and cards, ja: 口座とカードについての質問}
examples: [Why was my card declined?, Where is my transfer?]

These three keys are enough for the router, which finds the specialist by them with no code and no training.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Metric
from tools.specialist.plan import Plan

FILE = "card.yaml"
ADAPTER = "adapter.gguf"
EVALUATION = "evaluation.json"
SHA256 = r"^[0-9a-f]{64}$"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
"""Whole names of specialists; they are also names of folders."""
Use = Literal["answer", "style", "grounded"]
"""What the specialist is for. `answer`: it answers the questions that the router sends to it. `style`: the same, for
texts that are to be rewritten. `grounded`: it reads passages in place of the base model, in the nodes that judge and
answer, and no question is sent to it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Base(_Part):
    """The model that the adapter belongs to."""

    name: str = ""
    """As the catalogue calls it, or the name of the file."""
    sha256: str = Field(pattern=SHA256)


class Remote(_Part):
    """A server that holds base and adapter, such as vLLM with `--enable-lora`: the specialist is a model's name there.
    The key is the one of the settings; a card holds no secret."""

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    model: str = Field(min_length=1)


class Data(_Part):
    """What it was trained on."""

    fingerprint: str = ""
    """SHA-256 of all examples, see `tools.specialist.example.fingerprint`."""
    training: int = 0
    validation: int = 0
    test: int = 0
    licence: str = ""
    sources: tuple[str, ...] = ()
    """Where the examples come from: files, collections, named data sets with their licence."""


class Shot(_Part):
    """An example that stands in the prompt (`few_shot`)."""

    question: str
    """What somebody asks."""
    answer: str
    """What the specialist says to it."""


class Card(_Part):
    """Texts that are for each language may be given once, as a list, or as a mapping with `en` and `ja`."""

    name: str = Field(pattern=f"^{NAME.pattern}$")
    """What it is called; questions that go to it have the route `specialist:NAME`."""
    description: tuple[str, ...] = Field(min_length=1)
    """What it is for, in a sentence, in each language."""
    examples: tuple[str, ...] = Field(min_length=1)
    """Questions for it, 5 to 20; the router learns from them."""
    use: Use = "answer"
    """What it is for; `grounded` reads passages and is sent no question."""
    languages: tuple[Literal["en", "ja"], ...] = ()
    """Of `grounded`: the languages of the questions that it reads passages for; none named: all of them."""
    prompt: str = ""
    """The system message that it was trained with and is asked with."""
    answers: tuple[str, ...] = ()
    """All answers that there are, where they are few (the intents of a classifier); no other can be written then."""
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    """JSON schema of its answers; nothing else can be written then."""
    metric: Metric = "text"
    base: Base | None = None
    adapter: Literal["adapter.gguf", "remote", ""] = ""
    """Where the adapter is: in the folder, at `remote`, or nowhere (`few_shot`)."""
    remote: Remote | None = None
    shots: tuple[Shot, ...] = ()
    """Examples that stand in the prompt."""
    data: Data = Data()
    training: Plan = Plan()
    continued_from: int = 0
    """The version whose adapter its training continued; 0: it began with the base model."""
    figures: dict[str, float] = Field(default_factory=dict)
    """What training showed: `steps`, `epochs`, `loss`, `validation`, `tokens`, `tokens_per_second`, `seconds`."""
    date: str = ""
    """When it was trained, in ISO 8601."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    @property
    def label(self) -> str:
        """What the router calls it."""
        return f"specialist:{self.name}"

    @field_validator("description", "examples", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """One text, a list, or either of them for each language: all of them in one list."""
        parts = given.values() if isinstance(given, Mapping) else [given]
        texts = [text for part in parts for text in (part if isinstance(part, list | tuple) else [part])]
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError("needs texts that are not empty")
        return tuple(texts)

    @model_validator(mode="after")
    def _remote_is_named(self) -> Card:
        if (self.adapter == "remote") != (self.remote is not None):
            raise ValueError("`adapter: remote` and `remote` with url and model belong together")
        if self.answers and self.schema_ is not None:
            raise ValueError("`answers` and `schema` exclude each other")
        return self

    def text(self) -> str:
        """The card as YAML, without what is as by default."""
        rows = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=110)


def load(path: Path) -> Card:
    """The card in a file, or in the `card.yaml` of a folder. Raises `SpecialistError` (`card`) with file and key."""
    file = path / FILE if path.is_dir() else path
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _misfit(f"{file} cannot be read: check its path and that it is UTF-8.") from error
    return parse(text, str(file))


def parse(text: str, name: str) -> Card:
    """The card in a text, which is called `name` where something is wrong. Raises `SpecialistError` (`card`)."""
    try:
        rows = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that there is not
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise _misfit(f"{name}{line}: this is not YAML; put texts with a colon into quotes.") from error
    if not isinstance(rows, dict):
        raise _misfit(f"{name}: a card is a mapping with the keys name, description and examples.")
    try:
        return Card.model_validate(rows)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        advice = _ADVICE.get(key.partition(".")[0]) or f"{first['msg'].removeprefix('Value error, ')}."
        raise _misfit(f"{name}{', ' if key else ''}{key}: {advice}") from error


def save(card: Card, folder: Path) -> None:
    """Write the card of a folder that is not in use yet."""
    (folder / FILE).write_text(card.text(), "utf-8")


def _misfit(message: str) -> SpecialistError:
    return SpecialistError("card", message)


_ADVICE = {
    "name": "give a name of small letters, digits and hyphens, such as `name: banking`.",
    "description": "say in a sentence what the specialist knows, as a text or as a mapping with en and ja.",
    "examples": "list 5 to 20 questions for it, as a list or as a mapping with lists for en and ja.",
}
