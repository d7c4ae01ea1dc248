"""What users told about themselves, if they want it kept: one small file of the data folder, off until switched on.

It is read again when it has changed, so that the command line and a running server see the same. What is deleted is
overwritten before its file is let go of. Whoever else than the owner asks has a file of their own.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import MemoryFileError
from agent.facts import solid
from agent.state import Language
from agent.telling import Told, is_single, told

FILE = "about_user.json"
MOST = 50
"""So many facts are kept; then nothing more until some are deleted."""


@dataclass(frozen=True)
class Fact(Told):
    """Something kept: `told_at` is `time.time()`, `thread` the conversation in which it was said."""

    id: str
    told_at: float
    thread: str


@dataclass(frozen=True)
class _Contents:
    on: bool = False
    facts: tuple[Fact, ...] = ()


_OTHERS = "askers"
"""The folder of the data folder that holds a folder for each asker but the owner."""


class AboutUser:
    """The facts of one folder. Every method raises `MemoryFileError` when the file cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()

    @classmethod
    def of(cls, data_dir: Path, asker: str) -> AboutUser:
        """The facts about somebody else than the owner of a data folder."""
        return cls(data_dir / _OTHERS / hashlib.sha256(asker.encode()).hexdigest()[:32])

    @property
    def on(self) -> bool:
        """Whether facts are kept and used."""
        return self._read().on

    def facts(self) -> tuple[Fact, ...]:
        """All that is kept, oldest first, whether it is used or not."""
        return self._read().facts

    def used(self) -> tuple[Fact, ...]:
        """What answers may use: nothing while it is off."""
        contents = self._read()
        return contents.facts if contents.on else ()

    def switch(self, on: bool) -> None:
        """Keep and use facts from now on, or neither. What is kept stays until it is deleted."""
        with self._changing() as contents:
            if contents.on != on:
                self._write(replace(contents, on=on))

    def keep(self, question: str, language: Language, thread: str) -> tuple[list[Fact], bool]:
        """Keep what a question tells about its writer. Returns what is new, and whether there was no room for some of
        it. Writes nothing while it is off or nothing is new."""
        if not self._path.exists() or not (found := told(question, language)):
            return [], False
        with self._changing() as contents:
            if not contents.on:
                return [], False
            known = {(fact.kind, solid(fact.text)) for fact in contents.facts}
            fresh = [
                Fact(one.kind, one.text, secrets.token_hex(4), time.time(), thread)
                for one in found
                if (one.kind, solid(one.text)) not in known
            ]
            replaced = {fact.kind for fact in fresh if is_single(fact.kind)}
            stays = [fact for fact in contents.facts if fact.kind not in replaced]
            room = fresh[: max(0, MOST - len(stays))]
            if room:
                self._write(replace(contents, facts=(*stays, *room)))
            return room, len(room) < len(fresh)

    def forget(self, ids: Sequence[str]) -> int:
        """Delete these facts; returns how many there were."""
        return self._without(lambda fact: fact.id in ids)

    def forget_thread(self, thread: str) -> int:
        """Delete what was told in a conversation."""
        return self._without(lambda fact: fact.thread == thread) if self._path.exists() else 0

    def forget_all(self) -> int:
        """Delete everything; the switch stays as it is."""
        return self._without(lambda fact: True)

    def remove(self) -> None:
        """Delete everything, the switch too, as if there had never been anything."""
        if not self._path.exists():
            return
        self.forget_all()
        self._path.unlink(missing_ok=True)
        if self._path.parent.parent.name == _OTHERS:
            with suppress(OSError):
                self._path.parent.rmdir()

    def _without(self, goes: Any) -> int:
        with self._changing() as contents:
            stays = tuple(fact for fact in contents.facts if not goes(fact))
            if len(stays) < len(contents.facts):
                self._write(replace(contents, facts=stays))
            return len(contents.facts) - len(stays)

    @contextmanager
    def _changing(self) -> Iterator[_Contents]:
        """The contents, while nobody else changes them: a lock of this process and one between processes."""
        with self._lock:
            if os.name == "nt":  # the last writer wins there
                yield self._read()
                return
            import fcntl

            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                folder = os.open(self._path.parent, os.O_RDONLY)
            except OSError as error:
                raise self._fault("written", error) from error
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield self._read()
            finally:
                os.close(folder)

    def _read(self) -> _Contents:
        try:
            rows = json.loads(self._path.read_text("utf-8"))
            return _Contents(rows["on"] is True, tuple(Fact(**row) for row in rows["facts"]))
        except FileNotFoundError:
            return _Contents()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise self._fault("read", error) from error

    def _write(self, contents: _Contents) -> None:
        rows = {"on": contents.on, "facts": [asdict(fact) for fact in contents.facts]}
        text = json.dumps(rows, ensure_ascii=False, indent=1)
        try:
            handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                old = self._path.open("r+b") if self._path.exists() else None
                os.replace(name, self._path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            if old is not None:  # what is deleted is overwritten, not only let go of
                with old:
                    old.write(b"\0" * os.fstat(old.fileno()).st_size)
                    old.flush()
                    os.fsync(old.fileno())
        except OSError as error:
            raise self._fault("written", error) from error

    def _fault(self, done: str, error: Exception) -> MemoryFileError:
        reason = getattr(error, "strerror", None) or "it is not what Kotae writes"
        return MemoryFileError(f"{self._path} cannot be {done} ({reason}); mend it or delete it.")
