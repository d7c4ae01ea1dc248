"""The specialists that come with Kotae as cards and examples, to be trained here: `tools/specialist/shipped`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import tools.specialist
from agent.specialists.preparing import Order
from tools.specialist import card
from tools.specialist.errors import SpecialistError

_FOLDER: Final = Path(tools.specialist.__file__).parent / "shipped"


def names() -> tuple[str, ...]:
    """Those that there are."""
    return tuple(sorted(path.parent.name for path in _FOLDER.glob(f"*/{card.FILE}")))


def cards() -> dict[str, card.Card]:
    """What each of them is for, by name."""
    return {name: card.load(_FOLDER / name) for name in names()}


@contextmanager
def completed(order: Order) -> Iterator[Order]:
    """The order of the shipped specialist of its name: with its examples, and what its card says wherever the order
    says nothing. The files are there while the context is open.

    Raises `SpecialistError` (`unknown`).
    """
    if order.name not in names():
        raise SpecialistError(
            "unknown", f"No specialist {order.name} comes with Kotae; there are {', '.join(names())}."
        )
    folder = _FOLDER / order.name
    read = card.load(folder)
    with TemporaryDirectory() as place:
        data = folder / "data.jsonl"
        if read.use == "grounded":
            from agent.specialists.reading_rows import SELDOM, rows_of_groups, save

            data = Path(place) / "groups.jsonl"
            save(rows_of_groups(folder / "groups.jsonl", refusals=SELDOM), data)
        yield replace(
            order,
            files=(*order.files, data),
            description=order.description or read.description,
            examples=order.examples or read.examples,
            prompt=read.prompt or None if order.prompt is None else order.prompt,
            use=order.use or read.use,
            metric=order.metric or read.metric,
            licence=order.licence or read.data.licence,
            sources=order.sources or (f"examples of Kotae: {order.name}",),
        )
