"""The average state of a token: `python -m tools.library.e5.centre FOLDER…` writes it beside this file.

It belongs to the model, not to a library: half of it comes from texts in each language. An index made with another one
cannot be compared, so a new one asks for a new `E5.name`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.library.e5.engine import CENTRE, E5
from tools.library.embed import Vectors

_PIECE = 600
"""Characters read at once."""


def centre(embedder: E5, folders: Sequence[Path]) -> Vectors:
    """The mean of the folders' mean states: each folder counts the same, whatever its size."""
    means = []
    for folder in folders:
        texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.md"))]
        pieces = [text[at : at + _PIECE] for text in texts for at in range(0, len(text), _PIECE)]
        means.append(embedder.states(pieces).mean(axis=0))
    average: Vectors = np.mean(means, axis=0).astype(np.float32)
    return average


if __name__ == "__main__":
    np.save(CENTRE, centre(E5(), [Path(folder) for folder in sys.argv[1:]]))
