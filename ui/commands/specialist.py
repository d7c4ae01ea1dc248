"""`kotae specialist`: small models for one task, trained here, examined, and put into use once they are proven."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ui.commands.documents import stopped_by_interrupt
from ui.commands.options import AsJson, DataDir, load_settings
from ui.commands.specialist_report import figures, report, summary
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from threading import Event

    from agent import Settings
    from agent.specialists.study import Specialists
    from agent.specialists.workplace import Step
    from tools.specialist.registry import Registry
    from tools.specialist.versions import Specialist, Version

T = TypeVar("T")

specialist_app = typer.Typer(
    help="Train specialists on examples of your own, examine them, and put them into use.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The specialist.", show_default=False)]
OfVersion = Annotated[
    int | None, typer.Option("--version", metavar="N", min=1, help="This version instead of the one in use.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Ask so many held-out examples; without it 100, fewer if long.")
]
_EVERY = 30.0
"""Seconds between two lines about the same step where no bar can be drawn."""
_STEPS = {
    "reading": "Reading the examples",
    "loading": "Loading the base model",
    "training": "Training",
    "writing": "Writing the adapter",
    "comparing": "Comparing the examples",
    "base": "Examining the base model",
    "examples": "Examining the base model with examples and retrieval",
    "specialist": "Examining the specialist",
    "general": "Asking general questions",
}


@specialist_app.command("list")
def list_(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the specialists, and which version of each is in use."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    found, stale = run(settings, _listed)
    if as_json:
        terminal.data([row(one, stale.get(one.name)) for one in found])
        return
    if not found:
        terminal.note("There is no specialist yet: kotae specialist train NAME --data FILE trains one.")
        return
    rows = []
    for one in found:
        version = _shown(one)
        score, margin = summary(version.evaluation)
        used = "" if one.promoted is None else str(one.promoted)
        rows.append(
            (one.name, used, str(len(one.versions)), _base(version), score, margin, version.card.description[0])
        )
    columns = ("Name", "In use", "Versions", "Base", "Score", "Over base", "For")
    terminal.table(columns, rows, right=("In use", "Versions", "Score", "Over base"))
    for name, command in stale.items():
        terminal.note(f"The base model of {name} was replaced, so it is not used; train it anew: {command}", "yellow")


@specialist_app.command("show")
def show(name: Name, version: OfVersion = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show a specialist: its card, its versions, and what its examination found."""
    terminal = Terminal()
    registry = registry_of(load_settings(data_dir=data_dir))
    one, shown = registry.get(name), registry.version(name, version)
    if as_json:
        card = shown.card.model_dump(mode="json", by_alias=True)
        terminal.data({**row(one, None), "version": shown.number, "card": card, "figures": figures(shown.evaluation)})
        return
    terminal.say(f"{one.name}, version {shown.number}{' (in use)' if shown.number == one.promoted else ''}", "bold")
    terminal.table(("", ""), _facts(shown))
    if shown.evaluation is not None:
        report(terminal, shown.evaluation)
    else:
        terminal.note(f"Not examined yet: kotae specialist evaluate {name} --version {shown.number}", "yellow")
    if len(one.versions) > 1:
        terminal.table(
            ("Version", "Date", "Method", "Examples", "Score", "Over base", ""),
            [_version_row(one, version) for version in one.versions],
            right=("Version", "Examples", "Score", "Over base"),
        )


def run(settings: Settings, work: Callable[[Specialists], Awaitable[T]], terminal: Terminal | None = None) -> T:
    """Do something with the specialists. What was stopped is told, and ends with 130."""

    async def opened() -> T:
        from agent.specialists.study import Specialists

        async with Specialists.open(settings) as specialists:
            return await work(specialists)

    from tools.specialist.errors import SpecialistError

    try:
        return asyncio.run(opened())
    except SpecialistError as error:
        if error.reason != "stopped" or terminal is None:
            raise
        terminal.note(str(error), "yellow")
        raise typer.Exit(130) from error


