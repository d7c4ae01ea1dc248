"""Reading an archive. It is taken for written by a stranger: nothing in it is believed that is not checked.

Ids, terms and languages are made anew by whoever takes it in, and nothing in it names a file that is opened here.
"""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, NoReturn

import numpy as np
from pydantic import ValidationError

from tools.base import ToolError
from tools.library.archive import DOCUMENTS, MANIFEST, MEMBERS, PASSAGES, DocumentRow, Manifest, PassageRow
from tools.library.embed import Reading, Vectors

_MOST_BYTES = 64 * 2**30
"""All members together, unpacked."""
_MOST_MANIFEST = 2**22
_MOST_LINE = 64 * 2**20
"""Bytes of one line: a document has at most some millions of characters."""
_MOST_RATIO = 200
"""By how much text may have been packed; prose reaches 5."""
_PART = 2**20


@dataclass(frozen=True)
class Entry:
    """A document of an archive, with what the embedder told of each passage; vectors are of unit length."""

    document: DocumentRow
    passages: tuple[PassageRow, ...]
    readings: tuple[Reading, ...]


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
        if set(self.manifest.members) != set(MEMBERS):
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
            texts, spans, numbers, codes = (open_members.enter_context(self._reading(name)) for name in MEMBERS)
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
        if sorted(info.filename for info in infos) != sorted((MANIFEST, *MEMBERS)):
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


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    place = ".".join(str(part) for part in found["loc"])
    return f"{place}: {found['msg']}" if place else found["msg"]


def _refuse(finding: str, cause: Exception | None = None) -> NoReturn:
    raise ToolError("library_archive", f"{finding}: nothing was imported; export it again.") from cause
