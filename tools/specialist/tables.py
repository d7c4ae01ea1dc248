"""Files of examples as rows: JSON values on lines, in an array, or one after the other; tables with delimiters.

What kind a file is of is seen in its content. What is wrong with one row is told in its place, and the next is read.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

LINE = 2**20
"""Bytes of the longest line, and of the longest row of a table."""
_ROWS_TRIED = 20
_WASTED = 2**24
"""Characters that are read twice because quotation marks do not pair up, before that is given up."""
_VALUES = 20_000_000
"""In one JSON value, which is held in memory whole: about a gigabyte."""
_SPACE = re.compile(r"[ \t\n\r]*")
_DELIMITERS = (",", "\t", ";", "|")


class Misfit(ValueError):
    """What is wrong with a row and what to do, in a sentence; `code` names the kind. See `Fault`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Whole(ValueError):
    """What is wrong with the file as a whole, and what to do; the sentence begins after the file's name."""


Row = tuple[int, Any]
"""The line it begins on, from 1, and its value, or the `Misfit` that stands in its place."""


def rows(text: str, fits: Callable[[Sequence[str]], bool]) -> Iterator[Row]:
    """The rows of a file; `fits` says whether the names of some columns are enough for examples.

    Raises `Whole` where the file as a whole is of no kind that is known.
    """
    at = _after_space(text, 0)
    if text[at : at + 1] in ("[", "{") or _mostly_objects(text):
        return _json(text, at)
    return _table(text, fits)


def _mostly_objects(text: str) -> bool:
    """Whether the first lines are JSON objects, but for some; the first may be one of those."""
    found = [line for _, line in _lines(text[: 4 * LINE])][:_ROWS_TRIED]
    good = sum(line.startswith("{") and not isinstance(_parsed(line), Misfit) for line in found)
    return good * 2 > len(found)


