"""How near each sentence of some passages is to a question: what search does for passages, done for their sentences.

Over two collections of reading questions (60 each, English and Japanese, three or four passages) the best sentence
holds the answer in .78 and .80 of the questions, one of the best three in .92 and .95; cosines alone find .73 and .63.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.library import bm25
from tools.library.embed import Embedder, TokenEmbedder, read
from tools.library.forms import other_forms, told
from tools.library.late import similarities
from tools.library.words import search_terms

WORDS = 0.5
"""How much the words count beside the tokens, in standard deviations; .3 to 1 do equally well."""
LONG = 400
"""Characters of a sentence that are compared; a table row or a listing without full stops can be endless."""


@dataclass(frozen=True)
class Nearness:
    """`score` orders the sentences of one call; the others mean the same in every call."""

    score: float
    cosine: float
    tokens: float
    """Mean cosine of the question's tokens with the best of the sentence; 0 if the embedder tells no tokens."""
    words: float
    """Share of the question's words that the sentence has, each weighing as much as it is rare among the sentences."""


def nearness(embedder: Embedder, question: str, sentences: Sequence[tuple[str, str]]) -> list[Nearness]:
    """One for each sentence, which is given with what stands above it: a title or a heading, which may be empty."""
    if not sentences:
        return []
    readings = read(embedder, [f"{above}\n{text[:LONG]}" if above else text[:LONG] for above, text in sentences])
    cosines = np.stack([reading.vector for reading in readings]) @ embedder.query(question)
    tokens = cosines.astype(np.float64)
    if known := isinstance(embedder, TokenEmbedder):
        asked = embedder.query_tokens(question)
        late = similarities(asked, [reading.tokens for reading in readings], by_stretch=False)
        tokens = np.where(np.isnan(late), tokens, late)
    words = _shares(question, [text for _, text in sentences])
    scores = _z(tokens) + WORDS * _z(words)
    return [
        Nearness(float(score), float(cosine), float(token) if known else 0.0, float(share))
        for score, cosine, token, share in zip(scores, cosines, tokens, words, strict=True)
    ]


def _shares(question: str, sentences: Sequence[str]) -> np.ndarray:
    wanted, spellings = set(search_terms(question)), other_forms(question)
    read = [search_terms(sentence) for sentence in sentences]
    held = [(wanted & set(terms)).union(*(word.own for word in told(spellings, terms))) for terms in read]
    frequency = Counter(word for words in held for word in words)
    rarity = {word: bm25.rarity(len(sentences), frequency[word]) for word in wanted}
    total = sum(rarity.values()) or 1.0
    return np.array([sum(rarity[word] for word in words) / total for words in held])


def _z(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros_like(values)
