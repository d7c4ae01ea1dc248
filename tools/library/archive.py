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

Writing one is here, reading one in `unpack`.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.library import access
from tools.library.records import DocumentType, Scope

MANIFEST, DOCUMENTS, PASSAGES = "manifest.json", "documents.jsonl", "passages.jsonl"
VECTORS, TOKENS = "vectors.npy", "tokens.bin"
MEMBERS = (DOCUMENTS, PASSAGES, VECTORS, TOKENS)

Text = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Field(ge=0, lt=2**62)]
Time = Annotated[float, Field(ge=0, lt=1e11, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Member(_Strict):
    """What the manifest says of another member."""

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
    members: dict[str, Member]


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


def write(db: sqlite3.Connection, file: Path, scope: Scope, embedder: str, dimension: int) -> Manifest:
    """Write what `scope` permits, in one reading of `db`, and put the file in its place at once."""
    allowed, values = access.condition(scope)
    permitted = f"FROM documents d JOIN collections c ON c.number = d.collection WHERE NOT d.gone AND {allowed}"
    order = "ORDER BY d.rowid"
    inner = (
        f"FROM documents d CROSS JOIN passages p ON p.document = d.id WHERE NOT d.gone AND {allowed} {order}, p.number"
    )
    numbers: dict[str, int] = {}
    members: dict[str, Member] = {}
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
                for name, parts in zip(MEMBERS, (documents(), spans(), vectors(), tokens()), strict=True):
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


def _written(out: zipfile.ZipFile, name: str, parts: Iterator[bytes]) -> Member:
    info = zipfile.ZipInfo(name, time.gmtime()[:6])
    info.compress_type = zipfile.ZIP_STORED if name == VECTORS else zipfile.ZIP_DEFLATED
    digest, size = hashlib.sha256(), 0
    with out.open(info, "w", force_zip64=True) as target:
        for part in parts:
            target.write(part)
            digest.update(part)
            size += len(part)
    return Member(bytes=size, sha256=digest.hexdigest())


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
