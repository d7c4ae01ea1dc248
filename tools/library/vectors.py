"""The vectors of all passages in FAISS, made from the store and kept in a file that can be thrown away at any time."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tools.library import store
from tools.library.access import Permitted
from tools.library.embed import Vectors

FILE = "vectors.faiss"
_MAGIC = b"KOTAEVEC2\n"
_HEADROOM = 1.5
"""How far the components of later vectors may lie beyond those of the first before they are clipped."""
_BLOCK = 10_000
"""Vectors unpacked at once."""

Numbers = npt.NDArray[np.int64]
Sums = dict[str, tuple[npt.NDArray[np.float64], int]]


class VectorIndex:
    """Inner products of unit vectors, by passage number, with a part for each language. Not thread-safe.

    Every vector is compared, in 8 bits a component: a quarter of the memory and six times the speed of float32. The
    nearest passages are among twice as many proposed ones (recall 1.000 of the first 100, measured up to a million);
    the store has the vectors from which whoever asks takes the exact order.

    The parts exist because a multilingual embedder puts texts of one language near each other: a question's nearest
    passages of another language would be drowned. Each part also knows how near its average passage is.

    The file is trusted only if its name of the store's state and its checksums agree; otherwise the index is built
    from the store, silently. It is FAISS's own format, never a pickle.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._state = ""
        self._parts: dict[str, _Part] = {}
        self._permitted: WeakKeyDictionary[Permitted, tuple[str, Sums]] = WeakKeyDictionary()

    @property
    def state(self) -> str:
        """Which content of the store it holds; empty when none."""
        return self._state

    def __len__(self) -> int:
        return sum(len(part.numbers) for part in self._parts.values())

    def refresh(self, db: sqlite3.Connection, file: Path | None = None) -> None:
        """Follow the store. `file` is tried when nothing is loaded yet.

        Passage numbers are never used again, so the difference of the numbers is the difference of the content.
        """
        state = store.state(db)
        if state == self._state or (not self._state and file is not None and self._load(file, state)):
            return
        present = store.numbers(db)
        held = np.concatenate([np.empty(0, np.int64), *(part.numbers for part in self._parts.values())])
        gone, new = np.setdiff1d(held, present), np.setdiff1d(present, held)
        for part in self._parts.values():
            part.remove(np.intersect1d(part.numbers, gone))
        wanted = new.tolist() if len(held) else None
        for languages, numbers, vectors in store.vectors(db, wanted, self._dimension):
            for language in set(languages):
                chosen = np.array([spoken == language for spoken in languages])
                part = self._parts.setdefault(language, _Part(self._dimension))
                part.add(numbers[chosen], vectors[chosen])
        self._parts = {language: part for language, part in self._parts.items() if len(part.numbers)}
        self._state = state

    def equals(self, db: sqlite3.Connection, file: Path) -> bool:
        """Whether the file holds the very vectors of the store; what it held is replaced by what the file holds."""
        if not self._load(file, store.state(db)):
            return False
        seen: Counter[str] = Counter()
        for languages, numbers, vectors in store.vectors(db, None, self._dimension):
            for language in set(languages):
                chosen = np.array([spoken == language for spoken in languages])
                part = self._parts.get(language)
                if part is None or not part.holds(numbers[chosen], vectors[chosen]):
                    return False
                seen[language] += int(chosen.sum())
        return {language: len(part.numbers) for language, part in self._parts.items()} == seen

    def propose(self, query: Vectors, n: int, allowed: Permitted | None = None) -> list[int]:
        """Twice `n` permitted passages of each language, the nearest `n` among them."""
        import faiss

        # one query gives several threads nothing to do but wait for each other; OpenMP keeps this per calling thread
        faiss.omp_set_num_threads(1)
        found: list[int] = []
        only = None if allowed is None else _only(allowed)
        coded = np.rint(query * (127 / max(float(np.abs(query).max()), 1e-9))).astype(np.float32).reshape(1, -1)
        for part, count in zip(self._parts.values(), self._counts(allowed), strict=True):
            if count:
                found += part.index.search(coded, min(2 * n, count), params=only)[1][0].tolist()
        return found

    def averages(self, query: Vectors, allowed: Permitted | None = None) -> dict[str, tuple[float, int]]:
        """For each language, the mean cosine similarity of its permitted passages to `query`, and how many they are."""
        sums = {language: (part.sum, len(part.numbers)) for language, part in self._parts.items()}
        if allowed is not None:
            sums = self._sums(allowed)
        return {language: (float(total @ query) / count, count) for language, (total, count) in sums.items() if count}

    def _counts(self, allowed: Permitted | None) -> list[int]:
        if allowed is None:
            return [len(part.numbers) for part in self._parts.values()]
        return [count for _, count in self._sums(allowed).values()]

    def _sums(self, allowed: Permitted) -> Sums:
        """For each language, the sum of the permitted vectors and their number."""
        state, sums = self._permitted.get(allowed, ("", {}))
        if state != self._state:
            sums = {}
            for language, part in self._parts.items():
                inside = np.intersect1d(part.numbers, allowed.numbers, assume_unique=True)
                sums[language] = (part.total(inside), len(inside))
            self._permitted[allowed] = (self._state, sums)
        return sums

    def save(self, file: Path) -> None:
        """Replace the file in one step. A full disk or a missing right costs the next start a rebuild, nothing else."""
        import faiss

        bodies = {language: faiss.serialize_index(part.index).tobytes() for language, part in self._parts.items()}
        head = {
            "state": self._state,
            "dimension": self._dimension,
            "parts": [
                [language, len(body), zlib.crc32(body), self._parts[language].scale]
                for language, body in bodies.items()
            ],
        }
        temporary = None
        with contextlib.suppress(OSError):
            with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as out:
                temporary = out.name
                out.write(_MAGIC + json.dumps(head).encode() + b"\n")
                out.writelines(bodies.values())
                out.flush()
                os.fsync(out.fileno())
            os.replace(temporary, file)
            temporary = None
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)

    def _load(self, file: Path, state: str) -> bool:
        import faiss

        parts: dict[str, _Part] = {}
        try:
            with file.open("rb") as source:
                if source.readline(99) != _MAGIC:
                    return False
                head = json.loads(source.readline(9999))
                if (head["state"], head["dimension"]) != (state, self._dimension):
                    return False
                for language, size, checksum, scale in head["parts"]:
                    body = source.read(size)
                    if len(body) != size or zlib.crc32(body) != checksum:
                        return False
                    index = faiss.deserialize_index(np.frombuffer(body, np.uint8))
                    parts[language] = _Part(self._dimension, index, float(scale))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            return False
        self._parts, self._state = parts, state
        return True


