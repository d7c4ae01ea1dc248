"""The average state of a token: `python -m tools.library.e5.centre prompts/*/routes.yaml` writes it beside this file.

It belongs to the model, not to a library: half of it comes from questions in each language. The average of passages
would do as well for them, and less well for questions. An index made with another one cannot be compared, so a new one
asks for a new `E5.name`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tools.library.e5.engine import CENTRE, E5
from tools.library.embed import Vectors


def centre(embedder: E5, files: Sequence[Path]) -> Vectors:
    """The mean of the mean states of YAML files of questions: each file counts the same, whatever its size."""
    means = []
    for file in files:
        questions = list(_texts(yaml.safe_load(file.read_text("utf-8"))))
        means.append(np.concatenate([embedder.states(question) for question in questions]).mean(axis=0))
    average: Vectors = np.mean(means, axis=0).astype(np.float32)
    return average


def _texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _texts(value)


if __name__ == "__main__":
    np.save(CENTRE, centre(E5(), [Path(file) for file in sys.argv[1:]]))
