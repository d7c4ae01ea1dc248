"""Pages of the web as passages: cut like documents, ranked like passages of the library, believed less.

Embedding takes a tenth of a second a passage, so words choose first which passages are embedded at all: those of the
question, and those of the search engine's snippet, which shows the part of the page that matched. What a page begins
with is always among them, since a question in another language shares no words with it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import numpy as np

from tools import sentences
from tools.base import Passage
from tools.library import bm25
from tools.library.chunk import cut
from tools.library.embed import Embedder, TokenEmbedder, headed, read
from tools.library.late import similarities
from tools.library.search import at_home, choose, fuse, levels, stages
from tools.library.tokens import language, normalise, terms
from tools.web.fetch import Page

CANDIDATES = 24
"""Passages that are embedded."""
PER_PAGE = 8
"""Passages of one page among these, as long as other pages have any."""
PAGE = 0.5
"""Trust in what one page says; the owner's documents have 1."""
SNIPPET = 0.4
"""Trust in what a search engine says that a page says."""
VOICE = 0.1
"""Trust that each further site adds which says the same by itself."""
MOST = 0.7
"""Trust that the web can have at most: whoever owns one site may own three."""
AGREED = 0.5
"""What each further site adds to the score, in standard deviations: it decides between what is about as near."""

_GRAM = 12
"""Letters that are compared at a time to tell whether one page is made of another."""
_COPY = 0.5
"""Share of the shorter page from which it is: an agency's report under another site's heading."""
_HELD = 0.8
"""Share of a passage from which a page has it: where passages begin and end differs from page to page."""
_SAID = 0.5
"""Share of the shorter sentence's words, less the question's, that two sentences have in common which say the same."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class _Candidate:
    passage: Passage
    page: int
    """Number of its page, or of its snippet behind those of the pages."""
    first: bool
    """Whether its page begins with it, or it is a snippet."""
    embed: str
    terms: tuple[str, ...]


def rank(query: str, pages: Sequence[Page], snippets: Sequence[Passage], embedder: Embedder, k: int) -> list[Passage]:
    """The best `k` passages of some pages for `query`, best first.

    `snippets` are what the search gave, best first. That of a page which was not read stands in for it, unless another
    page has it. Near-duplicates are given once, with the addresses of the others as `copies`, and few of one page as
    long as there are others. The order of the search engine decides between equals alone: as a part of the score, by
    1 / rank or log(rank), it moved the right passages of 60 stored searches (`python -m tests.benchmarks web_ranking`)
    by no more than chance, and let the first hit outdo two sites that agree.
    """
    texts = [_Letters.of(page.text) for page in pages]
    candidates = [
        candidate
        for number, page in enumerate(pages)
        for candidate in _cut(page, number, embedder)
        # a better page has it too: that one names this one among its copies
        if not any(earlier.holds(candidate.passage.text) for earlier in texts[:number])
    ]
    read_from = {url for page in pages for url in (page.asked, page.url)}
    rest = [s for s in snippets if s.url not in read_from and not any(text.holds(s.text) for text in texts)]
    candidates += [_stand_in(snippet, len(pages) + number) for number, snippet in enumerate(rest)]
    if not candidates or k < 1:
        return []
    asked = set(terms(query))
    words = _words(asked, candidates)
    shown = {snippet.url: set(terms(snippet.text)) for snippet in snippets}
    hints = np.array(
        [_held(shown.get(pages[c.page].asked, set()), c) if c.page < len(pages) else 0.0 for c in candidates]
    )
    kept = _promising(candidates, words / max(float(words.max()), 1e-9) + hints)
    return _ranked(query, [candidates[i] for i in kept], words[kept], pages, texts, embedder, k)


def _cut(page: Page, number: int, embedder: Embedder) -> list[_Candidate]:
    found: list[_Candidate] = []
    for chunk in cut(page.text, page.type, embedder.count, pages=page.pages):
        text = page.text[chunk.start : chunk.end]
        embed = headed(page.title, chunk.heading, text)
        passage = Passage(
            id=_mark(f"{page.url}\0{text}"),
            text=text,
            title=page.title,
            url=page.url,
            kind="web",
            page=chunk.page,
            heading=chunk.heading,
            document=_mark(page.url),
            start=chunk.start,
            end=chunk.end,
            trust=PAGE,
            published=page.published,
            read_at=page.read_at,
        )
        found.append(_Candidate(passage, number, not found, embed, tuple(terms(embed))))
    return found


def _stand_in(snippet: Passage, number: int) -> _Candidate:
    embed = headed(snippet.title, (), snippet.text)
    # as a document of its own, until passages are counted by document
    passage = replace(snippet, trust=SNIPPET, document=_mark(snippet.url))
    return _Candidate(passage, number, True, embed, tuple(terms(embed)))


def _words(asked: set[str], candidates: Sequence[_Candidate]) -> np.ndarray:
    """BM25 of each candidate for the question; how rare a term is, is counted over all of these."""
    holding = Counter(term for candidate in candidates for term in asked & set(candidate.terms))
    weights = {term: bm25.rarity(len(candidates), count) for term, count in holding.items()}
    scored = bm25.scores({i: candidate.terms for i, candidate in enumerate(candidates)}, weights)
    return np.array([scored.get(i, 0.0) for i in range(len(candidates))])


def _held(shown: set[str], candidate: _Candidate) -> float:
    """Share of a snippet's words that a passage of its page holds."""
    return len(shown & set(candidate.terms)) / len(shown) if shown else 0.0