def _json(text: str, at: int) -> Iterator[Row]:
    lines = _lines(text)
    (_, first), more = next(lines), next(lines, None)
    if more is None or isinstance(_parsed(first), Misfit):
        if text.count(",", at) > _VALUES:
            raise Whole("holds more values than one JSON may have here; write each example on a line of its own.")
        if text[at] == "[":
            return _array(text, at)
        value, end = _decoded(text, at)
        if not isinstance(value, Misfit) and "\n" in text[at:end]:
            return _one_after_the_other(text, at)
    return ((number, _parsed(line)) for number, line in _lines(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, with their numbers."""
    at = number = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        number += 1
        if line := text[at:end].strip():
            yield number, line
        at = end + 1


def _parsed(line: str) -> Any:
    if len(line) > LINE or (4 * len(line) > LINE and len(line.encode("utf-8", "replace")) > LINE):
        return Misfit("long_line", "the line is longer than 1 MB; shorten it or leave it out.")
    try:
        value, end = _DECODER.raw_decode(line)
    except json.JSONDecodeError as error:
        return Misfit("json", f"this is not JSON ({error.msg}, character {error.pos + 1}); mend the line.")
    except (ValueError, RecursionError):
        return Misfit("json", "this JSON holds a number or a nesting that no example needs; mend the line.")
    if line[end:].strip():
        return Misfit("json", "more than one JSON value is on this line; put each on a line of its own.")
    return value


def _array(text: str, at: int) -> Iterator[Row]:
    """The elements of an array. An array of messages is one element, since it is one conversation."""
    begun = text.count("\n", 0, at) + 1
    elements = _walked(text, at + 1, begun)
    first = next(elements, None)
    if first is None:
        return
    if not _is_message(first[1]):
        yield first
        yield from elements
        return
    messages, misfit = [first[1]], None
    for line, value in elements:
        if isinstance(value, Misfit):
            misfit = line, value
        else:
            messages.append(value)
    # half a conversation is none
    yield misfit or (begun, messages)


def _walked(text: str, at: int, line: int) -> Iterator[Row]:
    counted = at
    at = _after_space(text, at)
    while text[at : at + 1] != "]":
        line += text.count("\n", counted, at)
        counted = at
        value, at = _decoded(text, at)
        yield line, value
        if isinstance(value, Misfit):
            return
        at = _after_space(text, at)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "]":
            yield line + text.count("\n", counted, at), _broken("a comma or the closing bracket is missing")
            return
    rest = _after_space(text, at + 1)
    if rest < len(text):
        yield line + text.count("\n", counted, rest), _broken("the array has ended")


def _one_after_the_other(text: str, at: int) -> Iterator[Row]:
    line, counted = 1, 0
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        value, at = _decoded(text, at)
        yield line, value
        if isinstance(value, Misfit):
            return
        at = _after_space(text, at)


def _decoded(text: str, at: int) -> tuple[Any, int]:
    """A value within a longer text, and where it ends; a `Misfit` where it is broken."""
    try:
        return _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        return _broken(f"{error.msg}, line {error.lineno}"), at
    except (ValueError, RecursionError):
        return _broken("a number or a nesting that no example needs"), at


def _broken(what: str) -> Misfit:
    return Misfit("json", f"the JSON is broken here ({what}), and what follows is left out; mend it.")


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"role", "from", "sender"}) and "messages" not in value


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = json.JSONDecoder(strict=False, parse_constant=_no_number)


class _Feed:
    """The lines of a table for one row: at most as many as a row may hold, and from any line again."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0
        self.given = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.at == len(self.lines) or self.given > LINE:
            raise StopIteration
        line = self.lines[self.at]
        self.at += 1
        self.given += len(line) + 1
        return line + "\n"

    @property
    def ended(self) -> bool:
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        return self.at == len(self.lines)


def _table(text: str, fits: Callable[[Sequence[str]], bool]) -> Iterator[Row]:
    feed = _Feed(text)
    if feed.ended:
        raise Whole("holds nothing; give it examples, one on each line.")
    header, delimiter = _header(feed.lines[feed.at], fits)
    feed.at += 1
    return _records(feed, header, delimiter)


def _header(line: str, fits: Callable[[Sequence[str]], bool]) -> tuple[list[str], str]:
    split = {}
    for delimiter in _DELIMITERS:
        try:
            split[delimiter] = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, strict=True))]
        except csv.Error:
            continue
    for delimiter, names in split.items():
        if fits(names):
            return names, delimiter
    found = max(split.values(), key=len, default=[line])
    shown = ", ".join(repr(name[:30]) for name in found[:8])
    raise Whole(
        f"is neither JSON nor a table of examples: its first line is {shown}. Give each column a name in the first "
        "line, such as question and answer, or name the two columns that hold them.",
    )


def _records(feed: _Feed, header: list[str], delimiter: str) -> Iterator[Row]:
    """Records of a table. A quotation mark that is never closed spoils its own line, not what it would swallow."""
    wasted = 0
    while not feed.ended:
        begun, feed.given = feed.at, 0
        try:
            cells = next(csv.reader(feed, delimiter=delimiter, strict=True))
            misfit = _columns(cells, header)
        except csv.Error as error:
            misfit = _LONG if str(error).startswith("field larger") else _QUOTES
        if misfit is None:
            yield begun + 1, dict(zip(header, cells, strict=False))
            continue
        wasted += feed.given
        if wasted > _WASTED:
            raise Whole("has quotation marks that do not pair up; export it again.")
        feed.at = begun + 1
        yield begun + 1, misfit


_LONG = Misfit(
    "long_line", "a cell has more than 131,072 characters, or a quotation mark is not closed; mend the line."
)
_QUOTES = Misfit("quotes", "a quotation mark is not closed, or not doubled within a quoted text; mend the line.")


def _columns(cells: Sequence[str], header: Sequence[str]) -> Misfit | None:
    if any(cells[len(header) :]):
        return Misfit(
            "columns",
            f"there are {len(cells)} cells for {len(header)} columns; put texts with the delimiter into quotes.",
        )
    return None
