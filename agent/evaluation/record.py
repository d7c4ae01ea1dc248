"""Cases that are done are kept, so that a long run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from agent.prompts import fingerprint
from agent.settings import Settings
from agent.specialists.base_files import BaseFiles
from agent.specialists.promoted import FOLDER, readers
from agent.specialists.ready import install
from tools.specialist.registry import Registry

_ROOT = Path(__file__).resolve().parent.parent.parent
_CODE = ("agent", "tools")
_OF_THE_ANSWER = (
    "model",
    "context",
    "passages",
    "section_tokens",
    "max_gathers",
    "max_drafts",
    "max_answer_tokens",
    "ask_back",
)
"""Settings that change what is answered."""


class _Task(Protocol):
    @property
    def id(self) -> str: ...


_T = TypeVar("_T", bound=_Task)


class Record:
    """The cases of one run, each a JSON object with an `id`, in a file of one object a line.

    Use as a context manager. A line that a killed process left half written is dropped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cases: dict[str, dict[str, Any]] = {}
        self._file: Any = None

    def __enter__(self) -> Record:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = 0
        if self._path.is_file():
            for line in self._path.read_bytes().splitlines(keepends=True):
                try:
                    case = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                self._cases[case["id"]] = case
                whole += len(line)
        self._file = self._path.open("ab")
        self._file.truncate(whole)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def get(self, id: str) -> dict[str, Any] | None:
        """The case of an earlier run."""
        return self._cases.get(id)

    def add(self, case: dict[str, Any]) -> dict[str, Any]:
        """Keep a case that is done, and return it as a later run will read it."""
        line = json.dumps(case, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        kept: dict[str, Any] = json.loads(line)
        self._cases[kept["id"]] = kept
        self._file.write(line)
        self._file.flush()
        return kept

    async def each(
        self, tasks: Sequence[_T], ask: Callable[[_T], Awaitable[dict[str, Any]]], done: Callable[[], None]
    ) -> list[dict[str, Any]]:
        """The case of every task: that of an earlier run, or what `ask` makes of it. `done` is called after each."""
        cases = []
        for task in tasks:
            cases.append(self.get(task.id) or self.add({"id": task.id, **await ask(task)}))
            done()
        return cases

    @staticmethod
    def forget(path: Path) -> None:
        """Drop what an earlier run kept."""
        path.unlink(missing_ok=True)


def record_of(settings: Settings, kind: str, files: Iterable[Path]) -> Path:
    """Where the cases of a run are kept. It is another file for other questions, another model, another specialist that
    reads, other prompts, other settings of the answer, and another state of the code: what was measured on one says
    nothing about another."""
    digest = hashlib.sha256(kind.encode())
    digest.update(json.dumps([str(getattr(settings, name)) for name in _OF_THE_ANSWER]).encode())
    digest.update(fingerprint().encode())
    registry = Registry(settings.data_dir / FOLDER)
    install(registry, BaseFiles(settings).configured())  # the first turn would
    for version in readers(registry):
        digest.update(version.card.text().encode())
        digest.update(b"" if version.adapter is None else version.adapter.read_bytes())
    for file in files:
        digest.update(file.read_bytes() + b"\0")
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".npz", ".npy") and "evaluation" not in path.parts:
                digest.update(os.fsencode(path.relative_to(_ROOT)) + path.read_bytes())
    return settings.data_dir / "evaluations" / f"{kind}-{digest.hexdigest()[:16]}.jsonl"
