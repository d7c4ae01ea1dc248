"""Retrieval: the nearest vectors and the matching words, ordered with late interaction, near-duplicates collapsed."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tools.base import Passage
from tools.library import matching, store
from tools.library.access import Permitted
from tools.library.embed import Vectors
from tools.library.forms import other_forms
from tools.library.late import similarities
from tools.library.records import EVERYTHING, Scope
from tools.library.tokens import language, terms
from tools.library.vectors import VectorIndex
from tools.library.words import search_terms

CANDIDATES = 50
"""How many each stage proposes at least; the right passage is among the first 10 of either in 98 of 100 questions."""
OTHERS = 10
"""Passages that other forms of the query's words propose where passages in its own language are. With 20 of them a
library of both languages puts the right page first for 47 of 100 questions in place of 49."""
READ = 64
"""Candidates whose tokens are compared with the query's, about 10 KB each. What the first two stages put behind them is
left out."""
READ_ABROAD = 128
"""… of a library in another language than the question's, where those two tell less."""
HOME = 0.25
"""What a passage in the question's language gains, in standard deviations: it decides between twins, little else."""
FEW = 20
"""Passages. The average of fewer than about this many says little about a language."""
SCANT = 0.1
"""Share of the candidates below which those in the question's language do not set the scale for the others: one page
or two would do so by chance, in a library that is otherwise in another language."""
NEAR = 0.97
"""Cosine similarity below which two passages are not even compared as duplicates."""
TWIN = 0.90
"""Cosine similarity from which two passages of different languages count as translations of each other. On the
sample library translations reach .91 (median), passages of other pages .88; it brings the share of results in the
question's own language from .77 to .90 and costs no right page in questions that only the other language answers."""
PER_DOCUMENT = 3
"""Passages of one document among the results, as long as other documents have any."""

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shares:
    """How much the z-score of each stage counts. They add up to 2, so that scores mean the same for any embedder."""

    tokens: float = 1.3
    words: float = 0.5
    vector: float = 0.2


ALL = Shares()
TWO = Shares(0.0, 1.0, 1.0)
"""For an embedder that tells no tokens."""
ACROSS = Shares(1.2, 0.4, 0.4)
"""For a library in another language than the question's, where its words are found in their other forms alone. Over
sentences of the documentation and questions to it shares of .9 to 1.3 for the tokens do about equally well."""


