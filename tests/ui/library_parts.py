"""A real library for tests of its page, with an embedder that needs no model."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.library import Library
from tools.library.tokens import terms

BROKEN = b"%PDF-1.4 nothing of a PDF follows"


class WordEmbedder:
    """Feature hashing of words. `pause`: seconds a passage takes, so that work can be watched."""

    name = "words/64"
    dimension = 64

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.hold = threading.Event()
        self.hold.set()

    def query(self, text: str) -> np.ndarray:
        vector = np.zeros(self.dimension, np.float32)
        for term in terms(text):
            vector[zlib.crc32(term.encode()) % self.dimension] += 1
        vector[0] += 0.1
        return vector / np.linalg.norm(vector)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        self.hold.wait(20)
        time.sleep(self.pause * len(texts))
        return np.stack([self.query(text) for text in texts])

    def count(self, text: str) -> int:
        return len(text) // 3


def open_library(folder: Path, embedder: WordEmbedder | None = None) -> Library:
    return Library.open(folder / "library", embedder or WordEmbedder())


def write(folder: Path, **texts: str) -> None:
    """Markdown files by name, each with a heading."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(f"# {name.capitalize()}\n\n{text}\n", "utf-8")