def _promising(candidates: Sequence[_Candidate], promise: np.ndarray) -> list[int]:
    """Which are worth embedding: what pages begin with, then what promises most, then whatever stands first.

    At most `PER_PAGE` of one page, as long as others have any.
    """
    order = sorted(
        range(len(candidates)), key=lambda i: (not candidates[i].first, -promise[i], candidates[i].passage.start, i)
    )
    taken: list[int] = []
    surplus: list[int] = []
    per_page: Counter[int] = Counter()
    for i in order:
        per_page[candidates[i].page] += 1
        (taken if per_page[candidates[i].page] <= PER_PAGE else surplus).append(i)
    return sorted((taken + surplus)[:CANDIDATES])


def _ranked(
    query: str,
    candidates: Sequence[_Candidate],
    words: np.ndarray,
    pages: Sequence[Page],
    texts: Sequence[_Letters],
    embedder: Embedder,
    k: int,
) -> list[Passage]:
    home = language(query)
    readings = read(embedder, [candidate.embed for candidate in candidates])
    vectors = np.stack([reading.vector for reading in readings])
    cosines = (vectors @ embedder.query(query)).astype(np.float64)
    languages: list[str] = [language(candidate.passage.text) for candidate in candidates]
    own, shares = at_home(languages, home)
    averages = {
        spoken: (float(np.mean([c for c, s in zip(cosines, languages, strict=True) if s == spoken])), count)
        for spoken, count in Counter(languages).items()
    }
    level = levels(averages, home)
    levelled = cosines - np.array([level.get(spoken, 0.0) for spoken in languages])
    late = np.full(len(candidates), np.nan)
    if isinstance(embedder, TokenEmbedder):
        codes = [reading.tokens for reading in readings]
        late = similarities(embedder.query_tokens(query), codes, by_stretch=bool(own.any()))
    voices = _voices(query, candidates, pages, texts)
    scores = fuse(levelled, words, own, late, shares) + AGREED * np.array(voices)
    order = np.lexsort((-words, -np.round(scores, 9)))
    ranked = [
        replace(
            candidates[i].passage,
            score=float(scores[i]),
            stages=stages(float(cosines[i]), float(words[i]), float(late[i])),
            trust=min(MOST, candidates[i].passage.trust + VOICE * voices[i]),
        )
        for i in order
    ]
    chosen = choose(ranked, vectors[order], own[order], k)
    return [_given(passage, pages, texts) for passage in chosen]


