"""From an order to a new version, not examined yet: read, check, draft its card, train."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.models.catalogue import Catalogue
from agent.settings import Settings
from agent.specialists import general
from agent.specialists.bases import Trainable, trainable
from agent.specialists.drafting import draft
from agent.specialists.preparing import Order, Prepared, prepare
from agent.specialists.workplace import Step, Workplace
from tools.specialist.card import ADAPTER, Base, Card
from tools.specialist.errors import SpecialistError
from tools.specialist.plan import Outcome, Plan
from tools.specialist.registry import Registry
from tools.specialist.train import require_packages
from tools.specialist.versions import Version

if TYPE_CHECKING:
    from tools.library import Embedder

BASES = "bases"
"""Folder of what base models replied to general questions."""
Tell = Callable[[Step], None]


@dataclass(frozen=True)
class Learning:
    """`release` frees the memory of the model that answers; `trainer` is `tools.specialist.train.train`."""

    settings: Settings
    embedder: Embedder
    registry: Registry
    release: Callable[[], Awaitable[None]]
    trainer: Callable[..., Outcome]

    async def prepare(self, order: Order) -> Prepared:
        """Read and check the data of an order; those of the version before, where it names none."""
        rows: list[dict[str, Any]] = await _feedback(self.settings) if order.feedback else []
        before = self._before(order.name)
        split = None
        if not order.files and not order.feedback and before is not None:
            split = self.registry.split_of(order.name, before.number)
        return await asyncio.to_thread(prepare, order, rows, split)

    async def version(
        self, order: Order, progress: Tell, stop: threading.Event, checked: Callable[[Prepared], None]
    ) -> tuple[Version, bool]:
        """The version, and whether it is a new one: the same order is not learned twice. `checked` is told what was
        read. Whoever calls holds the name (`Registry.training`)."""
        if order.plan.method != "few_shot":
            require_packages()
        progress(Step("reading"))
        prepared = await self.prepare(order)
        checked(prepared)
        _permitted(order, prepared)
        base = await asyncio.to_thread(trainable, self.settings, order.base or self._base_before(order.name))
        before = self._before(order.name)
        earlier = before.card if before is not None else None
        initial = self._initial(order, base.base) if order.continues else None
        if initial is not None:
            prepared = replace(prepared, plan=_as_before(prepared.plan, initial.card.training))
        card = await asyncio.to_thread(draft, order, prepared, earlier, base.base, self.embedder)
        if initial is not None:
            card = card.model_copy(update={"continued_from": initial.number})
        if before is not None and not order.again and _alike(before.card, card):
            return before, False
        place = Workplace(self.registry.work(order.name), order.name)
        adapter = None
        if card.training.method != "few_shot":
            place.claim(card, again=order.again)
            outcome = await self._learned(card, prepared, base, initial, place, progress, stop)
            adapter = outcome.adapter
            card = card.model_copy(update={"figures": _figures(outcome)})
        card = card.model_copy(update={"date": datetime.now(UTC).isoformat(timespec="seconds")})
        version = await asyncio.to_thread(self.registry.add, card, adapter, prepared.split)
        place.clear()
        return version, True

    async def _learned(
        self,
        card: Card,
        prepared: Prepared,
        base: Trainable,
        initial: Version | None,
        place: Workplace,
        progress: Tell,
        stop: threading.Event,
    ) -> Outcome:
        # training needs the memory that the model takes
        await self.release()
        return await asyncio.to_thread(
            self.trainer,
            base.file,
            prepared.split.training,
            prepared.split.validation,
            card.prompt,
            card.training,
            place.folder,
            general=general.texts() if card.training.general else (),
            initial=initial.folder / ADAPTER if initial is not None else None,
            name=card.name,
            threads=self.settings.threads,
            progress=lambda told: progress(Step.of_training(told)),
            state=lambda told: progress(Step(told)),
            stop=stop,
        )

    def _initial(self, order: Order, base: Base) -> Version:
        """The version whose training is continued: the one in use, or else the latest."""
        if self._before(order.name) is None:
            raise SpecialistError(
                "unknown", f"There is no {order.name} yet that could be continued: train it without --continue first."
            )
        version = self.registry.version(order.name)
        if version.card.adapter != ADAPTER or order.plan.method != "lora":
            raise SpecialistError(
                "base", "Only the training of adapters (--method lora) can be continued: train without --continue."
            )
        if version.card.base is None or version.card.base.sha256 != base.sha256:
            raise SpecialistError(
                "base", f"Version {version.number} of {order.name} belongs to another model: train without --continue."
            )
        return version

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
    """Whether two trainings give the same: data, settings, prompt and what they began with."""
    return (one.data.fingerprint, one.training, one.prompt, one.base, one.continued_from) == (
        other.data.fingerprint,
        other.training,
        other.prompt,
        other.base,
        other.continued_from,
    )


def _as_before(plan: Plan, before: Plan) -> Plan:
    """The same, with the form of an earlier adapter where the plan does not name another one."""
    form = {"rank": before.rank, "alpha": before.alpha, "layers": before.layers}
    return plan.model_copy(update={key: value for key, value in form.items() if key not in plan.model_fields_set})


def _figures(outcome: Outcome) -> dict[str, float]:
    told = {
        **outcome.extra,
        "steps": outcome.steps,
        "epochs": outcome.epochs,
        "loss": outcome.loss,
        "validation": outcome.validation,
        "tokens": outcome.tokens,
        "tokens_per_second": outcome.tokens_per_second,
        "seconds": outcome.seconds,
        "parameters": outcome.parameters,
        "resumed": outcome.resumed,
    }
    return {name: round(float(figure), 4) for name, figure in told.items()}


async def _feedback(settings: Settings) -> list[dict[str, Any]]:
    from agent.threads import Threads

    async with Threads.open(settings.data_dir / "threads.db") as threads:
        return [one.as_json() for one in await threads.feedback.all()]
