"""`kotae insights`: what was asked, and where there was no answer."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from agent import Settings
    from agent.insights import Asked, Figures, Listed, Listing

_SHOWN: tuple[Listing, ...] = ("refused", "disliked", "repeated", "slowest")
_TITLES = {"refused": "Not answered", "disliked": "Disliked", "repeated": "Asked often", "slowest": "Slowest"}
_ROWS = 10


def insights(
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, metavar="N", help="Only the last N days, today included.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what was asked, how much of it was not answered or disliked, and how long it took."""
    terminal = Terminal()
    figures, lists = _read(load_settings(data_dir=data_dir), days)
    if as_json:
        terminal.data(_data(days, figures, lists))
        return
    if not figures.asked:
        terminal.say("Nothing was asked in this time." if days else "Nothing was asked yet.")
        return
    judged = figures.liked + figures.disliked
    terminal.say(f"{figures.asked:,} questions{f' in the last {days} days' if days else ''}", "bold")
    rows = [
        ("Not answered", _part(figures.refused, figures.asked)),
        ("Disliked", f"{_part(figures.disliked, judged)} of those that were judged"),
        ("Failed or stopped", _part(figures.failed + figures.stopped, figures.asked)),
        ("Half answered within", _seconds(figures.median)),
        ("95 % answered within", _seconds(figures.p95)),
        ("Model calls", f"{figures.calls:,} ({figures.prompt:,} tokens read, {figures.completion:,} written)"),
        ("Languages", _split(figures.languages, figures.asked)),
        ("Routes", _split(figures.routes, figures.asked)),
    ]
    terminal.table(("Figure", "Value"), rows)
    for which, found in lists.items():
        if found.rows:
            terminal.say("")
            terminal.say(f"{_TITLES[which]} ({found.total:,})", "bold")
            terminal.table(("When", "Question", "Route", "Seconds", "Times"), [_row(one) for one in found.rows])


def _read(settings: Settings, days: int | None) -> tuple[Figures, dict[Listing, Listed]]:
    """From the conversations alone: neither library nor model is opened."""
    from agent.insights import since
    from agent.threads import Threads

    async def read() -> tuple[Figures, dict[Listing, Listed]]:
        async with Threads.open(settings.data_dir / "threads.db") as threads:
            begun = since(days, time.time())
            lists: dict[Listing, Listed] = {
                which: await threads.asked.listed(which, begun, most=_ROWS) for which in _SHOWN
            }
            return await threads.asked.figures(begun), lists

    return asyncio.run(read())


def _data(days: int | None, figures: Figures, lists: dict[Listing, Listed]) -> dict[str, Any]:
    return {
        "days": days,
        "asked": figures.asked,
        "refused": figures.refused,
        "failed": figures.failed,
        "stopped": figures.stopped,
        "liked": figures.liked,
        "disliked": figures.disliked,
        "seconds": {"median": figures.median, "p95": figures.p95},
        "model": {"calls": figures.calls, "prompt": figures.prompt, "completion": figures.completion},
        "routes": dict(figures.routes),
        "languages": dict(figures.languages),
        "step": figures.step,
        "asked_by_step": [{"from": s.start, "asked": s.asked, "refused": s.refused} for s in figures.spans],
        "lists": {
            which: [
                {
                    "question": one.question,
                    "time": round(one.at, 3),
                    "thread": one.thread,
                    "exchange": one.n,
                    "route": one.route,
                    "outcome": one.outcome,
                    "seconds": round(one.seconds, 3),
                    "times": one.times,
                    "reasons": list(one.reasons),
                    "comment": one.comment,
                }
                for one in found.rows
            ]
            for which, found in lists.items()
        },
    }


def _row(one: Asked) -> tuple[str, ...]:
    moment = datetime.fromtimestamp(one.at).strftime("%Y-%m-%d %H:%M")
    return moment, one_line(one.question, 80), one.route, f"{one.seconds:.1f}", str(one.times)


def _part(n: int, of: int) -> str:
    return f"{n:,} ({n / of:.0%})" if of else f"{n:,}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _split(shares: tuple[tuple[str, int], ...], whole: int) -> str:
    return ", ".join(f"{name} {_part(n, whole)}" for name, n in shares) or "-"
