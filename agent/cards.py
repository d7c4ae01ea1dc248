"""What the router has to know of a specialist: its card. A specialist joins by its card, with no code and no training.

name: banking
description: {en: Questions about accounts and cards, ja: 口座とカードについての質問}
examples:
  - Why was my card declined?
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.classifier import Vector
from agent.errors import CardError

FILE = "card.yaml"
NEAREST, DESCRIBED, ELSEWHERE, BIAS = 12.9, 16.6, -5.1, -5.8
"""A logistic regression over three similarities: of the nearest example of the card, of its description, and of the
nearest example that clearly goes elsewhere. Fitted over cards of 5 to 20 examples for five domains (BANKING77, and four
of CLINC150) with the other domains and the questions of the routing data against them: it finds .87 of the questions,
takes .05 of those that belong to other specialists, and .004 of all others."""


class Card(BaseModel):
    """The keys that routing reads; a card may hold more. Texts may be given once, or for each language."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")
    description: tuple[str, ...] = Field(min_length=1)
    examples: tuple[str, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        """What the router calls it."""
        return f"specialist:{self.name}"

    @field_validator("description", "examples", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """One text, a list, or either of them for each language: all of them in one list."""
        parts = given.values() if isinstance(given, dict) else [given]
        texts = [text for part in parts for text in (part if isinstance(part, list | tuple) else [part])]
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise ValueError("needs texts that are not empty")
        return tuple(texts)


def load(path: Path) -> Card:
    """The card in a file, or in the `card.yaml` of a folder. Raises `CardError`, which names the file and the key."""
    file = path / FILE if path.is_dir() else path
    try:
        rows = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{file} cannot be read: check its path and that it is UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise CardError(f"{file}{line}: this is not YAML; put texts with a colon into quotes.") from error
    if not isinstance(rows, dict):
        raise CardError(f"{file}: a card is a mapping with the keys name, description and examples.")
    try:
        return Card.model_validate(rows)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        raise CardError(f"{file}, {key}: {_ADVICE[key]}") from error


_ADVICE = {
    "name": "give a name of small letters, digits and hyphens, such as `name: banking`.",
    "description": "say in a sentence what the specialist knows, as a text or as a mapping with en and ja.",
    "examples": "list 5 to 20 questions for it, as a list or as a mapping with lists for en and ja.",
}


class Likeness:
    """How likely a question is one for the specialist of a card. All vectors are centred and of unit length."""

    def __init__(self, card: Card, examples: Vector, descriptions: Vector) -> None:
        self.label = card.label
        self._examples = examples
        self._descriptions = descriptions

    def odds(self, question: Vector, elsewhere: float) -> float:
        """Odds for the specialist; `elsewhere` is the similarity of the nearest example that clearly goes elsewhere."""
        near = float((self._examples @ question).max())
        described = float((self._descriptions @ question).max())
        return float(np.exp(NEAREST * near + DESCRIBED * described + ELSEWHERE * elsewhere + BIAS))
