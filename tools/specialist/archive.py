"""A version of a specialist as one file.

A ZIP with `card.yaml` and, where there are such, `adapter.gguf`, `evaluation.json`, `data/training.jsonl`,
`data/validation.jsonl` and `data/test.jsonl`. A file that is taken in is thought to be written by a stranger: no name
in it leads anywhere, what is kept is written anew from what was understood, and its evaluation is only shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import yaml
from pydantic import ValidationError

from tools.gguf import NotGguf, read_adapter
from tools.specialist import keeping
from tools.specialist.card import ADAPTER, EVALUATION, FILE, Card, parse
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.example import Example
from tools.specialist.read import MOST_BYTES, MOST_ROWS
from tools.specialist.rows import Shapes
from tools.specialist.split import Split
from tools.specialist.tables import LINE, Misfit
from tools.specialist.versions import DATA, PARTS, Version

_DATA = tuple(f"{DATA}/{part}.jsonl" for part in PARTS)
_MOST = {FILE: 2**17, EVALUATION: 2**20, ADAPTER: 4 * 2**30, **dict.fromkeys(_DATA, MOST_BYTES)}
"""The members that there may be, and how many bytes each has at most."""
_RATIO = 200
"""By how much a member may have been packed."""
_END = 22
"""Bytes of a ZIP's last record, where nothing is remarked in it."""
_REPEATS = 1_000
"""The highest number in a schema that bounds how often something is repeated: a grammar is written out for it."""
_DEEP, _EVENTS = 30, 20_000
"""How deep a card may be nested, and how many parts it may have."""
_PART = 2**20


@dataclass(frozen=True)
class Taken:
    """What was understood of an export."""

    card: Card
    adapter: Path | None
    evaluation: Evaluation | None
    split: Split | None


def write(version: Version, path: Path, *, data: bool) -> None:
    """Write a version to `path`, whole or not at all. Raises `SpecialistError` (`archive`)."""
    names = [FILE, ADAPTER, EVALUATION, *(_DATA if data else ())]
    temporary = keeping.beside(path.parent, "part")
    try:
        with temporary.open("xb") as raw:
            with zipfile.ZipFile(raw, "w", strict_timestamps=False) as out:
                for name in names:
                    file = version.folder / name
                    if file.is_file():
                        # weights do not get smaller
                        out.write(file, name, zipfile.ZIP_STORED if name == ADAPTER else zipfile.ZIP_DEFLATED)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the path is none"
        raise SpecialistError("archive", f"{path} cannot be written ({why}): choose another place.") from error
    finally:
        with contextlib.suppress(OSError, ValueError):
            temporary.unlink(missing_ok=True)


def read(path: Path, place: Path) -> Taken:
    """What an export holds; its adapter is put into the folder `place`. Raises `SpecialistError` (`archive`)."""
    try:
        with path.open("rb") as file:
            return _Export(file, path.name).taken(place)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the path is none"
        raise SpecialistError("archive", f"{path} cannot be read ({why}): check the path.") from error


