"""Prompts are files: `prompts/<language>/<name>.md`, with `$variables` that must be filled exactly, and worked examples
in `prompts/<language>/examples.yaml`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

import yaml

from agent.errors import PromptError
from agent.state import Language

FOLDER = Path(__file__).resolve().parent.parent / "prompts"
LANGUAGES: tuple[Language, ...] = ("en", "ja")


@dataclass(frozen=True)
class Example:
    """A question over numbered sources, and the answer to it as it should look."""

    sources: str
    question: str
    answer: str


@cache
def examples(language: Language) -> tuple[Example, ...]:
    """The worked examples of a language, in the order in which a model reads them."""
    rows = yaml.safe_load((FOLDER / language / "examples.yaml").read_text("utf-8"))
    return tuple(Example(**row) for row in rows)


@cache
def _template(language: Language, name: str) -> Template:
    path = FOLDER / language / f"{name}.md"
    if not path.is_file():
        raise PromptError(f"There is no prompt {name!r} in {language!r}: expected {path}.")
    return Template(path.read_text("utf-8").strip())


def variables(language: Language, name: str) -> frozenset[str]:
    """The names of the `$variables` in a prompt."""
    return frozenset(_template(language, name).get_identifiers())


def fill(language: Language, name: str, /, **values: object) -> str:
    """The prompt with its variables replaced. A missing or surplus variable is a `PromptError` that names it."""
    wanted, given = variables(language, name), frozenset(values)
    if wanted != given:
        faults = [f"missing ${v}" for v in sorted(wanted - given)] + [f"surplus {v}" for v in sorted(given - wanted)]
        raise PromptError(f"Prompt {language}/{name}: {', '.join(faults)}.")
    return _template(language, name).substitute({k: str(v) for k, v in values.items()})


def names(language: Language) -> frozenset[str]:
    """Every prompt of a language, as `fill` takes them."""
    root = FOLDER / language
    return frozenset(p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.md"))


def fingerprint() -> str:
    """Twelve hex digits that change whenever a prompt does; benchmarks print it beside their figures."""
    digest = hashlib.sha256()
    for path in sorted([*FOLDER.rglob("*.md"), *FOLDER.rglob("examples.yaml")]):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
