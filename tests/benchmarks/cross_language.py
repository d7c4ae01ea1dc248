"""Questions in one language, documents in the other: `python -m tests.benchmarks cross_language [--json OUT]`.

Fifty Japanese questions to the English pages of the documentation alone, fifty English ones to the Japanese pages; then
all hundred to a library of both, where a page counts in either language. Right is any of the pages that a question
names; recall@k is the share of questions with a right page among the first k passages.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.sample import DOCS, HERE
from tools.library import E5, Library

DEPTHS = (1, 5, 10)


@dataclass(frozen=True)
class Question:
    """A question of cross_language.yaml and the stems of the pages that answer it."""

    text: str
    language: str
    pages: frozenset[str]


def questions() -> list[Question]:
    """Those of cross_language.yaml."""
    rows = yaml.safe_load((HERE / "cross_language.yaml").read_text("utf-8"))
    return [Question(row["question"], row["language"], frozenset(row["pages"])) for row in rows]


def ranks(library: Library, asked: Sequence[Question]) -> list[int | None]:
    """For each question the rank of the first right page, from 1; None when it is not among the first ten passages."""
    found = []
    for question in asked:
        pages = [Path(passage.url).stem for passage in library.search(question.text, k=max(DEPTHS))]
        found.append(next((rank for rank, page in enumerate(pages, 1) if page in question.pages), None))
    return found


def run() -> dict[str, Any]:
    """Measure, print and return the figures."""
    embedder = E5()
    asked = questions()
    figures: dict[str, Any] = {}
    for name, folders, language in (
        ("ja to en", ["en"], "ja"),
        ("en to ja", ["ja"], "en"),
        ("both to both", ["en", "ja"], None),
    ):
        chosen = [question for question in asked if language in (None, question.language)]
        with tempfile.TemporaryDirectory() as folder:
            library = Library.open(Path(folder), embedder)
            library.index([DOCS / part for part in folders])
            found = ranks(library, chosen)
            library.close()
        recall = {f"recall@{k}": sum(rank is not None and rank <= k for rank in found) / len(found) for k in DEPTHS}
        missed = [question.text for question, rank in zip(chosen, found, strict=True) if rank is None or rank > 5]
        figures[name] = {"n": len(found), **recall, "missed": missed}
        print(f"{name:14} n {len(found):4}  " + "  ".join(f"{key} {value:.3f}" for key, value in recall.items()))
        for text in missed:
            print(f"{'':14} missed: {text}")
    return figures
