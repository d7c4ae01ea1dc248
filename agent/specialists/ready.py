"""Specialists that come with Kotae trained: each is put among those of a data folder once, and into use.

    tools/specialist/shipped/<name>/ready/<base>/{card.yaml, adapter.gguf, evaluation.json, split.json}

From then on they are like any other: listed, examined, rolled back, exported and removed, and what the owner decided
stays so. A later one of Kotae's takes the place of an earlier one and of no other.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tools.specialist
from tools.specialist import card, keeping
from tools.specialist.card import ADAPTER, EVALUATION, Card
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.registry import Registry
from tools.specialist.split import Split
from tools.specialist.versions import PARTS

log = logging.getLogger(__name__)

_SHIPPED: Final = Path(tools.specialist.__file__).parent / "shipped"
_NOTE: Final = ".shipped.json"
"""Which of them this data folder was given: for each name the mark of its files and the number of the version."""


def install(registry: Registry, base: str, shipped: Path = _SHIPPED) -> None:
    """Put those of the base model with this SHA-256 into the registry, if it never had them. Never raises: without them
    passages are read by the model as it is, and the next start tries again."""
    for place in sorted(shipped.glob(f"*/ready/*/{card.FILE}")) if base else ():
        try:
            read = card.load(place.parent)
            if read.base is not None and read.base.sha256 == base:
                _install(registry, read, place.parent)
        except (SpecialistError, OSError, ValueError) as error:
            log.warning("%s, which comes with Kotae, is not used: %s", place.parent.name, error)


def _install(registry: Registry, read: Card, place: Path) -> None:
    mark = _mark(place)
    if _noted(registry).get(read.name, {}).get("mark") == mark:
        return
    with registry.training(read.name):  # so that two programs that start at once do not both do it
        note = _noted(registry)
        before = note.get(read.name, {})
        if before.get("mark") == mark:
            return
        with TemporaryDirectory() as copy:
            adapter = Path(shutil.copy(place / ADAPTER, copy))
            version = registry.add(read, adapter, _split(place))
        registry.record(read.name, version.number, Evaluation.model_validate_json((place / EVALUATION).read_bytes()))
        if _free(registry, read, before.get("version")):
            registry.promote(read.name, version.number)
        told = {**note, read.name: {"mark": mark, "version": version.number}}
        keeping.replace(registry.folder / _NOTE, json.dumps(told, indent=1).encode())


def _free(registry: Registry, read: Card, before: object) -> bool:
    """Whether the owner has decided nothing yet: neither about this specialist nor about who reads passages."""
    for one in registry.all():
        if one.name != read.name and read.use == "grounded" and one.current is not None:
            theirs = one.current.card
            if theirs.use == "grounded" and theirs.base == read.base:
                return False
    history = registry.history(read.name)
    return not history or (before is not None and history[-1].version == before)


def _split(place: Path) -> Split | None:
    """Which of the shipped examples it learned from and which were held out, as `split.json` tells."""
    from agent.specialists.reading_rows import SELDOM, rows_of_groups

    try:
        parts = json.loads((place / "split.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    rows = rows_of_groups(place.parents[1] / "groups.jsonl", refusals=SELDOM)
    training, validation, test = ([row for row in rows if row.group in parts.get(name, ())] for name in PARTS)
    return Split(tuple(training), tuple(validation), tuple(test))


def _mark(place: Path) -> str:
    """Changes with the weights and the card."""
    with (place / ADAPTER).open("rb") as file:
        adapter = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(adapter.encode() + (place / card.FILE).read_bytes()).hexdigest()


def _noted(registry: Registry) -> Mapping[str, Mapping[str, object]]:
    try:
        told = json.loads((registry.folder / _NOTE).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return told if isinstance(told, dict) else {}
