"""The words of the interface: the same JSON files for each language, keys alike, filled as strictly as prompts are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from agent.state import Language

FOLDER = Path(__file__).resolve().parent
LANGUAGES: tuple[Language, ...] = ("en", "ja")
PAGES = ("insights", "people", "settings", "sites")
"""Pages whose words have a file of their own, `PAGE.LANGUAGE.json` beside `LANGUAGE.json`."""


class StringError(KeyError):
    """A key is missing, or its variables are not those it was given. A fault of the code, never of a user."""


@dataclass(frozen=True)
class Strings:
    """The words of one language."""

    language: Language
    table: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of `key`, its `$variables` replaced. Raises `StringError` naming what is missing or surplus."""
        if key not in self.table:
            raise StringError(f"no text {key!r} in {self.language!r}")
        template = Template(self.table[key])
        wanted = set(template.get_identifiers())
        if wanted != set(values):
            faults = [f"missing ${name}" for name in sorted(wanted - set(values))]
            faults += [f"surplus {name}" for name in sorted(set(values) - wanted)]
            raise StringError(f"text {self.language}/{key}: {', '.join(faults)}")
        return template.substitute({name: str(value) for name, value in values.items()})

    def code(self, family: str, code: str) -> str:
        """The words for a code of the agent (`code("route", "web")` is the key `route.web`); "" for one without."""
        key = f"{family}.{code}"
        return self(key) if key in self.table else ""

    def place(self, family: str, place: str) -> str:
        """The words for where an answer comes from, with its name if that is a specialist (`specialist:banking`)."""
        route, _, name = place.partition(":")
        return self(f"{family}.{route}", name=name) if name else self.code(family, route)

    def for_visitors(self) -> Strings:
        """The words for visitors of another site: who knows nothing of commands, and cannot mend anything."""
        return _for_visitors(self.language)

    def items(self, family: str) -> dict[str, str]:
        """Every text of a family, by the rest of its key, in the file's order."""
        prefix = f"{family}."
        return {key.removeprefix(prefix): text for key, text in self.table.items() if key.startswith(prefix)}


@cache
def load(language: Language) -> Strings:
    """The words of `language`. Raises `StringError` when there is no such language."""
    if language not in LANGUAGES:
        raise StringError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    table: dict[str, str] = {}
    for path in files(language):
        table |= _read(path)
    return Strings(language, table)


def files(language: Language) -> list[Path]:
    """All files of a language's words."""
    return [FOLDER / f"{language}.json", *(FOLDER / f"{page}.{language}.json" for page in PAGES)]


@cache
def _for_visitors(language: Language) -> Strings:
    return Strings(language, {**load(language).table, **_read(FOLDER / f"visitors.{language}.json")})


def _read(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found
