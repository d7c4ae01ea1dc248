"""The trained router: where the answer to a question should come from, in the time of a few dot products.

Cues settle what words settle; a classifier over the embedding that retrieval needs anyway, and over letter
sequences, decides the rest with calibrated confidence. It is trained from the labelled questions in
`prompts/<language>/routes.yaml` and from the corrections of the data folder. What the questions of the repository teach
ships with Kotae; whoever changes them gets new weights at the next start (some seconds, once). Specialists are found by
their cards, which may come and go while it runs.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import yaml

from agent import learned
from agent.cards import Likeness
from agent.classifier import Vector, along, calibration_error, softmax
from agent.examples import ROUTES, Example, correct, corrections, examples, fingerprint, forget, key, merged
from agent.learned import SHIPPED, Learned
from agent.prompts import FOLDER
from agent.state import Decision, Language, Place, Route

if TYPE_CHECKING:
    from tools.library import Embedder
    from tools.specialist.card import Card

SURE = 0.6
"""From this confidence on the classifier decides alone; below it the library's own match, then the model, is asked."""
_SETTLED = 0.99
"""Confidence in what a user has corrected."""
_CUED = 0.95
"""Confidence in a cue."""


@dataclass(frozen=True)
class Choice:
    """What a `Decision` is made from, with how likely each route and each specialist is."""

    route: Place
    confidence: float
    why: str
    cue: str = ""
    likely: tuple[tuple[str, float], ...] = ()
    """Most likely first; empty where a cue or a correction settled it."""


@dataclass(frozen=True)
class Similar:
    """A labelled question near to one that was asked. `similarity`: cosine of centred embeddings, 1 for the same."""

    example: Example
    similarity: float


@dataclass(frozen=True)
class Report:
    """What training showed: for each language, right and asked questions that the classifier had not seen."""

    questions: int
    corrections: int
    right: dict[Language, tuple[int, int]]
    ece: float


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


