"""The vectors of all passages in FAISS, made from the store and kept in a file that can be thrown away at any time."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.library import store
from tools.library.embed import Vectors

FILE = "vectors.faiss"
_MAGIC = b"KOTAEVEC1\n"

Numbers = npt.NDArray[np.int64]


class VectorIndex:
    """Exact inner-product search over unit vectors, by passage number. Not thread-safe.

    The file is trusted only if its name of the store's state and its checksum agree; otherwise the index is built from
    the store, silently. It is FAISS's own format, never a pickle.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._state = ""
        self._numbers: Numbers = np.empty(0, np.int64)
        self._index: Any = None

    def __len__(self) -> int:
        return len(self._numbers)

    def refresh(self, db: sqlite3.Connection, file: Path | None = None) -> None:
        """Follow the store. `file` is tried when nothing is loaded yet.

        Passage numbers are never used again, so the difference of the numbers is the difference of the content.
        """
        state = store.state(db)
        if state == self._state:
            return
        if self._index is None and file is not None and self._load(file, state):
            return
        present = store.numbers(db)
        if self._index is None or not len(np.intersect1d(present, self._numbers)):
            self._numbers, vectors = store.vectors(db, None, self._dimension)
            self._index = self._empty()
            self._index.add_with_ids(vectors, self._numbers)
        else:
            gone = np.setdiff1d(self._numbers, present)
            new = np.setdiff1d(present, self._numbers)
            if len(gone):
                self._index.remove_ids(gone)
            if len(new):
                numbers, vectors = store.vectors(db, new.tolist(), self._dimension)
                self._index.add_with_ids(vectors, numbers)
            self._numbers = present
        self._state = state

    def search(self, query: Vectors, n: int) -> dict[int, float]:
        """The nearest `n` passages with their cosine similarity, best first."""
        if not len(self._numbers):
            return {}
        cosines, numbers = self._index.search(query.reshape(1, -1), min(n, len(self._numbers)))
        return {int(i): float(c) for i, c in zip(numbers[0], cosines[0], strict=True) if i >= 0}

    def vectors(self, numbers: list[int]) -> Vectors:
        """(len(numbers), dimension); all of them must be in the index."""
        found: Vectors = self._index.reconstruct_batch(np.array(numbers, np.int64))
        return found

    def holds(self, number: int) -> bool:
        at = int(np.searchsorted(self._numbers, number))
        return at < len(self._numbers) and self._numbers[at] == number

    def save(self, file: Path) -> None:
        """Replace the file in one step. A full disk or a missing right costs the next start a rebuild, nothing else."""
        import faiss

        if self._index is None:
            return
        body = faiss.serialize_index(self._index).tobytes()
        head = {"state": self._state, "dimension": self._dimension, "crc": zlib.crc32(body), "bytes": len(body)}
        temporary = None
        with contextlib.suppress(OSError):
            with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as out:
                temporary = out.name
                out.write(_MAGIC + json.dumps(head).encode() + b"\n" + body)
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, file)
            temporary = None
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _load(self, file: Path, state: str) -> bool:
        import faiss

        try:
            with file.open("rb") as source:
                if source.readline() != _MAGIC:
                    return False
                head = json.loads(source.readline(500))
                if (head["state"], head["dimension"]) != (state, self._dimension):
                    return False
                body = source.read()
            if len(body) != head["bytes"] or zlib.crc32(body) != head["crc"]:
                return False
            index = faiss.deserialize_index(np.frombuffer(body, np.uint8))
            numbers = np.sort(faiss.vector_to_array(index.id_map))  # type: ignore[attr-defined]
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return False
        self._index, self._numbers, self._state = index, numbers, state
        return True

    def _empty(self) -> Any:
        import faiss

        return faiss.IndexIDMap2(faiss.IndexFlatIP(self._dimension))