def _given(passage: Passage, pages: Sequence[Page], texts: Sequence[_Letters]) -> Passage:
    """A passage with every page that holds it among its copies; a snippet belongs to no document."""
    held = [page.url for page, text in zip(pages, texts, strict=True) if text.holds(passage.text)]
    copies = tuple(url for url in dict.fromkeys((*passage.copies, *held)) if url != passage.url)
    read = passage.document in {_mark(page.url) for page in pages}
    return replace(passage, copies=copies, document=passage.document if read else "")


@dataclass(frozen=True)
class _Letters:
    """A page's letters and digits, `_GRAM` of these at a time, and its numbers."""

    grams: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, text: str) -> _Letters:
        bare = re.sub(r"[\W_]+", "", text).casefold()
        return cls(frozenset(bare[i : i + _GRAM] for i in range(max(1, len(bare) - _GRAM + 1))), _numbers(text))

    def holds(self, text: str) -> bool:
        """Whether the page has nearly all of a text, and no other number in it."""
        own = _Letters.of(text)
        return own.numbers <= self.numbers and len(own.grams & self.grams) >= _HELD * len(own.grams)

    def is_of(self, other: _Letters) -> bool:
        """Whether one of both is made of the other."""
        fewer = min(len(self.grams), len(other.grams))
        return len(self.grams & other.grams) >= _COPY * fewer


def _voices(
    query: str, candidates: Sequence[_Candidate], pages: Sequence[Page], texts: Sequence[_Letters]
) -> list[int]:
    """For each candidate, how many other sites say by themselves what its nearest sentence to the question says."""
    asked = set(terms(query))
    said = [_Said.of(asked, c.passage.text) if c.page < len(pages) else None for c in candidates]
    sites = [site(page.url) for page in pages]
    copied = [[text.is_of(other) for other in texts] for text in texts]

    def agree(i: int, j: int) -> bool:
        one, other = candidates[i].page, candidates[j].page
        left, right = said[i], said[j]
        if left is None or right is None or sites[one] == sites[other] or copied[one][other]:
            return False
        return left.agrees(right)

    every = range(len(candidates))
    return [len({sites[candidates[j].page] for j in every if agree(i, j)}) for i in every]


@dataclass(frozen=True)
class _Said:
    """A sentence that is near to the question: its words besides the question's, and its numbers."""

    words: frozenset[str]
    numbers: frozenset[str]

    @classmethod
    def of(cls, asked: set[str], text: str) -> _Said | None:
        """The sentence of a text that has most of the question's words, the first of several; None if none has any."""
        split = [(sentence, set(terms(sentence))) for sentence in sentences.split(text)]
        sentence, words = max(split, key=lambda pair: len(asked & pair[1]), default=("", set()))
        if not asked & words:
            return None
        return cls(frozenset(words - asked), _numbers(sentence))

    def agrees(self, other: _Said) -> bool:
        """Whether two sentences say the same: about the same words, and no numbers that the other has not."""
        one, two = self.numbers, other.numbers
        if one and two and not (one <= two or two <= one):
            return False
        fewer = min(len(self.words), len(other.words))
        return fewer > 0 and len(self.words & other.words) >= _SAID * fewer


def site(url: str) -> str:
    """Who a page belongs to: its registrable domain by the Public Suffix List, or the host if that is an address.

    All blogs of one host belong to that host: anybody may have several.
    """
    from tld import get_fld

    host = (urlsplit(url).hostname or "").removesuffix(".")
    if not host or ":" in host or host.rpartition(".")[2].isdigit():
        return host or url
    known = get_fld(f"http://{host}/", fail_silently=True, search_private=False)
    return known or ".".join(host.split(".")[-2:])


def _numbers(text: str) -> frozenset[str]:
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(normalise(text)))


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
