"""How near sentences are to questions, for many questions over the same sentences: each is embedded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tools.library.embed import Embedder, Reading, TokenEmbedder, Vectors, read
from tools.library.evidence import Nearness, nearness

MOST = 50_000
"""Sentences that are remembered: about 100 MB."""


class Remembering:
    """An embedder that tells tokens and remembers what it has read."""

    def __init__(self, embedder: TokenEmbedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Reading] = {}
        self.name, self.dimension = embedder.name, embedder.dimension

    def query(self, text: str) -> Vectors:
        return self._embedder.query(text)

    def query_tokens(self, text: str) -> Vectors:
        return self._embedder.query_tokens(text)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.passages(texts)

    def count(self, text: str) -> int:
        return self._embedder.count(text)

    def readings(self, texts: Sequence[str]) -> list[Reading]:
        if len(self._known) > MOST:
            self._known.clear()
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, read(self._embedder, new), strict=True))
        return [self._known[text] for text in texts]


def remembered(embedder: Embedder) -> Callable[[str, Sequence[tuple[str, str]]], list[Nearness]]:
    """`nearness` by this embedder."""
    return partial(nearness, Remembering(embedder) if isinstance(embedder, TokenEmbedder) else embedder)
