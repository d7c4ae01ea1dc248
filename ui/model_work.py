"""The one model that is being downloaded."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.errors import ModelUnavailable
from agent.models.partial import Partial
from agent.models.pull import PullProgress, pull
from ui.one_job import Job, Live, OneJob

if TYPE_CHECKING:
    from agent.models.catalogue import CatalogueModel

log = logging.getLogger(__name__)

Reason = Literal["network", "disk", "folder", "inside"]


class Downloading(Exception):
    """A model is being downloaded already."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.title = title


@dataclass(frozen=True)
class Download(Job):
    """A download at one moment."""

    model: CatalogueModel
    progress: PullProgress | None = None
    reason: Reason | None = None


class Downloads(OneJob[Download]):
    """Downloads one model at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def begin(self, model: CatalogueModel) -> str:
        """Begin, or go on where it was stopped; returns the id. Raises `Downloading`."""
        id = self._begin(lambda n: Download(f"d{n}", model), self._run)
        self.touched()
        return id

    def _busy(self, job: Download) -> Downloading:
        return Downloading(job.model.title)

    async def _run(self, live: Live[Download]) -> None:
        model = live.job.model

        def tell(progress: PullProgress) -> None:
            self._change(live, progress=progress)

        try:
            await asyncio.to_thread(pull, model, self._folder, progress=tell, stop=live.stop)
        except ModelUnavailable as error:
            log.warning("%s", error)
            if live.stop.is_set():
                self._end(live, "stopped")
            else:
                self._end(live, "failed", reason=self._why(model, error))
        except Exception:
            log.exception("a model could not be downloaded")
            self._end(live, "failed", reason="inside")
        else:
            self._end(live, "done")

    def _why(self, model: CatalogueModel, error: ModelUnavailable) -> Reason:
        if not self._folder.is_dir():
            return "folder"
        if shutil.disk_usage(self._folder).free < model.bytes - held(model, self._folder):
            return "disk"
        return "folder" if isinstance(error.__cause__, OSError) else "network"


def held(model: CatalogueModel, folder: Path) -> int:
    """Bytes of a download that was not carried to its end."""
    path = folder / model.file
    return max(Partial(path, kind=kind, total=model.bytes).size for kind in ("url", "wheels"))
