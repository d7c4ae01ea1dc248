"""The specialists of a data folder: versions that are added, examined, promoted, rolled back and removed.

    <name>/versions/<n>/{card.yaml, adapter.gguf, evaluation.json, data/{training,validation,test}.jsonl}
    <name>/promoted.json    which version is in use, and which were before
    <name>/work/            checkpoints of a training

A version is written beside and renamed into its place, and `promoted.json` is replaced at once: whoever reads meets the
state before or after, also when the program or the power failed in between. Several programs may use one folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.gguf import NotGguf, read_adapter
from tools.locks import let_go, wait_for
from tools.specialist import archive, keeping, versions
from tools.specialist.card import ADAPTER, EVALUATION, FILE, NAME, Card
from tools.specialist.errors import SpecialistError
from tools.specialist.evaluation import Evaluation
from tools.specialist.split import Split
from tools.specialist.versions import (
    AGAINST,
    DATA,
    IMPORTED,
    PARTS,
    PROMOTED,
    VERSIONS,
    Event,
    How,
    Specialist,
    State,
    Version,
)

_LOCKS, _WORK = ".locks", "work"
_PATIENCE = 30.0
"""Seconds to wait for another program that changes the same specialist; a change takes milliseconds."""
_STALE = 86_400
"""Seconds after which an import that did not end is given up."""


class Registry:
    """Opens nothing and makes nothing until it is asked to. Threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> tuple[Specialist, ...]:
        """All specialists, by name; what cannot be read is logged and passed over."""
        try:
            names = sorted(path.name for path in self.folder.iterdir() if NAME.fullmatch(path.name))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        found = (versions.specialist(self.folder / name) for name in names)
        return tuple(one for one in found if one is not None)

    def get(self, name: str) -> Specialist:
        """Raises `SpecialistError` (`unknown`)."""
        found = versions.specialist(self._place(name))
        if found is None:
            others = ", ".join(one.name for one in self.all())
            there = f"there are {others}" if others else "there are none yet: kotae specialist train"
            raise SpecialistError("unknown", f"There is no specialist {name}; {there}.")
        return found

    def version(self, name: str, number: int | None = None) -> Version:
        """A version; without a number the promoted one, or else the latest. Raises `SpecialistError` (`unknown`)."""
        one = self.get(name)
        if number is None:
            return one.current or one.latest
        found = next((version for version in one.versions if version.number == number), None)
        if found is None:
            there = ", ".join(str(version.number) for version in one.versions)
            raise SpecialistError("unknown", f"{name} has no version {number}; there are {there}.")
        return found

    def history(self, name: str) -> tuple[Event, ...]:
        """All promotions and what was taken back, the oldest first."""
        return versions.state(self._place(name)).history

    def stamp(self) -> str:
        """Another text after every promotion, rollback and removal, by whatever program. Costs microseconds."""
        marks = []
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = os.stat(os.path.join(entry.path, PROMOTED))
                    marks.append(f"{entry.name} {status.st_mtime_ns} {status.st_ino} {status.st_size}")
        return hashlib.sha256("\n".join(sorted(marks)).encode()).hexdigest()

    def add(self, card: Card, adapter: Path | None, split: Split | None) -> Version:
        """Keep a training as the next version, not promoted.

        The file of the adapter is taken over: moved where it lies on the same disk. Raises `SpecialistError` (`card`)
        where card and adapter do not fit each other, and (`failed`) where it cannot be written.
        """
        return self._add(card, adapter, split, None)

    def _add(self, card: Card, adapter: Path | None, split: Split | None, imported: Evaluation | None) -> Version:
        if (card.adapter == ADAPTER) != (adapter is not None):
            raise SpecialistError("card", f"The card of {card.name} and its adapter do not belong together.")
        if adapter is not None:
            _check(adapter)
        with self._changing(card.name) as folder:
            place = folder / VERSIONS
            place.mkdir(parents=True, exist_ok=True)
            keeping.sweep(place, "new", "gone")
            state = versions.state(folder)
            number = max(state.last, *versions.numbers(folder), 0) + 1
            new = keeping.beside(place, "new")
            try:
                new.mkdir()
                keeping.create(new / FILE, card.text().encode())
                if imported is not None:
                    keeping.create(new / IMPORTED, imported.model_dump_json(indent=1).encode())
                if split is not None:
                    (new / DATA).mkdir()
                    for part in PARTS:
                        keeping.create(new / DATA / f"{part}.jsonl", versions.lines(getattr(split, part)))
                    keeping.sync(new / DATA)
                if adapter is not None:
                    keeping.take_over(adapter, new / ADAPTER)
                keeping.sync(new)
                # the number is given away before it is used, so that none is given twice
                self._write(folder, state.model_copy(update={"last": number}))
                new.rename(place / str(number))
                keeping.sync(place)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
            added = versions.version(folder, number)
        if adapter is not None:
            with suppress(OSError):
                adapter.unlink()
        return added

    def record(self, name: str, number: int, evaluation: Evaluation) -> Version:
        """Keep what an examination of a version found, in place of an earlier one."""
        with self._changing(name):
            folder = self.version(name, number).folder
            keeping.replace(folder / EVALUATION, evaluation.model_dump_json(indent=1).encode())
            return self.version(name, number)

    def promote(self, name: str, number: int, *, unproven: bool = False) -> Specialist:
        """Send questions to this version.

        Raises `SpecialistError` (`not_proven`) with what speaks against it, unless `unproven` says that it does not
        matter.
        """

        def change(state: State) -> State | None:
            version = self.version(name, number)
            if version.against and not unproven:
                spoke = ", and ".join(AGAINST.get(code, code) for code in version.against)
                raise SpecialistError(
                    "not_proven",
                    f"Version {number} of {name} is not proven: {spoke}. Train it again with more or better examples, "
                    "or promote it as unproven.",
                )
            if state.version == number:
                return None
            how: How = "unproven" if version.against else "promoted"
            return state.moved(how, number, (*state.before, state.version))

        return self._change(name, change)

    def rollback(self, name: str) -> Specialist:
        """Send questions to the version that was promoted before; to none where there was none.

        Raises `SpecialistError` (`unknown`) where nothing was ever promoted.
        """

        def change(state: State) -> State:
            there = {None, *(version.number for version in self.get(name).versions)}
            before = list(state.before)
            while before:
                number = before.pop()
                if number in there and number != state.version:
                    return state.moved("rolled_back", number, tuple(before))
            raise SpecialistError(
                "unknown", f"No version of {name} was promoted before; there is nothing to go back to."
            )

        return self._change(name, change)

    def retire(self, name: str) -> Specialist:
        """Send questions to no version; a rollback leads back to the one of now."""

        def change(state: State) -> State | None:
            if state.version is None:
                return None
            return state.moved("retired", None, (*state.before, state.version))

        return self._change(name, change)

    def remove(self, name: str, number: int | None = None) -> None:
        """Delete a version, or without a number all of them with their data and checkpoints.

        Raises `SpecialistError`: `promoted` where questions are sent to that version, `busy` where it is being trained.
        """
        if number is None:
            with self.training(name), self._changing(name) as folder:
                if not folder.is_dir():
                    self.get(name)
                gone = keeping.beside(self.folder, "gone")
                folder.rename(gone)
        else:
            with self._changing(name) as folder:
                one, version = self.get(name), self.version(name, number)
                if one.promoted == number:
                    raise SpecialistError(
                        "promoted", f"Questions are sent to version {number} of {name}; roll back or retire it first."
                    )
                gone = keeping.beside(folder / VERSIONS, "gone")
                version.folder.rename(gone)
        keeping.sync(gone.parent)
        keeping.sweep(gone.parent, "gone")

    def split_of(self, name: str, number: int) -> Split:
        """The examples that a version was trained, stopped and is examined by. Raises `SpecialistError` (`data`)."""
        return versions.kept_split(self.version(name, number).folder)

    def export(self, name: str, number: int | None, path: Path, *, data: bool = False) -> Version:
        """Write a version to one file: card, adapter and evaluation, and its examples only with `data`.

        Without a number the promoted version, or else the latest. Raises `SpecialistError` (`archive`).
        """
        version = self.version(name, number)
        archive.write(version, path, data=data)
        return version

    def take_in(self, path: Path, *, name: str = "") -> Version:
        """Keep an export as the next version of its name, or of `name`. It is not promoted, and not proven here.

        Raises `SpecialistError` (`archive`) for whatever is no such file; nothing of it is kept then.
        """
        if name:
            self._place(name)
        with self._failing():
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self.folder.glob(".incoming-*"):
                with suppress(FileNotFoundError):
                    if time.time() - old.stat().st_mtime > _STALE:
                        shutil.rmtree(old, ignore_errors=True)
            place = keeping.beside(self.folder, "incoming")
            place.mkdir()
        try:
            taken = archive.read(path, place)
            card = taken.card.model_copy(update={"name": name}) if name else taken.card
            return self._add(card, taken.adapter, taken.split, taken.evaluation)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def work(self, name: str) -> Path:
        """The folder for checkpoints of a training of that name; it is made."""
        place = self._place(name) / _WORK
        with self._failing():
            place.mkdir(parents=True, exist_ok=True)
        return place

    @contextmanager
    def training(self, name: str) -> Iterator[None]:
        """Hold the name for a training. The system lets go of it when the process dies, however it dies.

        Raises `SpecialistError` (`busy`) where another one does.
        """
        with self._locked(name, "training", 0.0, f"{name} is being trained; wait for its end, or stop that training."):
            yield

    def _change(self, name: str, change: Callable[[State], State | None]) -> Specialist:
        with self._changing(name) as folder:
            self.get(name)
            if (new := change(versions.state(folder))) is not None:
                self._write(folder, new)
            return self.get(name)

    def _write(self, folder: Path, state: State) -> None:
        keeping.replace(folder / PROMOTED, state.model_dump_json(indent=1).encode())

    @contextmanager
    def _changing(self, name: str) -> Iterator[Path]:
        """The folder of a name, while nobody else changes it."""
        said = f"Another program is changing {name}; try again."
        with self._locked(name, "change", _PATIENCE, said) as folder, self._failing():
            yield folder

    @contextmanager
    def _locked(self, name: str, kind: str, patience: float, said: str) -> Iterator[Path]:
        folder = self._place(name)
        with self._failing():
            # not in the folder of the name, which may be removed while others wait
            (self.folder / _LOCKS).mkdir(parents=True, exist_ok=True)
            file = (self.folder / _LOCKS / f"{name}.{kind}").open("a+b")
        with file:
            if not wait_for(file, patience):
                raise SpecialistError("busy", said)
            try:
                yield folder
            finally:
                let_go(file)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """What the disk refuses, in a sentence."""
        try:
            yield
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise SpecialistError(
                "failed", f"{self.folder} cannot be written ({why}): make room, or check its permissions."
            ) from error

    def _place(self, name: str) -> Path:
        """Where a name lies. Only names that a card may have lead anywhere."""
        if not NAME.fullmatch(name):
            raise SpecialistError("unknown", "A specialist has a name of small letters, digits and hyphens.")
        return self.folder / name


def _check(adapter: Path) -> None:
    try:
        read_adapter(adapter)
    except NotGguf as error:
        raise SpecialistError("card", f"{adapter.name} cannot be used as an adapter: {error}.") from error
    except OSError as error:
        raise SpecialistError("card", f"{adapter} cannot be read; check that it is there.") from error
