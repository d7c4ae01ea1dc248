"""The sample library and its questions, shared by the benchmarks."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent import Answer, Settings
from agent.library import open_library

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"


@dataclass(frozen=True)
class Question:
    """A question of questions.yaml; `answers` are groups of patterns, one of each group must be found."""

    id: str
    language: str
    text: str
    answerable: bool
    pages: frozenset[str]
    answers: tuple[tuple[str, ...], ...]


def questions(file: Path | None = None) -> list[Question]:
    """Those of `file`, which has the form of questions.yaml; without one, those of questions.yaml."""
    rows = yaml.safe_load((file or HERE / "questions.yaml").read_text("utf-8"))
    return [
        Question(
            id=row["id"],
            language=row["language"],
            text=row["question"],
            answerable=row["answerable"],
            pages=frozenset(row.get("page", [])),
            answers=tuple(tuple(group["any"]) for group in row.get("answers", [])),
        )
        for row in rows
    ]


def says(answer: Answer, question: Question) -> bool:
    """Whether the text holds one pattern of every group."""
    text = unicodedata.normalize("NFKC", answer.text)
    return all(any(re.search(p, text, re.IGNORECASE) for p in group) for group in question.answers)


def from_a_right_page(answer: Answer, question: Question) -> bool:
    """Whether a source of the answer is one of the pages that hold it, in either language."""
    return any(Path(source.passage.url).stem in question.pages for source in answer.sources)


@contextmanager
def sample_settings(model: str | None) -> Iterator[Settings]:
    """Settings with the sample library indexed in a temporary folder; web search off, so that runs can be repeated."""
    given: dict[str, Any] = {"model": model} if model else {}
    with tempfile.TemporaryDirectory(prefix="kotae-bench-") as folder:
        settings = Settings(data_dir=Path(folder), web="off", **given)
        library = open_library(settings)
        report = library.index([DOCS / "en", DOCS / "ja"])
        library.close()
        print(f"sample library: {report.added} pages, {report.passages} passages in {report.seconds:.1f} s")
        yield settings