class Router:
    """Use `Router.open`. Threads may call at once; a correction takes effect for the next question."""

    def __init__(
        self, knows: Learned, embedder: Embedder, folder: Path, settled: Sequence[Example], cards: Sequence[Card] = ()
    ) -> None:
        self._embedder = embedder
        self._folder = folder
        self._cards = tuple(cards)
        self._kept: dict[str, Vector] = {}
        """Embeddings of what cards say, and of questions that were corrected to them."""
        self._learning = threading.Lock()
        self._take(knows, settled)

    def _take(self, knows: Learned, settled: Sequence[Example]) -> None:
        self._knows = knows
        self._corrections = tuple(settled)
        self._settled = {key(e.text): e.route for e in settled}
        self._mean = knows.vectors.mean(axis=0)
        self._centred = self._centre(knows.vectors)
        # what a specialist knows is often a question to documents too, so those do not speak against it
        self._elsewhere = self._centred[[e.route != "library" or e.weight > 1 for e in knows.questions]]
        self._specialists = self._likenesses(self._cards)

    @classmethod
    def open(cls, embedder: Embedder, folder: Path, cards: Sequence[Card] = ()) -> Router:
        """What ships, what is kept in `folder`, or what is newly learned, whichever fits the questions.

        Raises `RouteError` when the corrections of the folder cannot be used.
        """
        settled = corrections(folder)
        return cls(_learned(embedder, folder, settled), embedder, folder, settled, cards)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where a question can go: the routes, and every specialist that there is a card of."""
        return (*ROUTES, *(card.label for card in self._cards))

    def take_cards(self, cards: Sequence[Card]) -> None:
        """Know these specialists from the next question on, and no others. Takes 10 ms for each text that is new."""
        with self._learning:
            found = self._likenesses(cards)
            self._cards, self._specialists = tuple(cards), found

    def without_specialists(self) -> Router:
        """This router as it is now, sending nothing to specialists."""
        other = copy(self)
        other._cards, other._specialists = (), []
        return other

    def probabilities(self, question: str) -> dict[str, float]:
        """How likely each route, and each specialist, is by the classifier alone."""
        vector = self._embedder.query(question)
        usual = self._knows.classifier.probabilities(vector, question)
        likely: dict[str, float] = {route: float(p) for route, p in zip(ROUTES, usual, strict=True)}
        specialists = self._specialists
        if not specialists:
            return likely
        centred = self._centre(vector[None])[0]
        elsewhere = float(along(self._elsewhere, centred).max())
        odds = {one.label: one.odds(centred, elsewhere) for one in specialists}
        total = 1 + sum(odds.values())
        return {**{r: p / total for r, p in likely.items()}, **{label: o / total for label, o in odds.items()}}

    def choose(self, question: str, language: Language, *, follows: bool = False) -> Choice:
        """The route by a correction, by a cue, otherwise by the classifier; of a specialist too where there are cards.

        `follows`: the question completes an earlier one, so it is never sent back as unclear. A correction to a
        specialist that is not there any more counts for nothing.
        """
        settled = self._settled.get(key(question))
        if settled is not None and settled in self.places and not (follows and settled == "clarify"):
            return Choice(settled, _SETTLED, "correction")
        if (found := cue(question, language)) is not None:
            return Choice(found[0], _CUED, "cue", found[1])
        likely = self.probabilities(question)
        if follows:
            del likely["clarify"]
        total = sum(likely.values())
        ranked = tuple(sorted(((r, p / total) for r, p in likely.items()), key=lambda one: -one[1]))
        route, confidence = ranked[0]
        return Choice(route, confidence, "specialist" if route not in ROUTES else "classifier", "", ranked)

    def decide(self, question: str, language: Language, *, follows: bool = False) -> Decision:
        """`choose`, as the graph takes it."""
        choice = self.choose(question, language, follows=follows)
        route, _, name = choice.route.partition(":")
        return Decision(cast("Route", route), question, choice.confidence, choice.why, choice.cue, name)

    def nearest(self, question: str, n: int = 5) -> list[Similar]:
        """The labelled questions nearest to one, the nearest first: what the classifier has seen of its kind."""
        similar = along(self._centred, self._embed([question])[0])
        return [Similar(self._knows.questions[i], float(similar[i])) for i in np.argsort(-similar)[:n]]

    def correct(self, question: str, route: Place) -> None:
        """Note that `question` belongs to `route`, and learn it: the same question follows at once and after every
        start, paraphrases lean its way. Takes a second or two. Raises `RouteError`."""
        with self._learning:
            settled = correct(self._folder, question, route)
            self._settled = {key(e.text): e.route for e in settled}
            self._take(_learned(self._embedder, self._folder, settled), settled)

    def correction(self, question: str) -> Place | None:
        """The route that a user has corrected this question to, be there still such a specialist or not."""
        return self._settled.get(key(question))

    def forget(self, question: str) -> None:
        """Take the correction of `question` back, also out of what was learned from it. Takes a second or two where
        there was one. Raises `RouteError`."""
        with self._learning:
            if key(question) not in self._settled:
                return
            settled = forget(self._folder, question)
            self._settled = {key(e.text): e.route for e in settled}
            knows = _learned(self._embedder, self._folder, settled)
            self._take(knows, settled)
            _tidy(self._folder, knows, self._embedder)

    def _likenesses(self, cards: Sequence[Card]) -> list[Likeness]:
        """What was corrected to a specialist stands beside the examples of its card."""
        told = {c.label: (*c.examples, *(e.text for e in self._corrections if e.route == c.label)) for c in cards}
        texts = {text for card in cards for text in (*told[card.label], *card.description)}
        self._kept = {text: self._kept[text] if text in self._kept else self._embedder.query(text) for text in texts}

        def of(some: Sequence[str]) -> Vector:
            return self._centre(np.stack([self._kept[text] for text in some]))

        return [Likeness(card, of(told[card.label]), of(card.description)) for card in cards]

    def _embed(self, texts: Sequence[str]) -> Vector:
        return self._centre(np.stack([self._embedder.query(text) for text in texts]))

    def _centre(self, vectors: Vector) -> Vector:
        """Without what all questions share, which is most of an embedding of this model, and of unit length."""
        centred = vectors - self._mean
        unit: Vector = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
        return unit


def retrain(embedder: Embedder, folder: Path, done: Callable[[], None] = lambda: None) -> Report:
    """Learn the repository's questions and the corrections of `folder` anew, and keep that there.

    `done` is called after each question that had to be embedded. Raises `RouteError`.
    """
    settled = corrections(folder)
    questions = merged(examples(), settled)
    knows, report = _fit(embedder, questions, folder, done)
    _keep(knows, folder, embedder)
    return report


def _fit(
    embedder: Embedder, questions: Sequence[Example], folder: Path, done: Callable[[], None] = lambda: None
) -> tuple[Learned, Report]:
    kept = [learned.read(path, embedder.name) for path in (SHIPPED, *folder.glob("router-*.npz"))]
    vectors = learned.embedded(embedder, [e.text for e in questions], kept, done)
    knows, scores = learned.train(questions, vectors)
    usual = [i for i, e in enumerate(questions) if e.weight == 1]
    p = softmax(scores[usual] / knows.classifier.temperature)
    hit = [ROUTES[best] == questions[i].route for best, i in zip(p.argmax(axis=1), usual, strict=True)]
    spoken = [questions[i].language for i in usual]
    right: dict[Language, tuple[int, int]] = {
        language: (sum(h for h, s in zip(hit, spoken, strict=True) if s == language), spoken.count(language))
        for language in sorted(set(spoken))
    }
    ece = calibration_error(p.max(axis=1).tolist(), hit)
    return knows, Report(len(questions), len(questions) - len(usual), right, ece)


def _learned(embedder: Embedder, folder: Path, settled: Sequence[Example]) -> Learned:
    questions = merged(examples(), settled)
    mark = fingerprint(questions, embedder.name)
    shipped = learned.read(SHIPPED, embedder.name)
    here = learned.read(folder / f"router-{mark}.npz", embedder.name)
    for kept in (shipped, here):
        if kept is not None and kept.fingerprint == mark:
            return kept.learned(questions)
    ordinary = [e for e in questions if e.weight == 1]
    if shipped is not None and settled and shipped.fingerprint == fingerprint(examples(), embedder.name):
        # only corrections were added: how far to trust the scores is known
        earlier = [shipped, *(learned.read(path, embedder.name) for path in folder.glob("router-*.npz"))]
        vectors = learned.embedded(embedder, [e.text for e in questions], earlier)
        knows, _ = learned.train(questions, vectors, known_temperature=shipped.temperature)
    else:
        assert ordinary, "there are no labelled questions"
        knows, _ = _fit(embedder, questions, folder)
    _keep(knows, folder, embedder)
    return knows


def _keep(knows: Learned, folder: Path, embedder: Embedder) -> None:
    path = folder / f"router-{fingerprint(knows.questions, embedder.name)}.npz"
    knows.save(path, embedder.name)
    _tidy(folder, knows, embedder)


def _tidy(folder: Path, knows: Learned, embedder: Embedder) -> None:
    """Remove what was learned from other questions than these."""
    for path in folder.glob("router-*.npz"):
        if path.name != f"router-{fingerprint(knows.questions, embedder.name)}.npz":
            path.unlink(missing_ok=True)


def main() -> None:
    """`python -m agent.router`: train on the labelled questions and write what ships."""
    from tools.library import E5

    embedder, questions = E5(), examples()
    knows, report = _fit(embedder, questions, SHIPPED.parent)
    knows.save(SHIPPED, embedder.name)
    print(f"{len(questions)} questions, written to {SHIPPED}: {report}")


if __name__ == "__main__":
    main()
