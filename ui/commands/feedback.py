"""`kotae feedback`: what was said of the answers, to read, and to train from."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.spreadsheet import harmless
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from agent import Feedback, Settings

feedback_app = typer.Typer(
    help="Show and export the thumbs, reasons and corrected answers that the chat was given.", no_args_is_help=True
)


class Verdict(StrEnum):
    """The thumb."""

    up = "up"
    down = "down"


class Format(StrEnum):
    """How feedback is written."""

    jsonl = "jsonl"
    csv = "csv"


OfVerdict = Annotated[Verdict | None, typer.Option("--verdict", help="Only thumbs up, or only thumbs down.")]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Only feedback given on this day or later.")
]
COLUMNS = (
    *("time", "verdict", "reasons", "route", "wanted_route", "language", "model", "question", "standalone", "answer"),
    *("refused", "corrected_answer", "comment", "sources", "thread", "id"),
)


@feedback_app.command("list")
def list_(verdict: OfVerdict = None, since: Since = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List what was said of the answers, oldest first."""
    terminal = Terminal()
    found = _found(load_settings(data_dir=data_dir), verdict, since)
    if as_json:
        terminal.data([one.as_json() for one in found])
        return
    terminal.table(
        ("given", "verdict", "reasons", "question", "right answer"),
        [
            (
                datetime.fromtimestamp(one.time).strftime("%Y-%m-%d %H:%M"),
                one.verdict,
                _reasons(one),
                one_line(one.question, 60),
                one_line(one.corrected, 60),
            )
            for one in found
        ],
    )
    ups = sum(one.verdict == "up" for one in found)
    terminal.note(f"{ups} up, {len(found) - ups} down" if found else "No feedback was given yet.")


@feedback_app.command("export")
def export(
    format: Annotated[Format, typer.Option("--format", help="JSON lines to train from, or CSV to look at.")] = (
        Format.jsonl
    ),
    verdict: OfVerdict = None,
    since: Since = None,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file instead of the screen.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write all feedback with questions, answers and sources: it holds words of your documents."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    if out is not None and out.exists() and not force:
        raise _exists(out)
    found = _found(settings, verdict, since)
    text = as_csv(found) if format is Format.csv else as_jsonl(found)
    if out is None:
        sys.stdout.write(text)
        return
    # a spreadsheet knows UTF-8 by the mark before it
    _write(out, text.encode("utf-8-sig" if format is Format.csv else "utf-8"), force=force)
    terminal.note(f"{len(found)} written to {out}.")


def as_jsonl(found: Sequence[Feedback]) -> str:
    """One JSON object on each line."""
    return "".join(json.dumps(one.as_json(), ensure_ascii=False) + "\n" for one in found)


def as_csv(found: Sequence[Feedback]) -> str:
    """A table with a head. No cell can be taken for a formula, since users and documents wrote them."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in found:
        row: dict[str, Any] = one.as_json()
        row["reasons"] = ", ".join(one.reasons)
        row["sources"] = "\n".join(f"[{s['n']}] {s['title']}: {s['quote']}" for s in row["sources"])
        writer.writerow([harmless(row[name]) for name in COLUMNS])
    return out.getvalue()


def _reasons(one: Feedback) -> str:
    named = [reason for reason in one.reasons if reason != "wrong_route"]
    return ", ".join([*named, *([f"wrong_route → {one.wanted}"] if one.wanted else [])])


def _found(settings: Settings, verdict: Verdict | None, since: datetime | None) -> list[Feedback]:
    """From the conversations alone: neither library nor model is opened."""
    from agent.threads import Threads

    async def read() -> list[Feedback]:
        async with Threads.open(settings.data_dir / "threads.db") as threads:
            earliest = since.timestamp() if since is not None else None
            return await threads.feedback.all(verdict.value if verdict is not None else None, earliest)

    return asyncio.run(read())


def _exists(out: Path) -> typer.BadParameter:
    return typer.BadParameter(f"{out} exists: choose another name, or add --force", param_hint="-o")


def _write(out: Path, data: bytes, *, force: bool) -> None:
    """All of it or nothing, and over another file only if `force` says so."""
    from agent.errors import KotaeError

    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(name, out)
            else:
                _put(Path(name), out)
        finally:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
    except FileExistsError as error:
        raise _exists(out) from error
    except OSError as error:
        raise KotaeError(f"{out} cannot be written ({error.strerror}): check the folder and its space.") from error


def _put(made: Path, out: Path) -> None:
    """Give `made` the name `out`, unless a file of that name has come in the meantime."""
    try:
        os.link(made, out)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if out.exists():
            raise FileExistsError from None
        os.replace(made, out)
