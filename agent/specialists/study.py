"""Specialists from the outside: what the command line and the page call to train, examine, promote and compare them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.settings import Settings
from agent.specialists.asking import Speaker, Voice, spoken
from agent.specialists.bases import Choice, Stale, choices, retired
from agent.specialists.examine import Examination, Examining, examine
from agent.specialists.found import finder
from agent.specialists.learning import BASES, Learning, Tell
from agent.specialists.preparing import Order, Prepared
from agent.specialists.ready import install
from agent.specialists.workplace import Step
from tools.specialist import keeping
from tools.specialist.card import Card
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.example import Message
from tools.specialist.plan import Outcome
from tools.specialist.registry import Registry
from tools.specialist.train import train
from tools.specialist.versions import Specialist, Version

if TYPE_CHECKING:
    from tools.library import Embedder

FOLDER = "specialists"
_CASES = "cases.json"
"""The replies of the latest examination, in the folder of the version; an export leaves them out."""


@dataclass(frozen=True)
class Made:
    """What came of an order."""

    version: Version
    evaluation: Evaluation
    promoted: bool
    trained: bool
    """False where the same data had been learned before with the same settings."""


@dataclass(frozen=True)
class Comparison:
    """One question to a specialist and to its base model with the same prompt."""

    question: str
    version: int
    base: str
    specialist: str
    seconds: tuple[float, float]
    """Of the base, and of the specialist."""


async def _keep() -> None:
    """A model that others use stays loaded."""


class Specialists:
    """Use `Specialists.open` where nothing is open yet. The methods raise `SpecialistError` and `ModelError`."""

    def __init__(
        self,
        settings: Settings,
        speaker: Speaker,
        embedder: Embedder,
        *,
        release: Callable[[], Awaitable[None]] = _keep,
        trainer: Callable[..., Outcome] = train,
    ) -> None:
        """`release` frees the memory of the model that `speaker` holds; it is loaded again when it is asked."""
        self._settings = settings
        self._speaker = speaker
        self._embedder = embedder
        self._release = release
        self.registry = Registry(settings.data_dir / FOLDER)
        self._learning = Learning(settings, embedder, self.registry, release, trainer)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Specialists]:
        """With a model of its own, which is loaded when it is asked for the first time."""
        from agent.specialists.speakers import Speakers
        from agent.wiring import chat_model
        from tools.library import E5

        model = chat_model(settings)
        speakers = Speakers(settings, model)
        await asyncio.to_thread(install, Registry(settings.data_dir / FOLDER), speakers.base())

        async def release() -> None:
            await speakers.close()
            await model.close()

        try:
            yield cls(settings, speakers, E5(), release=release)
        finally:
            await release()

    def all(self) -> Sequence[Specialist]:
        """All of them, by name."""
        return self.registry.all()

    def get(self, name: str, number: int | None = None) -> Version:
        """A version; without a number the promoted one, or else the latest."""
        return self.registry.version(name, number)

    async def prepare(self, order: Order) -> Prepared:
        """Read and check the data of an order, without training."""
        return await self._learning.prepare(order)

    async def train(
        self,
        order: Order,
        progress: Tell = lambda _: None,
        stop: threading.Event | None = None,
        *,
        promote: bool = False,
        limit: int | None = None,
        checked: Callable[[Prepared], None] = lambda _: None,
    ) -> Made:
        """Read, check, train, examine, and promote if that is wanted and the gate was passed. Takes minutes; the same
        order goes on where it was stopped (`stop`, or however the program ended). `checked` is told what was read."""
        stop = stop or threading.Event()
        with self.registry.training(order.name):
            version, trained = await self._learning.version(order, progress, stop, checked)
            evaluation = version.evaluation
            if trained or evaluation is None:
                found = await self.examine(order.name, version.number, limit=limit, progress=progress, stop=stop)
                evaluation = found.evaluation
            if promoted := promote and evaluation.passed:
                self.registry.promote(order.name, version.number)
        return Made(self.get(order.name, version.number), evaluation, promoted, trained)

    async def examine(
        self,
        name: str,
        number: int | None = None,
        *,
        limit: int | None = None,
        progress: Tell = lambda _: None,
        stop: threading.Event | None = None,
    ) -> Examination:
        """Examine a version on its held-out examples, and note the verdict beside it."""
        version = self.get(name, number)
        self._able(version.card)
        split = await asyncio.to_thread(self.registry.split_of, name, version.number)

        def tell(told: Examining) -> None:
            progress(Step(told.what, told.done, told.total, told.seconds_left))

        async with finder(self._settings) as find:
            found = await examine(
                Voice(version.card, version.folder),
                split.training,
                split.test,
                self._speaker,
                self._embedder,
                folder=self._settings.data_dir / BASES,
                data=version.card.data.fingerprint,
                base=version.card.base.sha256 if version.card.base is not None else "",
                find=find,
                limit=limit,
                room=self._settings.context - 64,
                progress=tell,
                stop=stop,
            )
        self.registry.record(name, version.number, found.evaluation)
        await asyncio.to_thread(_keep_cases, version.folder / _CASES, found)
        return found

    def cases(self, version: Version) -> list[dict[str, Any]]:
        """What each contender said in the latest examination of a version, see `Examination.cases`; none where it was
        examined elsewhere, or not at all."""
        try:
            kept = json.loads((version.folder / _CASES).read_text("utf-8"))
        except (OSError, ValueError):
            return []
        same = version.evaluation is not None and kept.get("date") == version.evaluation.date
        return list(kept["cases"]) if same else []

    async def compare(self, name: str, question: str, number: int | None = None) -> Comparison:
        """Ask a version and its base model the same."""
        version = self.get(name, number)
        self._able(version.card)
        question = self._settings.checked(question)
        mine = Voice(version.card, version.folder)
        said: list[str] = []
        seconds: list[float] = []
        for voice in (mine.without_adapter(), mine):
            began = time.monotonic()
            said.append(await self._say(voice, question))
            seconds.append(time.monotonic() - began)
        return Comparison(question, version.number, said[0], said[1], (seconds[0], seconds[1]))

    async def _say(self, voice: Voice, question: str) -> str:
        from agent.models.chat import Meter

        card = voice.card
        front = [Message("system", card.prompt)] if card.prompt else []
        shots = [m for s in card.shots for m in (Message("user", s.question), Message("assistant", s.answer))]
        return await self._speaker.write(
            voice.unprompted(),
            spoken([*front, *shots, Message("user", question)]),
            max_tokens=self._settings.max_answer_tokens,
            meter=Meter(),
        )

    def bases(self) -> Sequence[Choice]:
        """The models that a training may begin with, the configured one first."""
        return choices(self._settings)

    async def release(self) -> None:
        """Give back the memory of the models; they are loaded again when they are asked."""
        await self._release()

    def stale(self) -> Sequence[Stale]:
        """The promoted specialists whose base model was replaced: they cannot be asked until they are trained anew."""
        found = []
        for one in self.all():
            if (version := one.current) is None or version.card.remote is not None:
                continue
            base = version.card.base
            if base is not None and (name := retired(base, self._speaker.usable(version.card))) is not None:
                found.append(Stale(one.name, version.number, base, name))
        return found

    def promote(self, name: str, number: int | None = None) -> Version:
        """Put a version into use: the one with that number, or the latest. Raises `not_proven` unless it passed."""
        number = number if number is not None else self.registry.get(name).latest.number
        self.registry.promote(name, number)
        return self.get(name, number)

    def _able(self, card: Card) -> None:
        """Raises `SpecialistError` (`base`) where no model can speak for the card."""
        if code := self._speaker.usable(card):
            called = card.base.name if card.base is not None and card.base.name else "its base model"
            raise SpecialistError("base", _UNABLE[code].format(base=called, name=card.name))


def _keep_cases(file: Path, found: Examination) -> None:
    kept = {"date": found.evaluation.date, "cases": found.cases}
    keeping.replace(file, json.dumps(kept, ensure_ascii=False).encode())


_UNABLE = {
    "base_missing": "The base model of {name}, {base}, is not on this machine: kotae models pull {base}",
    "base_other": "{base} is not the model that {name} was trained on any more: kotae specialist train {name}",
    "no_server": "The server of {name} cannot be asked: check `remote` in its card.yaml.",
}