class _Export:
    def __init__(self, file: IO[bytes], name: str) -> None:
        self._name = name
        self._bounded(file)
        with self._readable():
            self._zip = zipfile.ZipFile(file)
        self._members = {info.filename: info for info in self._zip.infolist()}
        if FILE not in self._members or not self._members.keys() <= _MOST.keys():
            self._refuse("it is no export of a specialist")
        if len(self._members) < len(self._zip.infolist()):
            self._refuse("it holds a file twice")
        for info in self._members.values():
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                self._refuse("it is encrypted, or packed in a way that is not read here")
            if info.file_size > _MOST[info.filename]:
                self._refuse(f"its {info.filename} is too large")
            if info.file_size > _PART and info.file_size > _RATIO * info.compress_size:
                self._refuse("it expands beyond all measure when it is unpacked")

    def taken(self, place: Path) -> Taken:
        card = self._card()
        adapter = None
        if (card.adapter == ADAPTER) != (ADAPTER in self._members):
            self._refuse("its card and its adapter do not belong together")
        if card.adapter == ADAPTER:
            adapter = self._adapter(place / ADAPTER)
        evaluation = None
        if EVALUATION in self._members:
            try:
                evaluation = Evaluation.model_validate_json(self._bytes(EVALUATION))
            except ValidationError as error:
                self._refuse("its evaluation does not fit", error)
        return Taken(card, adapter, evaluation, self._split())

    def _bounded(self, file: IO[bytes]) -> None:
        """The list of members is read into memory whole; so its size is looked at before, where it is told."""
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END - 20))
        tail = file.read()
        end = tail[-_END:]
        if len(end) < _END or end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0" or tail[:4] == b"PK\x06\x07":
            self._refuse("it is no export of a specialist")
        if int.from_bytes(end[10:12], "little") > len(_MOST) or int.from_bytes(end[12:16], "little") > 2**16:
            self._refuse("it is no export of a specialist")

    def _card(self) -> Card:
        text = self._bytes(FILE).decode("utf-8", "replace")
        self._bounded_yaml(text)
        try:
            card = parse(text, FILE)
            json.dumps(card.model_dump(mode="json"), ensure_ascii=False).encode()
        except (RecursionError, ValueError) as error:
            self._refuse("its card cannot be written", error)
        except SpecialistError as error:
            self._refuse(str(error).rstrip("."), error)
        if card.remote is not None:
            # questions and the key of the settings would go to an address that a stranger chose
            self._refuse("its card names a server; write such a card by hand instead")
        if card.schema_ is not None and not _harmless(card.schema_):
            self._refuse("the schema of its answers is not one that is used here")
        return card

    def _bounded_yaml(self, text: str) -> None:
        """Before it is built: what refers to itself grows without end, and what is nested takes long to read."""
        depth = 0
        try:
            for number, event in enumerate(yaml.parse(text, yaml.SafeLoader)):
                if isinstance(event, yaml.events.AliasEvent):
                    self._refuse("its card repeats parts of itself")
                depth += isinstance(event, yaml.events.CollectionStartEvent)
                depth -= isinstance(event, yaml.events.CollectionEndEvent)
                if depth > _DEEP or number > _EVENTS:
                    self._refuse("its card is too large")
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self._refuse("its card is not YAML", error)

    def _adapter(self, target: Path) -> Path:
        with self._reading(ADAPTER) as source, target.open("xb") as out:
            left = self._members[ADAPTER].file_size
            while part := source.read(_PART):
                left -= len(part)
                if left < 0:
                    self._refuse("it is larger than it says")
                out.write(part)
        try:
            read_adapter(target)
        except NotGguf as error:
            self._refuse(f"its adapter cannot be used, {error}", error)
        return target

    def _split(self) -> Split | None:
        present = [name for name in _DATA if name in self._members]
        if not present:
            return None
        if len(present) < len(_DATA):
            self._refuse("a part of its data is missing")
        training, validation, test = (tuple(self._examples(name)) for name in _DATA)
        return Split(training, validation, test)

    def _examples(self, name: str) -> Iterator[Example]:
        with self._reading(name) as source:
            for number in range(1, MOST_ROWS + 2):
                line = source.readline(LINE + 1)
                if not line:
                    return
                if len(line) > LINE or number > MOST_ROWS:
                    break
                try:
                    row = json.loads(line)
                    if not isinstance(row, dict) or "messages" not in row or "answer" not in row:
                        raise Misfit("shape", "it is no example")
                    yield from Shapes().examples(row)
                except (ValueError, RecursionError) as error:
                    self._refuse(f"{name}, line {number}, is no example", error)
        self._refuse(f"{name} is too long")

    def _bytes(self, name: str) -> bytes:
        with self._reading(name) as source:
            return source.read(_MOST[name])

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        with self._readable(), self._zip.open(name) as source:
            yield source

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (
            zipfile.BadZipFile,
            zlib.error,
            struct.error,
            EOFError,
            RuntimeError,
            ValueError,
            OverflowError,
        ) as error:
            self._refuse("it is damaged", error)

    def _refuse(self, finding: str, cause: Exception | None = None) -> NoReturn:
        message = f"{self._name} was not taken in: {finding}. Export it again with kotae specialist export."
        raise SpecialistError("archive", message) from cause


def _harmless(schema: Any) -> bool:
    """Whether a grammar can be made of a schema that neither fetches anything nor grows beyond measure."""
    rest = [schema]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            # what is no text is a property that is called so
            if any(isinstance(one.get(key), str) for key in ("$ref", "pattern")):
                return False
            bounds = [v for k, v in one.items() if str(k).startswith(("min", "max")) and not isinstance(v, dict | list)]
            if any(not isinstance(v, int) or not 0 <= v <= _REPEATS for v in bounds):
                return False
            rest += one.values()
        elif isinstance(one, list):
            rest += one
    return True