def registry_of(settings: Settings) -> Registry:
    """The specialists on disk; no model is loaded."""
    from agent.specialists.study import FOLDER
    from tools.specialist.registry import Registry

    return Registry(settings.data_dir / FOLDER)


@contextmanager
def progress_shown(terminal: Terminal) -> Iterator[tuple[Callable[[Step], None], Event]]:
    """What a long run is given: something that draws its steps, and an event that the first Ctrl-C sets."""
    with stopped_by_interrupt() as stop, terminal.bar("note") as bar:
        task = None if bar is None else bar.add_task("", total=None, note="")
        before, told = "", 0.0

        def show(step: Step) -> None:
            nonlocal before, told
            name = _STEPS[step.what]
            if bar is not None and task is not None:
                if name != before:
                    bar.reset(task)
                note = _note(step)
                bar.update(task, description=name, completed=step.done, total=step.total or None, note=note)
            elif name != before or time.monotonic() - told > _EVERY:
                terminal.note(" · ".join(filter(None, (f"{name} …", _note(step)))))
                told = time.monotonic()
            before = name

        yield show, stop


def _note(step: Step) -> str:
    """What stands behind the bar."""
    parts = [f"{step.done}/{step.total}"] if step.total else []
    if (told := step.training) is not None:
        held_out = f" (held out {told.validation:.3f})" if told.validation is not None else ""
        parts += [f"loss {told.loss:.3f}{held_out}", f"{told.tokens_per_second:,.0f} tokens/s"]
    if step.seconds_left is not None:
        parts.append(f"{_duration(step.seconds_left)} left")
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


async def _listed(specialists: Specialists) -> tuple[Sequence[Specialist], dict[str, str]]:
    return specialists.all(), {one.name: one.command for one in specialists.stale()}


def row(one: Specialist, stale: str | None) -> dict[str, Any]:
    """A specialist as `list --json` tells it: with the figures of the version in use, or of the latest."""
    version = _shown(one)
    card = version.card
    return {
        "name": one.name,
        "promoted": one.promoted,
        "base": {"name": card.base.name, "sha256": card.base.sha256} if card.base is not None else None,
        "figures": figures(version.evaluation),
        "version": version.number,
        "versions": [v.number for v in one.versions],
        "description": list(card.description),
        "use": card.use,
        "method": card.training.method,
        "date": card.date,
        "retrain": stale,
    }


def _shown(one: Specialist) -> Version:
    """What stands for it: the version in use, or else the latest."""
    return one.current or one.latest


def _base(version: Version) -> str:
    card = version.card
    return card.base.name or card.base.sha256[:12] if card.base is not None else card.remote.url if card.remote else ""


def _facts(version: Version) -> list[tuple[str, str]]:
    card, data = version.card, version.card.data
    base = f"{card.base.name} ({card.base.sha256[:12]}…)" if card.base is not None else ""
    learned = f"{card.figures['seconds'] / 60:.1f} minutes" if "seconds" in card.figures else ""
    facts = {
        "For": " / ".join(card.description),
        "Base": base,
        "Server": f"{card.remote.url} ({card.remote.model})" if card.remote is not None else "",
        "Method": card.training.method.replace("_", "-"),
        "Continued from": f"version {card.continued_from}" if card.continued_from else "",
        "Trained": ", ".join(filter(None, (card.date, learned))),
        "Examples": f"{data.training} learned, {data.validation} to stop by, {data.test} held out",
        "From": ", ".join(data.sources),
        "Licence": data.licence,
        "Prompt": one_line(card.prompt, 200),
        "Answers": one_line(", ".join(card.answers), 200),
        "Folder": str(version.folder),
    }
    return [(name, value) for name, value in facts.items() if value]


def _version_row(one: Specialist, version: Version) -> tuple[str, ...]:
    card = version.card
    score, margin = summary(version.evaluation)
    used = "in use" if version.number == one.promoted else ""
    return (
        str(version.number),
        card.date,
        card.training.method.replace("_", "-"),
        str(card.data.training),
        score,
        margin,
        used,
    )
