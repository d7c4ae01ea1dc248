"""The one model that is being downloaded. The download belongs to the server and not to the page that asked for it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.errors import ModelUnavailable
from agent.models.partial import Partial
from agent.models.pull import PullProgress, pull

if TYPE_CHECKING:
    from agent.models.catalogue import CatalogueModel

log = logging.getLogger(__name__)

State = Literal["running", "done", "stopped", "failed"]
Reason = Literal["network", "disk", "folder", "inside"]


class Downloading(Exception):
    """A model is being downloaded already."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.title = title


@dataclass(frozen=True)
class Download:
    """How far it is at one moment."""

    id: str
    model: CatalogueModel
    state: State = "running"
    progress: PullProgress | None = None
    reason: Reason | None = None
    stopping: bool = False

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.state == "running"


@dataclass
class _Live:
    download: Download
    stop: threading.Event = field(default_factory=threading.Event)


class Downloads:
    """Downloads one model at a time. `begin` and `close` are called in the event loop, everything else anywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._live: _Live | None = None
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._task: asyncio.Task[None] | None = None
        self.revision = 0
        """Grows with every step."""
        self.content = 0
        """Grows when what is there has changed."""

    def now(self) -> Download | None:
        """What is being downloaded, or was last."""
        with self._lock:
            live = self._live
            return replace(live.download, stopping=live.stop.is_set()) if live is not None else None

    def begin(self, model: CatalogueModel) -> str:
        """Begin, or go on where it was stopped; returns the id. Raises `Downloading`."""
        with self._lock:
            if self._live is not None and self._live.download.open:
                raise Downloading(self._live.download.model.title)
            live = self._live = _Live(Download(f"d{next(self._ids)}", model))
            self.revision += 1
            self.content += 1
        self._task = asyncio.create_task(self._run(live))
        return live.download.id

    def stop(self, id: str) -> None:
        """End it; what came stays."""
        with self._lock:
            if self._live is not None and self._live.download.id == id and self._live.download.open:
                self._live.stop.set()
                self.revision += 1

    def dismiss(self, id: str) -> None:
        """Show it no longer once it has ended."""
        with self._lock:
            if self._live is not None and self._live.download.id == id and not self._live.download.open:
                self._live = None
                self.revision += 1

    async def close(self, seconds: float = 10.0) -> None:
        """Stop what goes on, and wait until it has kept what came."""
        if self._task is not None and self._live is not None and not self._task.done():
            self._live.stop.set()
            await asyncio.wait([self._task], timeout=seconds)

    async def _run(self, live: _Live) -> None:
        model = live.download.model

        def tell(progress: PullProgress) -> None:
            with self._lock:
                live.download = replace(live.download, progress=progress)
                self.revision += 1

        try:
            await asyncio.to_thread(pull, model, self._folder, progress=tell, stop=live.stop)
        except ModelUnavailable as error:
            log.warning("%s", error)
            if live.stop.is_set():
                self._end(live, "stopped")
            else:
                self._end(live, "failed", self._why(model, error))
        except Exception:
            log.exception("a model could not be downloaded")
            self._end(live, "failed", "inside")
        else:
            self._end(live, "done")

    def _why(self, model: CatalogueModel, error: ModelUnavailable) -> Reason:
        if not self._folder.is_dir():
            return "folder"
        if shutil.disk_usage(self._folder).free < model.bytes - held(model, self._folder):
            return "disk"
        return "folder" if isinstance(error.__cause__, OSError) else "network"

    def _end(self, live: _Live, state: State, reason: Reason | None = None) -> None:
        with self._lock:
            live.download = replace(live.download, state=state, reason=reason)
            self.revision += 1
            self.content += 1


def held(model: CatalogueModel, folder: Path) -> int:
    """Bytes of a download that was not carried to its end."""
    path = folder / model.file
    return max(Partial(path, kind=kind, total=model.bytes).size for kind in ("url", "wheels"))
