"""Examples in three parts: to learn from, to stop by, and to be examined on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.specialist.example import Example, fingerprint
from tools.specialist.near import Twin, twins
from tools.specialist.texts import asked


@dataclass(frozen=True)
class _Part:
    share: float
    most: int
    least: int
    """So many where there are examples enough, whatever their share."""
    of: int
    """One of so many examples, where there are too few for that."""


_TEST = _Part(0.12, 400, 20, 3)
_VALIDATION = _Part(0.08, 200, 10, 6)
_ENOUGH = 60
_LARGE = 4
"""A group of more than one in so many examples, or of more than one in so many of a part, is learned from: in another
part it would be most of it."""


@dataclass(frozen=True)
class _Unit:
    """Rows that must not be parted."""

    place: float
    """In [0, 1), by the hash of what they have in common."""
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Split:
    """The parts, each in the order of the file."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    leaks: tuple[Twin, ...] = ()
    """Examples that ask the same, or nearly the same, as one of the test, and so are in no part: `row` is their
    position in what was split, `like` that of the other in `test`."""
    grouped: bool = True
    """Whether each group is in one part; not so where there are too few groups for three parts."""

    def __post_init__(self) -> None:
        for name in ("training", "validation", "test", "leaks"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def fingerprint(self) -> str:
        """Of all parts together."""
        return fingerprint((*self.training, *self.validation, *self.test))


def split(examples: Sequence[Example], test: Sequence[Example] | None = None) -> Split:
    """About 80 % to learn from, 8 % to stop by (at most 200) and 12 % to be examined on (20 of 60, at most 400).

    Where an example falls is told by the hash of its group, or else of its question but for case, width and
    punctuation: not by its place in the file. When a file grows, examples may leave test and validation for training
    (since those have a greatest size) and never the other way, so that nothing that was learned from is examined later.
    With `test`, examples given apart, only the other two parts are made.
    """
    total = len(examples)
    for grouped in (True, False):
        units = _units(examples, grouped)
        held = [] if test is not None else _taken(units, _TEST, total)
        places = {unit.place for unit in held}
        others = [replace(unit, place=1 - unit.place) for unit in reversed(units) if unit.place not in places]
        stop = _taken(others, _VALIDATION, total)
        if stop and (held or test is not None):
            break
    tested = {row for unit in held for row in unit.rows}
    stopped = {row for unit in stop for row in unit.rows}
    held_out = tuple(test) if test is not None else tuple(examples[row] for row in sorted(tested))
    kept = [row for row in range(total) if row not in tested]
    leaks = [Twin(kept[t.row], t.like, t.same) for t in twins([examples[row] for row in kept], held_out)]
    leaked = {leak.row for leak in leaks}
    return Split(
        tuple(examples[row] for row in kept if row not in stopped and row not in leaked),
        tuple(examples[row] for row in sorted(stopped - leaked)),
        held_out,
        tuple(leaks),
        grouped or not any(example.group for example in examples),
    )


def _units(examples: Sequence[Example], grouped: bool) -> list[_Unit]:
    """In the order of their places."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        found[f"group\0{example.group}" if grouped and example.group else f"asked\0{asked(example)}"].append(row)
    return sorted((_Unit(_place(key), tuple(rows)) for key, rows in found.items()), key=lambda unit: unit.place)


def _place(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48


def _taken(units: Sequence[_Unit], part: _Part, total: int) -> list[_Unit]:
    """The units at the front that a part has.

    It ends at the first that is too much for it: a smaller one after it would have to go again when a file grows.
    """
    least = part.least if total >= _ENOUGH else total // part.of
    taken: list[_Unit] = []
    count = 0
    for unit in units:
        if len(unit.rows) > min(total, part.most) // _LARGE:
            continue
        enough = unit.place >= part.share and count >= least
        if enough or count + len(unit.rows) > part.most:
            break
        taken.append(unit)
        count += len(unit.rows)
    return taken
