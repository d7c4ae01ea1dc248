"""Specialists from the outside: what the command line and the page call to train, examine, promote and compare them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.models.catalogue import Catalogue
from agent.settings import Settings
from agent.specialists.asking import Speaker, Voice, spoken
from agent.specialists.bases import Stale, Trainable, retired, trainable
from agent.specialists.drafting import draft
from agent.specialists.examine import Examination, Examining, examine
from agent.specialists.found import finder
from agent.specialists.preparing import Order, Prepared, prepare
from agent.specialists.replay import replayed
from agent.specialists.workplace import Step, Workplace
from tools.specialist.card import Card
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.example import Message
from tools.specialist.plan import Outcome
from tools.specialist.registry import Registry
from tools.specialist.train import require_packages, train
from tools.specialist.versions import Specialist, Version

if TYPE_CHECKING:
    from tools.library import Embedder

FOLDER = "specialists"
_BASES = "bases"
Tell = Callable[[Step], None]


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
        self._trainer = trainer
        self.registry = Registry(settings.data_dir / FOLDER)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Specialists]:
        """With a model of its own, which is loaded when it is asked for the first time."""
        from agent.specialists.speakers import Speakers
        from agent.wiring import chat_model
        from tools.library import E5

        model = chat_model(settings)
        speakers = Speakers(settings, model)

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
        rows: list[dict[str, Any]] = await _feedback(self._settings) if order.feedback else []
        before = self._before(order.name)
        split = None
        if not order.files and not order.feedback and before is not None:
            split = self.registry.split_of(order.name, before.number)
        return await asyncio.to_thread(prepare, order, rows, split)

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
        if order.plan.method != "few_shot":
            require_packages()
        with self.registry.training(order.name):
            place = Workplace(self.registry.work(order.name), order.name)
            progress(Step("reading"))
            prepared = await self.prepare(order)
            checked(prepared)
            _permitted(order, prepared)
            base = await asyncio.to_thread(trainable, self._settings, order.base or self._base_before(order.name))
            before = self._before(order.name)
            earlier = before.card if before is not None else None
            card = await asyncio.to_thread(draft, order, prepared, earlier, base.base, self._embedder)
            same = before if before is not None and not order.again and _alike(before.card, card) else None
            version = same or await self._trained(card, prepared, base, place, order.again, progress, stop)
            if version.evaluation is None or same is None:
                await self.examine(order.name, version.number, limit=limit, progress=progress, stop=stop)
                version = self.get(order.name, version.number)
            evaluation = version.evaluation
            assert evaluation is not None
            if promote and evaluation.passed:
                self.registry.promote(order.name, version.number)
        return Made(version, evaluation, promote and evaluation.passed, same is None)

    async def _trained(
        self,
        card: Card,
        prepared: Prepared,
        base: Trainable,
        place: Workplace,
        again: bool,
        progress: Tell,
        stop: threading.Event,
    ) -> Version:
        """The new version, not examined yet."""
        adapter = None
        if card.training.method != "few_shot":
            place.claim(card, again=again)
            outcome = await self._learned(card, prepared, base, place, progress, stop)
            adapter = outcome.adapter
            figures = {
                **outcome.extra,
                "steps": outcome.steps,
                "epochs": outcome.epochs,
                "loss": outcome.loss,
                "validation": outcome.validation,
                "tokens": outcome.tokens,
                "tokens_per_second": outcome.tokens_per_second,
                "seconds": outcome.seconds,
                "parameters": outcome.parameters,
            }
            card = card.model_copy(update={"figures": {name: round(float(n), 4) for name, n in figures.items()}})
        now = datetime.now(UTC).isoformat(timespec="seconds")
        card = card.model_copy(update={"date": now})
        version = await asyncio.to_thread(self.registry.add, card, adapter, prepared.split)
        place.clear()
        return version

    async def _learned(
        self,
        card: Card,
        prepared: Prepared,
        base: Trainable,
        place: Workplace,
        progress: Tell,
        stop: threading.Event,
    ) -> Outcome:
        training = list(prepared.split.training)
        if wanted := round(card.training.replay * len(training)):

            def tick(done: int, total: int) -> None:
                progress(Step("replies", done, total))

            voice = Voice(card, self._settings.data_dir)
            training += await replayed(
                self._speaker, voice, wanted, self._settings.data_dir / _BASES, stop=stop, done=tick
            )
        # training needs the memory that the model takes
        await self._release()
        return await asyncio.to_thread(
            self._trainer,
            base.file,
            training,
            prepared.split.validation,
            card.prompt,
            card.training,
            place.folder,
            name=card.name,
            threads=self._settings.threads,
            progress=lambda told: progress(Step.of_training(told)),
            state=lambda told: progress(Step(told)),
            stop=stop,
        )

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
                folder=self._settings.data_dir / _BASES,
                data=version.card.data.fingerprint,
                base=version.card.base.sha256 if version.card.base is not None else "",
                find=find,
                limit=limit,
                room=self._settings.context - 64,
                progress=tell,
                stop=stop,
            )
        self.registry.record(name, version.number, found.evaluation)
        return found

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

    def _before(self, name: str) -> Version | None:
        """The latest version of that name, if there is one."""
        return next((one.latest for one in self.registry.all() if one.name == name), None)

    def _base_before(self, name: str) -> str:
        """The base of the version before, as long as the catalogue knows it."""
        before = self._before(name)
        base = before.card.base if before is not None else None
        known = Catalogue.load().find(base.name) if base is not None and base.name else None
        return known.name if known is not None else ""


def _permitted(order: Order, prepared: Prepared) -> None:
    if prepared.personal and not order.personal:
        rows = len({spot.row for spot in prepared.personal})
        raise SpecialistError(
            "data",
            f"{rows:,} examples hold what looks like personal data, which a specialist may repeat: look at them with "
            "--check and take it out, or add --allow-personal.",
        )


def _alike(one: Card, other: Card) -> bool:
    """Whether two trainings give the same: data, settings, prompt and base."""
    return (one.data.fingerprint, one.training, one.prompt, one.base) == (
        other.data.fingerprint,
        other.training,
        other.prompt,
        other.base,
    )


async def _feedback(settings: Settings) -> list[dict[str, Any]]:
    from agent.threads import Threads

    async with Threads.open(settings.data_dir / "threads.db") as threads:
        return [one.as_json() for one in await threads.feedback.all()]


_UNABLE = {
    "base_missing": "The base model of {name}, {base}, is not on this machine: kotae models pull {base}",
    "base_other": "{base} is not the model that {name} was trained on any more: kotae specialist train {name}",
    "no_server": "The server of {name} cannot be asked: check `remote` in its card.yaml.",
}
