"""The trained router: a multinomial logistic regression over the embedding that retrieval needs anyway, plus cues.

It is trained from the labelled questions in `prompts/<language>/routes.yaml`. The weights of the questions that ship
with Kotae ship too; whoever changes the questions gets new weights at the next start (some seconds, once).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import yaml
from numpy.typing import NDArray

from agent.prompts import FOLDER, LANGUAGES
from agent.state import Decision, Language, Route

if TYPE_CHECKING:
    from tools.library import Embedder

ROUTES: tuple[Route, ...] = get_args(Route)
SHIPPED = Path(__file__).with_name("router.npz")
SURE = 0.6
"""From this confidence on the classifier decides alone; below it the library's own match, then the model, is asked."""

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """A question and the route that it should take."""

    text: str
    route: Route


def examples() -> list[Example]:
    """The labelled questions of every language."""
    found = []
    for language in LANGUAGES:
        path = FOLDER / language / "routes.yaml"
        for route, texts in yaml.safe_load(path.read_text("utf-8")).items():
            found += [Example(str(text), route) for text in texts]
    return found


@cache
def _cues(language: Language) -> tuple[tuple[Route, str, re.Pattern[str]], ...]:
    path = FOLDER / language / "cues.yaml"
    rows = yaml.safe_load(path.read_text("utf-8"))
    return tuple((row["route"], row["cue"], re.compile(row["pattern"], re.IGNORECASE)) for row in rows)


def cue(question: str, language: Language) -> tuple[Route, str] | None:
    """The first cue of `prompts/<language>/cues.yaml` that the question shows: words that settle the route."""
    for route, name, pattern in _cues(language):
        if pattern.search(question):
            return route, name
    return None


def train(vectors: Vector, labels: Sequence[Route], *, penalty: float = 0.03, rounds: int = 1500) -> Vector:
    """Weights (d + 1, routes) of a softmax regression with an L2 penalty; the classes weigh the same.

    Full-batch gradient descent with Nesterov's momentum: the problem is convex, small (about a thousand rows) and so
    solved in a second; scikit-learn would bring 150 MB for it.
    """
    x = np.hstack([vectors - vectors.mean(0), np.ones((len(vectors), 1), np.float32)]).astype(np.float64)
    y = np.eye(len(ROUTES))[[ROUTES.index(label) for label in labels]]
    weight = (1.0 / np.maximum(y.sum(0), 1))[y.argmax(1)]
    weight = (weight / weight.sum())[:, None]
    ridge = np.full((x.shape[1], 1), penalty / len(x))
    ridge[-1] = 0  # the intercept is free
    step = 1.0 / (0.5 * float(np.linalg.norm(x * np.sqrt(weight), 2) ** 2) + penalty / len(x))
    w = ahead = np.zeros((x.shape[1], len(ROUTES)))
    for i in range(rounds):
        gradient = x.T @ (weight * (_softmax(x @ ahead) - y)) + ridge * ahead
        new = ahead - step * gradient
        ahead = new + i / (i + 3) * (new - w)
        w = new
    # fold the centring into the intercept, so that a plain dot product classifies
    w[-1] -= vectors.mean(0) @ w[:-1]
    return w.astype(np.float32)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def fingerprint(questions: Sequence[Example], embedder: str) -> str:
    """Changes with the labelled questions and with the embedder."""
    digest = hashlib.sha256(embedder.encode())
    for example in questions:
        digest.update(f"\0{example.route}\0{example.text}".encode())
    return digest.hexdigest()[:16]


class Router:
    """Decides where the answer to a question should come from, in the time of one dot product."""

    def __init__(self, weights: Vector, embed: Callable[[str], Vector]) -> None:
        self._weights = weights
        self._embed = embed

    @classmethod
    def open(cls, embedder: Embedder, folder: Path) -> Router:
        """The shipped weights, those kept in `folder`, or newly trained ones, whichever fit the questions."""
        questions = examples()
        mark = fingerprint(questions, embedder.name)
        for path in (SHIPPED, folder / f"router-{mark}.npz"):
            if path.is_file():
                with np.load(path, allow_pickle=False) as stored:
                    if str(stored["fingerprint"]) == mark:
                        return cls(stored["weights"], embedder.query)
        weights = cls.fit(embedder, questions)
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / f"router-{mark}.npz", weights, mark)
        return cls(weights, embedder.query)

    @staticmethod
    def fit(embedder: Embedder, questions: Sequence[Example]) -> Vector:
        """Embed the questions and train."""
        vectors = np.stack([embedder.query(e.text) for e in questions])
        return train(vectors, [e.route for e in questions])

    def probabilities(self, question: str) -> dict[Route, float]:
        """How likely each route is, by the classifier alone."""
        p = _softmax(self._embed(question).astype(np.float64) @ self._weights[:-1] + self._weights[-1])
        return {route: float(v) for route, v in zip(ROUTES, p, strict=True)}

    def decide(self, question: str, language: Language, *, follows: bool = False) -> Decision:
        """The route by cue, otherwise by the classifier. `follows`: the question completes an earlier one, so it is
        never sent back as unclear."""
        if (found := cue(question, language)) is not None:
            route, name = found
            return Decision(route, question, 0.95, "cue", name)
        likely = self.probabilities(question)
        if follows:
            likely = {r: p for r, p in likely.items() if r != "clarify"}
        total = sum(likely.values())
        best = max(likely, key=lambda r: likely[r])
        return Decision(best, question, likely[best] / total, "classifier")


def save(path: Path, weights: Vector, mark: str) -> None:
    """Write weights and the fingerprint of what they were trained on."""
    with path.open("wb") as file:
        np.savez(file, weights=weights, fingerprint=np.array(mark))


def main() -> None:
    """`python -m agent.router`: train on the labelled questions and write the weights that ship."""
    from tools.library import E5

    embedder, questions = E5(), examples()
    save(SHIPPED, Router.fit(embedder, questions), fingerprint(questions, embedder.name))
    print(f"{len(questions)} questions, written to {SHIPPED}")


if __name__ == "__main__":
    main()
