"""A library, or a part of it, as one file that another machine can take in without embedding anything again.

The file is a ZIP with exactly these members:

- `manifest.json`: `{"format": "kotae-library", "version": 1, "embedder", "dimension", "created_at", "collections":
  [name…], "documents": n, "passages": n, "members": {name: {"bytes", "sha256"}}}`
- `documents.jsonl`: a document on each line: `collection, path, title, type, language, owner, bytes, modified
  (nanoseconds), sha256, indexed_at, pages (where each page begins in the text), text`
- `passages.jsonl`: a passage on each line, in the order of their documents: `document` (its line, from 0), `start` and
  `end` in the document's text, `page`, `heading`, `tokens` (how many the embedder told, 0 when none)
- `vectors.npy`: float32, little-endian, shape (passages, dimension), in the order of the passages; NumPy's format,
  never a pickle
- `tokens.bin`: the codes of the passages' tokens, one bit a dimension, one after the other

What is read is taken for written by a stranger: ids, terms and languages are made anew, and nothing in it names a file
that is opened here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Literal, NoReturn

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.base import ToolError
from tools.library import access
from tools.library.embed import Reading, Vectors
from tools.library.records import DocumentType, Scope

MANIFEST, DOCUMENTS, PASSAGES = "manifest.json", "documents.jsonl", "passages.jsonl"
VECTORS, TOKENS = "vectors.npy", "tokens.bin"
_MEMBERS = (DOCUMENTS, PASSAGES, VECTORS, TOKENS)

_MOST_BYTES = 64 * 2**30
"""All members together, unpacked."""
_MOST_MANIFEST = 2**22
_MOST_LINE = 64 * 2**20
"""Bytes of one line: a document has at most some millions of characters."""
_MOST_RATIO = 200
"""By how much text may have been packed; prose reaches 5."""
_PART = 2**20

Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Field(ge=0, lt=2**62)]
Time = Annotated[float, Field(ge=0, lt=1e11, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Member(_Strict):
    bytes: Count
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Strict):
    """What the archive says of itself."""

    format: Literal["kotae-library"]
    version: Literal[1]
    embedder: Text
    dimension: Annotated[int, Field(ge=1, le=65_536)]
    created_at: Time
    collections: Annotated[list[Text], Field(max_length=100_000)]
    documents: Count
    passages: Count
    members: dict[str, _Member]


class DocumentRow(_Strict):
    """A line of `documents.jsonl`."""

    collection: Text
    path: Annotated[Text, Field(min_length=1)]
    title: Text
    type: DocumentType
    language: Literal["en", "ja"]
    owner: Text
    bytes: Count
    modified: Annotated[int, Field(gt=-(2**62), lt=2**62)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
    indexed_at: Time
    pages: Annotated[list[Count], Field(max_length=1_000_000)]
    text: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _pages_lie_in_the_text(self) -> DocumentRow:
        if self.pages != sorted(self.pages) or (self.pages and self.pages[-1] > len(self.text)):
            raise ValueError("its pages do not lie in its text")
        return self


class PassageRow(_Strict):
    """A line of `passages.jsonl`."""

    document: Count
    start: Count
    end: Count
    page: Annotated[int, Field(ge=1, lt=2**31)] | None
    heading: Annotated[list[Text], Field(max_length=100)]
    tokens: Annotated[int, Field(ge=0, lt=2**24)]


@dataclass(frozen=True)
class Entry:
    """A document of an archive, with what the embedder told of each passage; vectors are of unit length."""

    document: DocumentRow
    passages: tuple[PassageRow, ...]
    readings: tuple[Reading, ...]


def write(db: sqlite3.Connection, file: Path, scope: Scope, embedder: str, dimension: int) -> Manifest:
    """Write what `scope` permits, in one reading of `db`, and put the file in its place at once."""
    allowed, values = access.condition(scope)
    permitted = f"FROM documents d JOIN collections c ON c.number = d.collection WHERE NOT d.gone AND {allowed}"
    order = "ORDER BY d.rowid"
    inner = (
        f"FROM documents d CROSS JOIN passages p ON p.document = d.id WHERE NOT d.gone AND {allowed} {order}, p.number"
    )
    numbers: dict[str, int] = {}
    members: dict[str, _Member] = {}
    passages: int = db.execute(f"SELECT count(*) {inner}", values).fetchone()[0]

    def documents() -> Iterator[bytes]:
        rows = db.execute(
            "SELECT d.id, c.name AS collection, d.path, d.title, d.type, d.language, d.owner, d.bytes, d.modified, "
            f"d.sha256, d.indexed_at, d.pages, d.text {permitted} {order}",
            values,
        )
        names = [column[0] for column in rows.description][1:]
        for id, *row in rows:
            numbers[id] = len(numbers)
            line = dict(zip(names, row, strict=True))
            yield _line({**line, "pages": json.loads(line["pages"])})

    def spans() -> Iterator[bytes]:
        told = "(SELECT length(codes) FROM tokens WHERE passage = p.number)"
        rows = db.execute(f'SELECT p.document, p.start, p."end", p.page, p.heading, {told} {inner}', values)
        for document, start, end, page, heading, codes in rows:
            row = {"document": numbers[document], "start": start, "end": end, "page": page}
            yield _line({**row, "heading": json.loads(heading), "tokens": (codes or 0) * 8 // dimension})

    def vectors() -> Iterator[bytes]:
        head = {"descr": "<f4", "fortran_order": False, "shape": (passages, dimension)}
        with tempfile.SpooledTemporaryFile() as out:
            np.lib.format.write_array_header_1_0(out, head)
            out.seek(0)
            yield out.read()
        for (blob,) in db.execute(f"SELECT p.vector {inner}", values):
            yield blob

    def tokens() -> Iterator[bytes]:
        for (codes,) in db.execute(f"SELECT (SELECT codes FROM tokens WHERE passage = p.number) {inner}", values):
            yield codes or b""

    temporary = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with temporary.open("xb") as raw:
            with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as out:
                for name, parts in zip(_MEMBERS, (documents(), spans(), vectors(), tokens()), strict=True):
                    members[name] = _written(out, name, parts)
                collections = db.execute("SELECT name FROM collections ORDER BY name").fetchall()
                manifest = Manifest(
                    format="kotae-library",
                    version=1,
                    embedder=embedder,
                    dimension=dimension,
                    created_at=time.time(),
                    collections=[n for (n,) in collections if scope.collections is None or n in scope.collections],
                    documents=len(numbers),
                    passages=passages,
                    members=members,
                )
                out.writestr(MANIFEST, manifest.model_dump_json(indent=1))
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, file)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return manifest


class Archive:
    """An archive that is being read. Everything in it is checked before it is given out.

    Raises `ToolError("library_archive")` with one sentence on what is wrong.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
            self._shape()
            with self._reading(MANIFEST) as source:
                self.manifest = Manifest.model_validate_json(source.read())
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
            _refuse(f"The file is no archive of a library ({error or type(error).__name__})", error)
        except ValidationError as error:
            _refuse(f"The archive's manifest does not fit ({_first(error)})", error)
        if set(self.manifest.members) != set(_MEMBERS):
            _refuse("The archive's manifest does not name its members")

    def check(self) -> None:
        """Read all of it once and compare sizes and checksums."""
        for name, member in self.manifest.members.items():
            digest, size = hashlib.sha256(), 0
            with self._reading(name) as source:
                while part := source.read(_PART):
                    digest.update(part)
                    size += len(part)
            if (size, digest.hexdigest()) != (member.bytes, member.sha256):
                _refuse(f"The archive is damaged ({name} is not what the manifest says)")

    def entries(self) -> Iterator[Entry]:
        """The documents in order, each with its passages."""
        dimension = self.manifest.dimension
        with contextlib.ExitStack() as open_members:
            texts, spans, numbers, codes = (open_members.enter_context(self._reading(name)) for name in _MEMBERS)
            self._vectors_begin(numbers)
            documents = passages = 0
            following = self._row(PassageRow, spans, PASSAGES)
            seen: set[tuple[str, str]] = set()
            while (document := self._row(DocumentRow, texts, DOCUMENTS)) is not None:
                if (document.collection, document.path) in seen:
                    _refuse(f"The archive holds {document.path!r} twice")
                seen.add((document.collection, document.path))
                if document.collection not in self.manifest.collections:
                    _refuse("The archive holds a document of a collection that it does not name")
                own: list[PassageRow] = []
                while following is not None and following.document == documents:
                    if not following.start < following.end <= len(document.text):
                        _refuse("A passage of the archive does not lie in its document")
                    own.append(following)
                    following = self._row(PassageRow, spans, PASSAGES)
                if not own:
                    _refuse("A document of the archive has no passages")
                vectors = _vectors(numbers, len(own), dimension)
                told = [_codes(codes, row.tokens, dimension) for row in own]
                yield Entry(document, tuple(own), tuple(map(Reading, vectors, told)))
                documents += 1
                passages += len(own)
            if following is not None or numbers.read(1) or codes.read(1):
                _refuse("The archive holds passages that belong to no document")
        if (documents, passages) != (self.manifest.documents, self.manifest.passages):
            _refuse("The archive does not hold as many documents and passages as it says")

    def _shape(self) -> None:
        infos = self._zip.infolist()
        if sorted(info.filename for info in infos) != sorted((MANIFEST, *_MEMBERS)):
            _refuse("The file is no archive of a library (it holds other files)")
        if sum(info.file_size for info in infos) > _MOST_BYTES:
            _refuse(f"The archive is larger than {_MOST_BYTES // 2**30} GB when it is unpacked")
        for info in infos:
            if info.flag_bits & 1:
                _refuse("The archive is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                _refuse("The archive is packed in a way that is not read here")
            if info.filename == MANIFEST and info.file_size > _MOST_MANIFEST:
                _refuse("The archive's manifest is too large")
            if info.file_size > 2**20 and info.file_size > _MOST_RATIO * info.compress_size:
                _refuse("The archive expands beyond all measure when it is unpacked")

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[IO[bytes]]:
        try:
            with self._zip.open(name) as source:
                yield source
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            _refuse(f"The archive is damaged ({error or type(error).__name__})", error)

    def _row(self, model: Any, source: IO[bytes], name: str) -> Any:
        line = source.readline(_MOST_LINE + 1)
        if not line:
            return None
        if len(line) > _MOST_LINE:
            _refuse(f"A line of {name} is too long")
        try:
            return model.model_validate_json(line)
        except ValidationError as error:
            _refuse(f"A line of {name} does not fit ({_first(error)})", error)

    def _vectors_begin(self, source: IO[bytes]) -> None:
        try:
            if np.lib.format.read_magic(source) != (1, 0):
                raise ValueError("its version")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(source, max_header_size=1000)
        except (ValueError, SyntaxError, EOFError) as error:
            _refuse("The archive's vectors cannot be read", error)
        if (shape, fortran, dtype) != ((self.manifest.passages, self.manifest.dimension), False, np.dtype("<f4")):
            _refuse("The archive's vectors are not those of its passages")


def _codes(source: IO[bytes], tokens: int, dimension: int) -> bytes:
    if len(data := source.read(tokens * dimension // 8)) != tokens * dimension // 8:
        _refuse("The archive has fewer tokens than its passages say")
    return data


def _vectors(source: IO[bytes], count: int, dimension: int) -> Vectors:
    size = count * dimension * 4
    data = source.read(size)
    if len(data) != size:
        _refuse("The archive has fewer vectors than passages")
    found = np.frombuffer(data, "<f4").reshape(count, dimension).astype(np.float32)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(found.astype(np.float64), axis=1)
    if not np.all(np.abs(lengths - 1) < 0.01):  # false for what is no number, too
        _refuse("The archive's vectors are not of unit length")
    return found


def _written(out: zipfile.ZipFile, name: str, parts: Iterator[bytes]) -> _Member:
    info = zipfile.ZipInfo(name, time.gmtime()[:6])
    info.compress_type = zipfile.ZIP_STORED if name == VECTORS else zipfile.ZIP_DEFLATED
    digest, size = hashlib.sha256(), 0
    with out.open(info, "w", force_zip64=True) as target:
        for part in parts:
            target.write(part)
            digest.update(part)
            size += len(part)
    return _Member(bytes=size, sha256=digest.hexdigest())


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}" if place else found["msg"]


def _refuse(finding: str, cause: Exception | None = None) -> NoReturn:
    raise ToolError("library_archive", f"{finding}: nothing was imported; export it again.") from cause
