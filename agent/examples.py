"""The labelled questions that the router learns from: those of the repository, and the corrections of users."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent.errors import RouteError
from agent.facts import is_japanese
from agent.prompts import FOLDER, LANGUAGES
from agent.state import Language, Place, Route

ROUTES: tuple[Route, ...] = ("library", "web", "direct", "clarify")
"""What the classifier tells apart. Specialists come and go, and are found by their cards."""
_SPECIALIST = re.compile(r"specialist:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
CORRECTIONS = "routes.yaml"
"""The file of a data folder that holds its corrections, with the same form as those of the repository."""
CORRECTION_WEIGHT = 8.0
"""A correction counts as so many ordinary examples: paraphrases of it lean its way, other questions stay where they
are."""
_LONGEST = 2000
"""Characters of a correction; who pastes a document did not mean to correct a question."""


@dataclass(frozen=True)
class Example:
    """A question and the route that it should take. `weight`: as how many ordinary examples it counts."""

    text: str
    route: Place
    weight: float = 1.0

    @property
    def language(self) -> Language:
        """By its letters, as the route of a question is decided."""
        return "ja" if is_japanese(self.text) else "en"


def examples() -> list[Example]:
    """The labelled questions of the repository in every language."""
    return [example for language in LANGUAGES for example in _read(FOLDER / language / "routes.yaml")]


def corrections(folder: Path) -> list[Example]:
    """What users of this data folder corrected. Raises `RouteError` when the file cannot be used."""
    path = folder / CORRECTIONS
    return _read(path, CORRECTION_WEIGHT) if path.exists() else []


def is_place(text: str) -> bool:
    """Whether a text names a route, or a specialist as one, be there such a specialist or not."""
    return text in ROUTES or _SPECIALIST.fullmatch(text) is not None


def correct(folder: Path, question: str, route: Place) -> list[Example]:
    """Note that `question` belongs to `route`, and return all corrections; a later one replaces an earlier one.

    The file is written beside and put in place at once, so that nobody reads half of it. Raises `RouteError` for an
    empty or overlong question, for what is no route, and where the file cannot be read or written.
    """
    if not is_place(route):
        raise RouteError(f"{route!r} is no route: there are {', '.join(ROUTES)} and specialist:NAME.")
    text = " ".join(question.split())
    if not text or len(text) > _LONGEST:
        raise RouteError(f"A correction needs a question of 1 to {_LONGEST:,} characters.")
    kept = [e for e in corrections(folder) if key(e.text) != key(text)]
    found = [*kept, Example(text, route, CORRECTION_WEIGHT)]
    _write(folder, found)
    return found


def forget(folder: Path, question: str) -> list[Example]:
    """Drop the correction of `question`, if there is one, and return those that remain. Raises `RouteError`."""
    found = corrections(folder)
    kept = [e for e in found if key(e.text) != key(question)]
    if len(kept) < len(found):
        _write(folder, kept)
    return kept


def merged(ordinary: Iterable[Example], corrected: Sequence[Example]) -> list[Example]:
    """What the classifier learns from: both together, without the ordinary examples that a correction contradicts, and
    without the corrections that name a specialist."""
    settled = {key(e.text) for e in corrected}
    return [*(e for e in ordinary if key(e.text) not in settled), *(e for e in corrected if e.route in ROUTES)]


def key(question: str) -> str:
    """Equal for questions that differ in nothing but case, width, spaces and the marks at their end."""
    plain = unicodedata.normalize("NFKC", question).casefold()
    return " ".join(plain.split()).rstrip(" .!?。、…")


def fingerprint(questions: Sequence[Example], embedder: str) -> str:
    """Changes with the labelled questions and with the embedder."""
    digest = hashlib.sha256(embedder.encode())
    for example in questions:
        digest.update(f"\0{example.route}\0{example.weight}\0{example.text}".encode())
    return digest.hexdigest()[:16]


def _read(path: Path, weight: float = 1.0) -> list[Example]:
    advice = f"repair or remove it; it maps {', '.join(ROUTES)} and specialist:NAME to lists of questions"
    try:
        rows = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RouteError(f"{path} cannot be read as YAML: {advice}.") from error
    if not isinstance(rows, dict):
        raise RouteError(f"{path} is not a mapping: {advice}.")
    found = []
    for route, texts in rows.items():
        if not is_place(str(route)) or not isinstance(texts, list):
            raise RouteError(f"{path}, {route!r} is no route with a list of questions: {advice}.")
        found += [Example(str(text), route, weight) for text in texts]
    return found


def _write(folder: Path, found: Sequence[Example]) -> None:
    places = dict.fromkeys([*ROUTES, *sorted(e.route for e in found)])
    rows = {r: [e.text for e in found if e.route == r] for r in places}
    written = yaml.safe_dump({r: texts for r, texts in rows.items() if texts}, allow_unicode=True, sort_keys=False)
    _replace(folder / CORRECTIONS, f"# Questions whose route was corrected. Lines may be removed.\n{written}")


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RouteError(
            f"{path} cannot be written ({error.strerror}): check the folder and its permissions."
        ) from error
