"""Search in libraries of a thousand to a million passages: `python -m tests.benchmarks scale [--sizes N…]`.

Prints for each size how long a search takes beside FAISS alone on the same vectors and the embedding of the query, how
many of the exact nearest passages the vector index finds, and the memory and disk that it takes. Passages are made up:
words as frequent as words are (Mandelbrot 1953), vectors in clusters as an embedder leaves them, token codes at random.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.library import E5, Library, store  # noqa: E402
from tools.library.embed import Vectors  # noqa: E402
from tools.library.store import NewDocument, NewPassage, Store  # noqa: E402
from tools.library.vectors import VectorIndex  # noqa: E402

SIZES = (1_000, 10_000, 100_000)
QUERIES = 60
NEAREST = 100
WORDS = 200_000
PER_PASSAGE = 110
"""Words that say something; with the others a passage has about 200 tokens."""
TOKENS = 180
PER_DOCUMENT = 10
CLUSTERS = 400
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


class Made:
    """Passages that are made up, the same ones each time."""

    def __init__(self, dimension: int) -> None:
        self._rng = np.random.default_rng(1)
        draw = random.Random(1)
        self._words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4))) + "x" for _ in range(WORDS)]
        share = 1 / (np.arange(WORDS) + 30.0)
        self._cumulated = np.cumsum(share / share.sum())
        self._dimension = dimension
        self._common = self._rng.normal(size=dimension)
        self._clusters = self._rng.normal(size=(CLUSTERS, dimension))

    def words(self, count: int) -> list[str]:
        """Words as often as they occur in running text."""
        return [self._words[i] for i in np.searchsorted(self._cumulated, self._rng.random(count))]

    def vectors(self, count: int) -> Vectors:
        """Unit vectors, (count, dimension): any two about .8 alike, those of one cluster .9."""
        which = self._rng.integers(0, CLUSTERS, count)
        noise = self._rng.normal(size=(count, self._dimension))
        return _unit(2 * self._common + 0.7 * self._clusters[which] + 0.7 * noise)

    def near(self, vectors: Vectors) -> Vectors:
        """What somebody could ask for each of these."""
        return _unit(vectors + 0.35 / np.sqrt(self._dimension) * self._rng.normal(size=vectors.shape))

    def codes(self) -> bytes:
        """Token codes."""
        return self._rng.bytes(TOKENS * self._dimension // 8)


def fill(folder: Path, embedder: E5, made: Made, passages: int) -> list[list[str]]:
    """Write a library without embedding anything; returns the words of one passage in a hundred or so."""
    opened = Store(folder, embedder.name)
    opened.create()
    some = []
    began = time.monotonic()
    for first in range(0, passages, 1000):
        vectors = made.vectors(1000)
        with opened.write() as db:
            (collection,) = db.execute("SELECT number FROM collections").fetchone()
            for at in range(0, 1000, PER_DOCUMENT):
                name = f"{first + at:08}"
                texts = [made.words(PER_PASSAGE) for _ in range(PER_DOCUMENT)]
                some.append(texts[0])
                document = NewDocument(
                    id=name, collection=collection, path=f"/{name}.txt", title=name, type="text", language="en",
                    owner="", source="file", bytes=0, modified=0, sha256="", indexed_at=0, checked_at=0, gone=0,
                    pages=(), text="",
                )  # fmt: skip
                store.replace(
                    db,
                    document,
                    [
                        NewPassage(
                            id=f"{name}-{i}", start=0, end=0, page=None, heading=(), language="en",
                            text=" ".join(words), key=f"{name}-{i}", terms=" ".join(words),
                            vector=vectors[at + i], tokens=made.codes(),
                        )
                        for i, words in enumerate(texts)
                    ],
                )  # fmt: skip
        if sys.stderr.isatty():
            print(f"\r{first + 1000} of {passages}, {time.monotonic() - began:.0f} s", end="", file=sys.stderr)
    opened.close()
    return some


def questions(some: Sequence[Sequence[str]], count: int) -> Iterator[str]:
    """Texts of about a dozen words, eight of them of one passage."""
    draw = random.Random(2)
    for words in draw.choices(some, k=count):
        yield "What is known about " + " ".join(draw.sample(list(words), 8)) + "?"


def measure(size: int, embedder: E5, made: Made) -> dict[str, Any]:
    """The figures for one size."""
    import faiss

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        some = fill(folder, embedder, made, size)
        gc.collect()
        before = resident()
        library = Library.open(folder, embedder)
        began = time.perf_counter()
        library.search("warm")
        opening = time.perf_counter() - began
        memory = resident() - before
        asked = list(questions(some, 2 * QUERIES))
        whole, embedding = [], []
        for alone, query in zip(asked[:QUERIES], asked[QUERIES:], strict=True):
            began = time.perf_counter()
            embedder.query(alone)
            embedding.append(time.perf_counter() - began)
            began = time.perf_counter()
            library.search(query)
            whole.append(time.perf_counter() - began)
        index = VectorIndex(embedder.dimension)
        with library._store.read() as db:
            assert db is not None
            index.refresh(db)
            blocks = list(store.vectors(db, None, embedder.dimension))
        numbers, vectors = (np.concatenate([block[i] for block in blocks]) for i in (1, 2))
        del blocks
        bytes_on_disk = library.status().bytes
        library.close()
        flat: Any = faiss.IndexFlatIP(embedder.dimension)
        flat.add(vectors)
        draw = np.random.default_rng(3)
        wanted = made.near(vectors[draw.integers(0, len(vectors), QUERIES)])
        del vectors
        faiss.omp_set_num_threads(1)
        bare, found = [], 0
        for query_vector in wanted:
            began = time.perf_counter()
            _, nearest = flat.search(query_vector[None], NEAREST)
            bare.append(time.perf_counter() - began)
            found += len(set(numbers[nearest[0]].tolist()) & set(index.propose(query_vector, NEAREST)))
    alone_ms, faiss_ms, whole_ms = (1000 * statistics.median(times) for times in (embedding, bare, whole))
    return {
        "passages": size,
        "search_p50_ms": whole_ms,
        "search_p95_ms": 1000 * statistics.quantiles(whole, n=20)[-1],
        "query_embedding_p50_ms": alone_ms,
        "bare_faiss_p50_ms": faiss_ms,
        "times_faiss_and_embedding": whole_ms / (faiss_ms + alone_ms),
        f"recall_of_{NEAREST}_nearest": found / NEAREST / len(wanted),
        "first_search_s": opening,
        "memory_mb": memory / 2**20,
        "disk_mb": bytes_on_disk / 2**20,
    }


def resident() -> int:
    """Bytes of memory that the process holds now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    return 0


def run(sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """Measure, print and return the figures of each size."""
    embedder = E5()
    embedder.query("warm")
    results = []
    for size in sizes:
        results.append(measure(size, embedder, Made(embedder.dimension)))
        for name, value in results[-1].items():
            print(f"{name:28} {value:12.3f}" if isinstance(value, float) else f"{name:28} {value:8}", flush=True)
        print()
    return results


def _unit(vectors: Any) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    run(parser.parse_args().sizes)
