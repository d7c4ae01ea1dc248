"""What the router has learned, as a file: the classifier, and the embeddings of the questions it was trained from."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agent.classifier import Classifier, Matrix, Training, Vector, temperature
from agent.examples import ROUTES, Example, fingerprint

if TYPE_CHECKING:
    from tools.library import Embedder

SHIPPED = Path(__file__).with_name("router.npz")
_STEPS = 127
"""Embeddings are kept in 8 bits: a question stays within a cosine of .9999 of itself, in a quarter of the room."""


@dataclass(frozen=True)
class Learned:
    """`vectors` are those of `questions`, in their order, (questions, dimension)."""

    questions: tuple[Example, ...]
    vectors: Vector
    classifier: Classifier

    def save(self, path: Path, embedder: str) -> None:
        """Write beside and put in place at once: another process reads the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with beside.open("wb") as file:
            np.savez_compressed(
                file,
                fingerprint=np.array(fingerprint(self.questions, embedder)),
                embedder=np.array(embedder),
                weights=self.classifier.weights,
                shares=self.classifier.shares,
                temperature=np.array(self.classifier.temperature),
                marks=np.array([_mark(e.text) for e in self.questions], np.uint64),
                vectors=_coarse(self.vectors),
            )
        os.replace(beside, path)


@dataclass(frozen=True)
class Kept:
    """A file that was written before."""

    fingerprint: str
    weights: Vector
    shares: Vector
    temperature: float
    known: Mapping[int, NDArray[np.int8]]

    def learned(self, questions: Sequence[Example]) -> Learned:
        """With the questions that it was trained from."""
        vectors = _fine([self.known[_mark(e.text)] for e in questions])
        mean = vectors.mean(axis=0)
        classifier = Classifier(self.weights, self.shares, vectors - mean, mean, self.temperature)
        return Learned(tuple(questions), vectors, classifier)


def read(path: Path, embedder: str) -> Kept | None:
    """None where there is no file, and where it cannot be used: the caller then makes it anew."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["embedder"]) != embedder:
                return None
            known = dict(zip((int(m) for m in stored["marks"]), stored["vectors"], strict=True))
            mark, fitted = str(stored["fingerprint"]), float(stored["temperature"])
            return Kept(mark, stored["weights"], stored["shares"], fitted, known)
    except (OSError, KeyError, ValueError, EOFError, BadZipFile, zlib.error):
        return None


def embedded(
    embedder: Embedder,
    texts: Sequence[str],
    kept: Sequence[Kept | None] = (),
    done: Callable[[], None] = lambda: None,
) -> Vector:
    """(texts, dimension): what was kept of an earlier time is not computed again. `done` is called after each text."""
    known: dict[int, NDArray[np.int8]] = {}
    for one in kept:
        known.update(one.known if one else {})
    missing = [text for text in dict.fromkeys(texts) if _mark(text) not in known]

    def embed(text: str) -> Vector:
        vector = embedder.query(text)
        done()
        return vector

    if missing:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            fresh = _coarse(np.stack(list(pool.map(embed, missing))))
        known.update(zip((_mark(text) for text in missing), fresh, strict=True))
    return _fine([known[_mark(text)] for text in texts])


def train(
    questions: Sequence[Example], vectors: Vector, *, known_temperature: float | None = None
) -> tuple[Learned, Matrix]:
    """A classifier from labelled questions, and the scores that each gets from one that has not seen it.

    With `known_temperature` there is no cross-validation, and the scores are empty: a second instead of five.
    """
    labels = [ROUTES.index(e.route) for e in questions]
    training = Training(vectors, [e.text for e in questions], labels, [e.weight for e in questions], len(ROUTES))
    if known_temperature is not None:
        return Learned(tuple(questions), vectors, training.fit(known_temperature)), np.empty((0, len(ROUTES)))
    scores = training.validate()
    # corrections count in training only: they are what the classifier got wrong, not what is usually asked
    usual = [i for i, e in enumerate(questions) if e.weight == 1]
    fitted = temperature(scores[usual], [labels[i] for i in usual])
    return Learned(tuple(questions), vectors, training.fit(fitted)), scores


def _mark(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _coarse(vectors: Vector) -> NDArray[np.int8]:
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    coarse: NDArray[np.int8] = np.rint(vectors / largest * _STEPS).astype(np.int8)
    return coarse


def _fine(rows: Sequence[NDArray[np.int8]]) -> Vector:
    vectors = np.stack(rows).astype(np.float32)
    unit: Vector = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