def _only(allowed: Permitted) -> Any:
    """Has FAISS look at these passages alone."""
    import faiss

    library: Any = faiss  # its annotations are those of C++
    return library.SearchParameters(sel=library.IDSelectorBitmap(allowed.bitmap))


def saved_state(file: Path) -> str:
    """Which content of the store the file was made from; empty when there is no such file or it says nothing."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError), file.open("rb") as source:
        if source.readline(99) == _MAGIC:
            return str(json.loads(source.readline(9999))["state"])
    return ""


class _Part:
    """The passages of one language. A component is kept as the nearest of 255 steps, `scale` steps to one."""

    def __init__(self, dimension: int, index: Any = None, scale: float = 0.0) -> None:
        import faiss

        steps = faiss.ScalarQuantizer.QT_8bit_direct_signed
        empty = faiss.IndexScalarQuantizer(dimension, steps, faiss.METRIC_INNER_PRODUCT)
        self.index: Any = index or faiss.IndexIDMap2(empty)
        self.scale = scale
        self.numbers: Numbers = np.sort(faiss.vector_to_array(self.index.id_map))
        self.sum = self.total(self.numbers)

    def add(self, numbers: Numbers, vectors: Vectors) -> None:
        if not self.scale:
            self.scale = 127 / (_HEADROOM * max(float(np.abs(vectors).max()), 1e-9))
        self.index.add_with_ids(self._coded(vectors), numbers)
        self.numbers = np.union1d(self.numbers, numbers)
        self.sum = self.sum + vectors.sum(axis=0, dtype=np.float64)

    def remove(self, numbers: Numbers) -> None:
        if len(numbers):
            self.sum = self.sum - self.total(numbers)
            self.index.remove_ids(numbers)
            self.numbers = np.setdiff1d(self.numbers, numbers)

    def holds(self, numbers: Numbers, vectors: Vectors) -> bool:
        """Whether these passages are there, with these vectors."""
        if not np.isin(numbers, self.numbers).all():
            return False
        return np.array_equal(self.index.reconstruct_batch(numbers), self._coded(vectors))

    def total(self, numbers: Numbers) -> npt.NDArray[np.float64]:
        """The sum of the vectors of these passages, which must be there."""
        total = np.zeros(self.index.d)
        for at in range(0, len(numbers), _BLOCK):
            total += self.index.reconstruct_batch(numbers[at : at + _BLOCK]).sum(axis=0, dtype=np.float64)
        return total / (self.scale or 1.0)

    def _coded(self, vectors: Vectors) -> Vectors:
        coded: Vectors = np.clip(np.rint(vectors * np.float32(self.scale)), -127, 127).astype(np.float32)
        return coded