@dataclass(frozen=True)
class _Candidates:
    """The passages that the stages propose, in the order in which the columns are."""

    numbers: list[int]
    languages: list[str]
    vectors: Vectors
    cosines: Floats

    def only(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> _Candidates:
        """Some of them, in the order of `rows`."""
        return _Candidates(
            [self.numbers[i] for i in rows], [self.languages[i] for i in rows], self.vectors[rows], self.cosines[rows]
        )


def retrieve(
    db: sqlite3.Connection,
    index: VectorIndex,
    query: str,
    vector: Vectors,
    tokens: Vectors | None,
    k: int,
    scope: Scope = EVERYTHING,
    allowed: Permitted | None = None,
    shares: Shares = ALL,
) -> list[Passage]:
    """The best `k` permitted passages for `query`, best first. `index` must have been refreshed in the same read.

    `vector` and `tokens` (see `TokenEmbedder.query_tokens`) are the query as the embedder reads it. `allowed` is what
    `scope` permits: neither stage proposes anything else.
    """
    depth = max(CANDIDATES, 4 * k)
    asked = list(dict.fromkeys(search_terms(query)))
    spellings, home = other_forms(query), language(query)
    averages = index.averages(vector, allowed)
    abroad = averages.get(home, (0.0, 0))[1] < SCANT * sum(passages for _, passages in averages.values())
    matched = matching.matches(db, asked, depth, scope)
    # proposed apart, so that they push out nothing that holds the query's own words
    others = [form for word in spellings for form in word.others]
    matched += matching.matches(db, others, depth if abroad else OTHERS, scope)
    found = _proposed(db, index.propose(vector, depth, allowed), matched, vector, depth)
    if not found.numbers:
        return []
    level = levels(averages, home)
    own, shares = at_home(found.languages, home, shares)
    levelled = found.cosines - np.array([level.get(spoken, 0.0) for spoken in found.languages])
    # abroad the question's own words stand in commands and names of files, and say no more than their other forms
    other = matching.OTHER if own.any() else 1.0
    scored = matching.scores(db, asked, found.numbers, len(index), spellings, other)
    words = np.array([scored.get(number, 0.0) for number in found.numbers])
    late = np.full(len(found.numbers), np.nan)
    if tokens is not None and shares.tokens:
        read = READ if own.any() else READ_ABROAD
        first = np.argsort(-fuse(levelled, words, own), kind="stable")[: max(read, 2 * k)]
        found, levelled, words, own = found.only(first), levelled[first], words[first], own[first]
        codes = store.codes(db, found.numbers)
        # across languages words stand in another order, and the best stretch says nothing
        held = [codes.get(number, b"") for number in found.numbers]
        late = similarities(tokens, held, by_stretch=bool(own.any()))
    scores = fuse(levelled, words, own, late, shares)
    # of two candidates each is as far from the mean as the other: where the stages differ, the words decide
    order = np.lexsort((-words, -np.round(scores, 9)))
    chosen: list[Passage] = []
    # nearly always the first few are enough; the rest is read only when most of these are near-duplicates
    for count in dict.fromkeys((min(len(order), 4 * k), len(order))):
        best = order[:count]
        told = [stages(found.cosines[i], words[i], late[i]) for i in best]
        ranked = _passages(db, [found.numbers[i] for i in best], [float(scores[i]) for i in best], told)
        chosen = choose(ranked, found.vectors[best], own[best], k)
        if len(chosen) == k:
            break
    return chosen


def stages(cosine: float, words: float, late: float) -> dict[str, float]:
    """What each stage gave; `late` is NaN when tokens were not compared."""
    told = {"vector": float(cosine), "words": float(words)}
    return told if math.isnan(late) else told | {"tokens": float(late)}


def at_home(languages: Sequence[str], home: str, shares: Shares = ALL) -> tuple[Mask, Shares]:
    """Which candidates are in the question's language, none if these are `SCANT`, and the shares that go with it."""
    own = np.array([spoken == home for spoken in languages])
    if own.mean() >= SCANT:
        return own, shares
    return np.zeros_like(own), ACROSS if shares == ALL else shares


def levels(averages: Mapping[str, tuple[float, int]], home: str) -> dict[str, float]:
    """By how much each language's passages are nearer to the question than those of its own language, for no reason.

    A multilingual embedder gives any two texts of one language a higher similarity, by about as much as a right
    passage is nearer than a wrong one. The difference of the averages over the whole library is that bias: taken off,
    a question finds its passage in a library of both languages with nDCG@10 .71 instead of .35 when only the other
    language has it, and as before (.97 and .99) when its own language does. `averages`: mean cosine and number of
    passages of each language; few passages say little about a language, so their difference counts less.
    """
    if home not in averages:
        return {}
    own, passages = averages[home]
    trust = passages / (passages + FEW)
    return {name: (mean - own) * trust * n / (n + FEW) for name, (mean, n) in averages.items()}


def fuse(cosines: Floats, words: Floats, home: Mask, late: Floats | None = None, shares: Shares = ALL) -> Floats:
    """Weighted sum of the z-scores of cosine, BM25 and late interaction over the candidates.

    A sum of z-scores beats each stage and reciprocal rank fusion: docs/decisions/0012 has the table. `home`
    marks the passages in the question's language. Beside them, a passage in another language shares hardly a word with
    the question, which says nothing about it: its missing words count as much as its vector does, and so do its tokens,
    which lie nearer to those of their own language. `late` is NaN for a passage without codes: its vector stands in.
    """
    # next to passages in the question's language
    foreign = ~home & home.any()
    by_vector = _z(cosines, np.ones_like(home))
    by_words = _z(words, home)
    if by_words.any():
        by_words = np.where(foreign, np.maximum(by_words, by_vector), by_words)
    late = np.full(len(cosines), np.nan) if late is None else late
    known = ~np.isnan(late)
    if not known.any() and shares.tokens:
        shares = TWO
    among = known & home if (known & home).any() else known
    by_tokens = np.where(known, _z(np.where(known, late, 0.0), among), by_vector)
    by_tokens = np.where(foreign, np.maximum(by_tokens, by_vector), by_tokens)
    fused: Floats = shares.tokens * by_tokens + shares.words * by_words + shares.vector * by_vector + HOME * home
    return fused


def choose(ranked: Sequence[Passage], vectors: Vectors, home: Mask, k: int) -> list[Passage]:
    """The first `k`, best first; of near-duplicates the first, with the documents of the others as its copies.

    At most `PER_DOCUMENT` of one document, and no translation of a passage that is near in the question's own language
    (`home`), as long as there are others.
    """
    taken: list[int] = []
    surplus: list[int] = []
    copies: dict[int, list[str]] = {}
    per_document: Counter[str] = Counter()
    top = slice(0, 3 * k)
    translated = ~home[top] & ((vectors[top] @ vectors[top].T >= TWIN) & home[top]).any(axis=1)
    for i, passage in enumerate(ranked):
        if len(taken) == k:
            break
        near = (j for j in taken + surplus if _same(passage, ranked[j], float(vectors[i] @ vectors[j])))
        if (original := next(near, None)) is not None:
            copies.setdefault(original, []).append(passage.url)
        elif per_document[passage.document] < PER_DOCUMENT and not translated[i : i + 1].any():
            per_document[passage.document] += 1
            taken.append(i)
        elif len(surplus) < k:
            surplus.append(i)
    taken += surplus[: k - len(taken)]
    return [
        replace(ranked[i], copies=tuple(url for url in dict.fromkeys(copies.get(i, ())) if url != ranked[i].url))
        for i in sorted(taken)
    ]


def _z(values: Floats, among: Mask) -> Floats:
    """How many standard deviations above the mean of those `among`; all zero when they do not differ."""
    sample = values[among] if among.sum() > 1 else values
    spread = float(sample.std())
    if spread < 1e-9:
        return np.zeros_like(values)
    scaled: Floats = (values - sample.mean()) / spread
    return scaled


def _same(a: Passage, b: Passage, cosine: float) -> bool:
    """Near-duplicates: the same words in nine of ten, and the same numbers: where they differ, two versions contradict
    each other. Vectors rule most pairs out before any text is looked at."""
    if cosine < NEAR or _numbers(a.text) != _numbers(b.text):
        return False
    if re.sub(r"\s+", "", a.text) == re.sub(r"\s+", "", b.text):
        return True
    left, right = set(terms(a.text)), set(terms(b.text))
    return len(left & right) >= 0.9 * len(left | right) > 0


def _numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+", text))


def _proposed(
    db: sqlite3.Connection, near: Sequence[int], matched: Sequence[int], query: Vectors, depth: int
) -> _Candidates:
    """What matches by words, and of what may be near the nearest `depth` of each language, by their exact cosines."""
    numbers = list(dict.fromkeys([*near, *matched]))
    rows = store.select(db, "SELECT number, language, vector FROM passages WHERE number IN", numbers)
    if not rows:
        return _Candidates([], [], np.empty((0, len(query)), np.float32), np.empty(0))
    vectors = np.frombuffer(b"".join(blob for _, _, blob in rows), "<f4").reshape(len(rows), -1)
    cosines = (vectors @ query).astype(np.float64)
    by_words = set(matched)
    room = Counter({spoken: depth for _, spoken, _ in rows})
    kept = []
    for i in np.argsort(-cosines, kind="stable"):
        number, spoken, _ = rows[i]
        if room[spoken] > 0 or number in by_words:
            kept.append(int(i))
        room[spoken] -= 1
    return _Candidates([row[0] for row in rows], [row[1] for row in rows], vectors, cosines).only(kept)


def _passages(
    db: sqlite3.Connection, numbers: Sequence[int], scores: Sequence[float], stages: Sequence[dict[str, float]]
) -> list[Passage]:
    rows = store.select(
        db,
        "SELECT p.number, p.id, p.text, d.title, d.path, p.page, p.heading, d.id, p.start, p.end "
        "FROM passages p JOIN documents d ON d.id = p.document WHERE p.number IN",
        numbers,
    )
    read = {row[0]: row[1:] for row in rows}
    found = []
    for number, score, stage in zip(numbers, scores, stages, strict=True):
        id, text, title, path, page, heading, document, start, end = read[number]
        found.append(
            Passage(
                id=id,
                text=text,
                title=title,
                url=path,
                kind="library",
                page=page,
                heading=tuple(json.loads(heading)),
                document=document,
                start=start,
                end=end,
                score=score,
                stages=stage,
            )
        )
    return found
