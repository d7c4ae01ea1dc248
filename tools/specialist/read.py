"""Examples from a file of any of the usual shapes, with what is wrong with the others, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.decode import decode
from tools.specialist.errors import SpecialistError
from tools.specialist.example import Example
from tools.specialist.rows import Shapes
from tools.specialist.tables import Misfit, Whole, rows

MOST_BYTES = 200 * 2**20
MOST_ROWS = 200_000
MOST_FAULTS = 1_000
"""Faults that are told one by one."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line. `str(fault)` is one sentence that also says what to do.

    Codes: `json` (no JSON, or broken off), `shape` (no question with an answer), `messages` (a conversation that does
    not fit), `value` (of another kind than is needed), `empty` (no question, or no answer), `characters` (what is no
    character), `columns` and `quotes` (a table), `long_line`, `more` (so many more faults are not told, line 0).
    """

    file: str
    line: int
    """From 1; in a table, or in JSON over several lines, where the row begins."""
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(frozen=True)
class Reading:
    """What a file holds."""

    examples: tuple[Example, ...]
    faults: tuple[Fault, ...] = ()
    lines: tuple[int, ...] = ()
    """For each example the line that it is from."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What was left out on purpose: `thumb_down` (without a correction), `refused` (a refusal with a thumb up),
    `not_in_text` (a reply to a picture or to what a tool found), `unanswered` (a conversation without a reply)."""


def read(path: Path, *, question: str = "", answer: str = "") -> Reading:
    """The examples in a file, whatever it is called: JSON lines, JSON, CSV, TSV, a chat export, or Kotae's feedback.

    A row is `{question, answer}`, `{prompt, completion}`, `{instruction, input, output}`, `{input, output}`,
    `{text, label}` or `{text, intent}`, with `group`, `refuses`, `history` and `system` where they are known;
    `{messages, answer}`; or a conversation (`messages`, `conversations`, a list of messages), of which each reply is an
    example. `question` and `answer` name the keys or columns that hold them where they have other names. An answer may
    be a JSON object. Raises `SpecialistError` (`data`) for a file that holds none of these.
    """
    name = path.name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _misfit(f"{name} is larger than {MOST_BYTES // 2**20} MB; split it, or take a part of it.")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _misfit(f"{path} cannot be read; check that it is a file and may be read.") from error
    text = decode(data)
    del data
    if text is None:
        raise _misfit(f"{name} is no text; export the examples as JSON lines or as CSV in UTF-8.")
    if not text.strip():
        raise _misfit(f"{name} holds nothing; give it examples, one on each line.")
    try:
        return _read(name, text, Shapes(question, answer))
    except Whole as error:
        raise _misfit(f"{name} {error}") from error


def _read(name: str, text: str, shapes: Shapes) -> Reading:
    examples: list[Example] = []
    lines: list[int] = []
    faults: list[Fault] = []
    for number, (line, value) in enumerate(rows(text, shapes.fits), 1):
        try:
            if isinstance(value, Misfit):
                raise value
            found = shapes.examples(value)
        except Misfit as error:
            faults.append(Fault(name, line, error.code, str(error)))
            found = []
        examples += found
        lines += [line] * len(found)
        if number > MOST_ROWS or len(examples) > MOST_ROWS:
            raise _misfit(f"{name} holds more than {MOST_ROWS:,} examples; split it, or take a part of it.")
    if not examples and faults and all(fault.code == faults[0].code for fault in faults):
        raise _misfit(str(faults[0]) if len(faults) == 1 else f"{faults[0]} So it is with all {len(faults):,} rows.")
    if (more := len(faults) - MOST_FAULTS) > 0:
        faults = [*faults[:MOST_FAULTS], Fault(name, 0, "more", f"{more:,} more lines have faults; mend these first.")]
    return Reading(tuple(examples), tuple(faults), tuple(lines), dict(shapes.left_out))


def _misfit(message: str) -> SpecialistError:
    return SpecialistError("data", message)
