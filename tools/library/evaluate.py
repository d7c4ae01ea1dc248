"""How well search finds what a question asks for: nDCG, recall and reciprocal rank over judged questions.

Measures as Järvelin and Kekäläinen 2002 (nDCG, with gains of 0 and 1) and Voorhees 1999 (MRR) define them, over
documents: a document stands where its best passage stands, or right behind the one that holds the same text.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.library.library import Library
from tools.library.records import OnProgress, Text
from tools.library.search import ALL, TWO, Shares

DEPTH = 10
PASSAGES = 30
"""Passages asked for, so that ten documents are among them where a document has several."""
ABLATIONS: Mapping[str, Shares] = {
    "words": Shares(0.0, 2.0, 0.0),
    "vector": Shares(0.0, 0.0, 2.0),
    "tokens": Shares(2.0, 0.0, 0.0),
    "words+vector": TWO,
    "all": ALL,
}
"""Each stage alone, what search would be without late interaction, and search as it is."""


class EvaluationError(Exception):
    """The data cannot be used. `str(error)` names file, line and fault."""


@dataclass(frozen=True)
class Query:
    """A question and the ids of the documents that answer it."""

    id: str
    query: str
    gold: frozenset[str]


@dataclass(frozen=True)
class Figures:
    """Means over the questions. Times in milliseconds for one search, the query's embedding included."""

    n: int
    ndcg: float
    recall: Mapping[int, float]
    mrr: float
    p50_ms: float
    p95_ms: float
    passages_per_second: float

    def as_json(self) -> dict[str, Any]:
        """With the keys that a script may rely on."""
        recall = {f"recall@{depth}": round(value, 4) for depth, value in self.recall.items()}
        return {
            "n": self.n,
            "ndcg@10": round(self.ndcg, 4),
            **recall,
            "mrr": round(self.mrr, 4),
            "p50_ms": round(self.p50_ms, 2),
            "p95_ms": round(self.p95_ms, 2),
            "passages_per_second": round(self.passages_per_second, 2),
        }


def corpus(file: Path) -> Iterator[Text]:
    """The documents of a JSONL file with `id`, `text` and, if it likes, `title`."""
    for row in rows(file, ("id", "text")):
        yield Text(str(row["id"]), str(row["text"]), str(row.get("title") or ""))


def queries(file: Path) -> list[Query]:
    """The questions of a JSONL file with `id`, `query` and `gold`; those that nothing answers are left out."""
    judged = rows(file, ("id", "query", "gold"))
    return [Query(str(r["id"]), str(r["query"]), frozenset(map(str, r["gold"]))) for r in judged if r["gold"]]


def fill(library: Library, texts: Iterable[Text], progress: OnProgress | None = None) -> float:
    """Index a corpus and return passages embedded a second, all of indexing counted."""
    report = library.index_texts(texts, progress=progress)
    return report.embedded / max(report.seconds, 1e-9)


def measure(
    library: Library,
    asked: Sequence[Query],
    *,
    shares: Shares = ALL,
    passages_per_second: float = 0.0,
    done: Callable[[], None] = lambda: None,
) -> tuple[Figures, list[tuple[Query, list[str]]]]:
    """Figures, and for each question the documents found, best first. `done` is called after each question."""
    found: list[tuple[Query, list[str]]] = []
    seconds = []
    for query in asked:
        began = time.perf_counter()
        passages = library.search(query.query, k=PASSAGES, shares=shares)
        seconds.append(time.perf_counter() - began)
        found.append((query, list(dict.fromkeys(url for p in passages for url in (p.url, *p.copies)))))
        done()
    times = sorted(seconds)
    return (
        Figures(
            n=len(found),
            ndcg=_mean(ndcg(documents, query.gold) for query, documents in found),
            recall={d: _mean(recall(documents, query.gold, d) for query, documents in found) for d in (1, 5, 10)},
            mrr=_mean(reciprocal_rank(documents, query.gold) for query, documents in found),
            p50_ms=1000 * _quantile(times, 0.5),
            p95_ms=1000 * _quantile(times, 0.95),
            passages_per_second=passages_per_second,
        ),
        found,
    )


def ndcg(documents: Sequence[str], gold: frozenset[str], depth: int = DEPTH) -> float:
    """Normalised discounted cumulative gain of the first `depth` documents."""
    gain = sum(1 / math.log2(rank + 2) for rank, id in enumerate(documents[:depth]) if id in gold)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(depth, len(gold))))


def recall(documents: Sequence[str], gold: frozenset[str], depth: int) -> float:
    """Share of the documents that answer the question among the first `depth`."""
    return len(gold & set(documents[:depth])) / len(gold)


def reciprocal_rank(documents: Sequence[str], gold: frozenset[str], depth: int = DEPTH) -> float:
    """One over the rank of the first document that answers; 0 when it is not among the first `depth`."""
    return next((1 / (rank + 1) for rank, id in enumerate(documents[:depth]) if id in gold), 0.0)


def rows(file: Path, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file. Raises `EvaluationError` that names file, line and fault."""
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise EvaluationError(f"{file}, line {number}: this is not JSON.") from error
                missing = [key for key in needed if not isinstance(row, dict) or key not in row]
                if missing:
                    raise EvaluationError(f"{file}, line {number}: the key {missing[0]!r} is missing.")
                yield row
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{file} cannot be read: check its path and that it is UTF-8.") from error


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
