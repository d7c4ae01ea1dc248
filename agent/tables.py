"""Tables of documents in answers: their rows are copied, under their header, and never told again by a model.

A small model reads a table badly and writes one worse, while the rows that a question needs can be found as sentences
are. A table is one statement: it is supported when its header and every row stand in one passage as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent import facts
from agent.state import Evidence, Support, Turn
from agent.wishes import asks_for_rows, compares
from tools.base import Passage
from tools.library.tokens import terms
from tools.sentences import spans

ROWS = 12
"""A longer table is cut to so many of its rows, the nearest to the question."""
_ROW = re.compile(r"\s*\|.*\|\s*$")
_RULE = re.compile(r"\s*\|(?:\s*:?-+:?\s*\|)+\s*$")


@dataclass(frozen=True)
class Table:
    """`rows` are lines of Markdown as they stand; `starts` where each begins in the text."""

    header: str
    rule: str
    rows: tuple[str, ...]
    starts: tuple[int, ...]

    def text(self, rows: tuple[str, ...] | None = None) -> str:
        """The table with these of its rows, or all."""
        return "\n".join((self.header, self.rule, *(self.rows if rows is None else rows)))


def around(text: str, place: int) -> Table | None:
    """The table whose row begins at `place`; None where no row does, or the table's header is not in the text."""
    lines: list[tuple[int, str]] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        start = offset + len(line) - len(line.lstrip())
        offset += len(line)
        if _ROW.match(line):
            lines.append((start, line.strip()))
            continue
        if (table := _table(lines)) and place in table.starts:
            return table
        lines = []
    table = _table(lines)
    return table if table and place in table.starts else None


def answering(turn: Turn) -> str:
    """The rows that answer a question that asks for rows; "" where it asks for something else, or the sentence nearest
    to it is no row."""
    if not turn.evidence or (table := _nearest(turn)) is None:
        return ""
    if compares(turn.question):
        return table.text(_about(turn.standalone, table))
    if turn.form not in ("table", "list") and not asks_for_rows(turn.question):
        return ""
    return table.text(table.rows if len(table.rows) <= ROWS else _first(turn, table))


def quoted(evidence: Evidence, passage: Passage) -> str:
    """A row under its header; "" for evidence that is no row."""
    table = around(passage.text, evidence.start)
    return "" if table is None else table.text((table.rows[table.starts.index(evidence.start)],))


def statements(draft: str) -> Iterator[tuple[int, int]]:
    """The sentences of a draft as spans; a table in it is one."""
    held: list[tuple[int, int]] = []
    for start, end in spans(draft):
        if _ROW.match(draft[start:end]) and (not held or not draft[held[-1][1] : start].strip(" \t\n\r")):
            held.append((start, end))
            continue
        yield from _released(held, draft)
        held = []
        yield start, end
    yield from _released(held, draft)


def cells(row: str) -> list[str]:
    """The cells of a row, without the white space around them."""
    return [
        cell.strip().replace("\\|", "|")
        for cell in re.split(r"(?<!\\)\|", row.strip().removeprefix("|").removesuffix("|"))
    ]


def is_table(statement: str) -> bool:
    """Whether a statement is a table with a header."""
    lines = statement.splitlines()
    return len(lines) > 2 and all(map(_ROW.match, lines)) and bool(_RULE.match(lines[1]))


def support(statement: str, turn: Turn) -> Support | None:
    """What stands behind a table; None for a statement that is none."""
    if not is_table(statement):
        return None
    lines = [line.strip() for line in statement.splitlines()]
    for n, passage in enumerate(turn.passages, 1):
        if set(lines) <= {line.strip() for line in passage.text.splitlines()}:
            rows = "\n".join(lines[2:])
            quote = rows if rows in passage.text else lines[2]
            return Support(statement, (n,), True, "similarity", quote=quote)
    return Support(statement, (), False, "checks", "meaning")


def bare(statement: str) -> str:
    """A statement without its citation marks. A table has none, and its cells stay as they are."""
    return statement if is_table(statement) else facts.uncited(statement)


def marked(statement: str, marks: str) -> str:
    """A statement with its citation marks behind it; those of a table stand in its last cell."""
    if is_table(statement):
        return f"{statement.rstrip()[:-1].rstrip()} {marks} |" if marks else statement
    between = "" if facts.is_japanese(statement) else " "
    return f"{statement}{between if marks else ''}{marks}"


def _nearest(turn: Turn) -> Table | None:
    nearest = turn.evidence[0]
    return around(turn.passages[nearest.passage - 1].text, nearest.start)


def _about(question: str, table: Table) -> tuple[str, ...]:
    """The rows that share most with a question, of the words in which the rows differ."""
    words = [set(terms(row)) for row in table.rows]
    telling = {term for term in terms(question) if 0 < sum(term in own for own in words) < len(words)}
    shared = [len(telling & own) for own in words]
    return tuple(row for row, n in zip(table.rows, shared, strict=True) if n == max(shared))


def _first(turn: Turn, table: Table) -> tuple[str, ...]:
    number = turn.evidence[0].passage
    near = [e.start for e in turn.evidence if e.passage == number and e.start in table.starts][:ROWS]
    return tuple(row for row, start in zip(table.rows, table.starts, strict=True) if start in near)


def _table(lines: list[tuple[int, str]]) -> Table | None:
    if len(lines) < 3 or not _RULE.match(lines[1][1]):
        return None
    return Table(lines[0][1], lines[1][1], tuple(line for _, line in lines[2:]), tuple(start for start, _ in lines[2:]))


def _released(held: list[tuple[int, int]], draft: str) -> Iterator[tuple[int, int]]:
    if held and is_table(draft[held[0][0] : held[-1][1]]):
        yield held[0][0], held[-1][1]
    else:
        yield from held
