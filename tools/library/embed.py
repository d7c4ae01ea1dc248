"""Text to vectors: what the library asks of an embedder. The one that Kotae carries is `tools.library.e5`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

BATCH_TOKENS = 4096
"""Tokens between two steps of progress: as many as keep all cores busy for a second or less."""


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


@dataclass(frozen=True)
class Reading:
    """A passage as the embedder read it."""

    vector: Vectors
    """(dimension,) float32, unit length."""
    tokens: bytes = b""
    """Each token in its context, one bit a dimension, token after token; empty when the embedder tells none."""


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also tells how it read each token, which `late` compares."""

    def readings(self, texts: Sequence[str]) -> list[Reading]:
        """Vectors and tokens of passages, computed in one go."""

    def query_tokens(self, text: str) -> Vectors:
        """(tokens, dimension) float32: each token's direction, its length the token's share of the query."""


def read(embedder: Embedder, texts: Sequence[str]) -> list[Reading]:
    """Readings of passages by any embedder."""
    if isinstance(embedder, TokenEmbedder):
        return embedder.readings(texts)
    return [Reading(vector) for vector in embedder.passages(texts)]


def headed(title: str, heading: Sequence[str], text: str) -> str:
    """A passage as it is embedded: under its document's title and the headings above it."""
    names = dict.fromkeys(name for name in (title, *heading) if name)
    return "\n".join(filter(None, (" › ".join(names), text)))
