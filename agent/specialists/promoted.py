"""The specialists that are in use, as the graph meets them.

Somebody may promote one, take it back or remove it while Kotae runs, here or in another program: before each turn the
registry is looked at (its stamp, which costs next to nothing), and the router follows at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from copy import copy
from typing import TYPE_CHECKING

from agent.specialists.reader import Reader
from agent.specialists.ready import install
from agent.specialists.tool import UNUSABLE, SpecialistTool
from tools.base import ToolError
from tools.specialist.card import Card
from tools.specialist.errors import SpecialistError

if TYPE_CHECKING:
    from agent.router import Router
    from agent.settings import Settings
    from agent.specialists.speakers import Speakers
    from tools.specialist.registry import Registry
    from tools.specialist.versions import Version

log = logging.getLogger(__name__)


FOLDER = "specialists"
"""Where they are in the data folder."""
_BARE = Reader()


class Promoted:
    """Use `refresh` before a turn. Threads may call at once."""

    def __init__(
        self,
        registry: Registry,
        speakers: Speakers,
        router: Router,
        *,
        most: int,
        only_reading: bool = False,
        shipped: bool = False,
    ) -> None:
        """`most`: tokens of an answer. `only_reading`: no question is sent to any of them. `shipped`: those that come
        with Kotae trained are put into the registry once the configured model is there."""
        self._registry = registry
        self._shipped = shipped
        self._base = ""
        self._only_reading = only_reading
        self.speakers = speakers
        """Which model speaks for each of them, and for those that are not promoted."""
        self._router = router
        self._most = most
        self._seen: object = None
        self._versions: Mapping[str, Version] = {}
        self._reader = _BARE
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Those that questions are sent to."""
        return tuple(name for name, version in self._versions.items() if version.card.use != "grounded")

    @property
    def reader(self) -> Reader:
        """With what passages are read."""
        return self._reader

    def card(self, name: str) -> Card | None:
        """The card of a specialist that questions are sent to."""
        version = self._versions.get(name)
        return version.card if version is not None and version.card.use != "grounded" else None

    def usable(self, name: str) -> bool:
        """Whether there is a model that can speak for it."""
        card = self.card(name)
        return card is not None and not self.speakers.usable(card)

    def tool(self, name: str) -> SpecialistTool:
        """Raises `ToolError` where there is no such specialist any more."""
        version = self._versions.get(name)
        if version is None:
            raise ToolError(UNUSABLE, f"there is no specialist {name}")
        return SpecialistTool(version, self.speakers, most=self._most)

    def without_specialists(self) -> Promoted:
        """Those that are in use now, without any that questions are sent to."""
        other = copy(self)
        other._versions = {name: version for name, version in self._versions.items() if version.card.use == "grounded"}
        return other

    async def warm(self) -> None:
        """Load the configured model with the adapters that will be asked for. Raises `ModelError`."""
        await self.speakers.warm(list(self._versions.values()))

    async def close(self) -> None:
        """Let go of the models that were opened for specialists alone."""
        await self.speakers.close()

    def refresh(self) -> None:
        """Follow what was promoted, taken back or removed. What cannot be read leaves everything as it was."""
        with self._lock:
            if self._shipped and (base := self.speakers.base()) != self._base:
                install(self._registry, base)
                self._base = base
            try:
                stamp = self._registry.stamp()
                if stamp == self._seen:
                    self._reader = self._reads(self._versions.values())  # its base may be here by now
                    return
                found = readers(self._registry) if self._only_reading else current(self._registry)
            except (SpecialistError, OSError) as error:
                log.warning("the specialists cannot be read: %s", error)
                return
            versions = {version.card.name: version for version in found}
            self._router.take_cards([v.card for v in versions.values() if v.card.use != "grounded"])
            self._versions, self._reader = versions, self._reads(versions.values())
            self._seen = stamp

    def _reads(self, versions: Iterable[Version]) -> Reader:
        """The latest `grounded` one whose base is the configured model."""
        able = [v for v in versions if v.card.use == "grounded" and v.card.base is not None and v.adapter is not None]
        base = self.speakers.base() if able else ""
        able = [v for v in able if v.card.base is not None and v.card.base.sha256 == base]
        if not able:
            return _BARE
        chosen = max(able, key=lambda v: v.card.date)
        return Reader.of(chosen.adapter, chosen.card)


def current(registry: Registry) -> list[Version]:
    """The promoted version of each specialist that has one."""
    return [one.current for one in registry.all() if one.current is not None]


def readers(registry: Registry) -> list[Version]:
    """Of those the ones that read passages."""
    return [version for version in current(registry) if version.card.use == "grounded"]


def cards(settings: Settings) -> list[Card]:
    """Of those that questions are sent to, for whoever needs no model."""
    from tools.specialist.registry import Registry

    return [v.card for v in current(Registry(settings.data_dir / FOLDER)) if v.card.use != "grounded"]
