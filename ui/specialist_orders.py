"""What the page orders: a specialist to be made, and the files of examples that it learns from.

Files are kept in the data folder under names that the server makes, see `ui.uploads`. An order is kept until its
specialist is made, so that a training that was stopped goes on, also after the program has ended in between.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.specialist import keeping
from tools.specialist.card import Use
from tools.specialist.plan import Method, Plan
from tools.specialist.read import MOST_BYTES
from ui.uploads import MOST, UploadError, Uploads, safe_name

if TYPE_CHECKING:
    from agent.specialists.preparing import Order

log = logging.getLogger(__name__)

NAME = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
MOST_ARCHIVE = 2**30
"""Bytes of an export that is taken in."""
_ID = re.compile(r"[0-9a-f]{16}")
_FORGOTTEN = 24 * 3600
"""Seconds after which a file that no order names is deleted."""

Text = Annotated[str, Field(max_length=500)]


class File(BaseModel):
    """An uploaded file, by what the server calls it; `name` is what its owner does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    name: Annotated[str, Field(max_length=1000)] = ""


class Settings(BaseModel):
    """Of a training; what is left out is as usual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: Annotated[int | None, Field(ge=1, le=256)] = None
    epochs: Annotated[float | None, Field(gt=0, le=100)] = None
    learning_rate: Annotated[float | None, Field(gt=0, lt=1)] = None
    batch: Annotated[int | None, Field(ge=1, le=512)] = None
    layers: Annotated[int | None, Field(ge=0, le=1000)] = None
    longest: Annotated[int | None, Field(ge=64, le=32768)] = None
    general: Annotated[float | None, Field(ge=0, le=1)] = None
    shots: Annotated[int | None, Field(ge=1, le=64)] = None
    seed: Annotated[int | None, Field(ge=0, le=2**31)] = None


class NewSpecialist(BaseModel):
    """What is to be made. Without files and feedback the examples of the version before are learned anew."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    description: tuple[Text, ...] = Field(default=(), max_length=2)
    files: tuple[File, ...] = Field(default=(), max_length=20)
    feedback: bool = False
    shipped: bool = False
    """It is the one of that name that comes with Kotae, with its examples."""
    base: Text = ""
    method: Method = "lora"
    settings: Settings = Settings()
    question: Annotated[str, Field(max_length=100)] = ""
    answer: Annotated[str, Field(max_length=100)] = ""
    prompt: Annotated[str, Field(max_length=4000)] = ""
    use: Use | None = None
    licence: Annotated[str, Field(max_length=200)] = ""
    personal: bool = False
    continues: bool = False
    """Its training continues the adapter that is in use."""
    again: bool = False
    promote: bool = False


class Orders:
    """The orders that are kept, and the files that were uploaded for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "orders"
        self.files = Uploads(folder / "files", MOST_BYTES)
        self.archives = Uploads(folder / "archives", MOST_ARCHIVE)

    async def take(self, name: str, size: int, content: AsyncIterator[bytes]) -> str:
        """Keep a file of examples; returns its id. Raises `UploadError`."""
        if self.files.folder.is_dir() and sum(1 for _ in self.files.folder.iterdir()) >= MOST:
            raise UploadError("too_many")
        path = await self.files.take(name, size, content)
        self.files.read(path)
        return path.parent.name

    def making(self, model: str, collection: str) -> Path:
        """Where examples from a collection are made, the same again for the same, so that what was stopped goes on."""
        folder = self.files.folder.parent / "raft"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{hashlib.sha256(json.dumps([model, collection]).encode()).hexdigest()[:16]}.jsonl"

    def made(self, file: Path, name: str) -> str:
        """Keep a file of examples that was made here among those that were uploaded; returns its id."""
        place = self.files.folder / secrets.token_hex(8)
        place.mkdir(parents=True)
        file.rename(place / safe_name(name))
        return place.name

    def path(self, id: str) -> Path:
        """Where a file lies. Raises `UploadError` (`file_gone`)."""
        place = self.files.folder / id
        if _ID.fullmatch(id) and place.is_dir():
            for path in place.iterdir():
                if not path.name.startswith(".") and self.files.holds(path):
                    return path
        raise UploadError("file_gone")

    def forget(self, id: str) -> None:
        """Delete a file that no order needs."""
        if _ID.fullmatch(id) and not any(id == file.id for order in self.kept() for file in order.files):
            shutil.rmtree(self.files.folder / id, ignore_errors=True)

    def order(self, new: NewSpecialist) -> Order:
        """As those who train it take it. Raises `UploadError` (`file_gone`)."""
        from agent.specialists.preparing import Order

        given = {name: value for name, value in new.settings.model_dump().items() if value is not None}
        return Order(
            new.name,
            files=tuple(self.path(file.id) for file in new.files),
            feedback=new.feedback,
            question=new.question.strip(),
            answer=new.answer.strip(),
            description=tuple(text.strip() for text in new.description if text.strip()),
            prompt=new.prompt.strip() or None,
            use=new.use,
            base=new.base,
            plan=Plan(method=new.method, **given),
            licence=new.licence.strip(),
            personal=new.personal,
            continues=new.continues,
            again=new.again,
        )

    def keep(self, new: NewSpecialist) -> None:
        """Keep an order until `drop`. Raises `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        keeping.replace(self._folder / f"{new.name}.json", new.model_dump_json().encode())

    def kept(self) -> list[NewSpecialist]:
        """The orders that were not carried out to their end, by name."""
        found = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                found.append(NewSpecialist.model_validate_json(file.read_bytes()))
            except (OSError, ValidationError):
                log.warning("%s cannot be read", file)
        return found

    def get(self, name: str) -> NewSpecialist | None:
        """The kept order of that name."""
        return next((order for order in self.kept() if order.name == name), None)

    def drop(self, name: str) -> None:
        """An order was carried out, or is given up; its files go with it."""
        order = self.get(name)
        if order is not None:
            (self._folder / f"{order.name}.json").unlink(missing_ok=True)
            for file in order.files:
                self.forget(file.id)

    def sweep(self) -> None:
        """Delete what was uploaded long ago and belongs to no order."""
        late = time.time() - _FORGOTTEN
        for folder in (self.files.folder, self.archives.folder):
            for place in folder.iterdir() if folder.is_dir() else ():
                if place.stat().st_mtime < late:
                    if folder == self.files.folder:
                        self.forget(place.name)
                    else:
                        shutil.rmtree(place, ignore_errors=True)
