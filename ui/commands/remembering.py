"""`kotae memory`: what Kotae keeps about its user. Off until switched on; all of it is listed and deleted here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from agent.about_user import AboutUser

memory_app = typer.Typer(help="Show, switch and delete what Kotae keeps about you. Without a command: list.")


@memory_app.callback(invoke_without_command=True)
def memory(context: typer.Context) -> None:
    """Show, switch and delete what Kotae keeps about you. Without a command: list."""
    if context.invoked_subcommand is None:
        list_facts()


@memory_app.command("list")
def list_facts(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List what is kept: what you said, when, and in which conversation."""
    terminal = Terminal()
    about = _about(data_dir)
    facts = about.facts()
    if as_json:
        listed = [
            {"n": n, "text": f.text, "kind": f.kind, "told": round(f.told_at, 3), "thread": f.thread}
            for n, f in enumerate(facts, 1)
        ]
        terminal.data({"on": about.on, "facts": listed})
        return
    if facts:
        rows = [(str(n), f.text, _day(f.told_at), f.thread) for n, f in enumerate(facts, 1)]
        terminal.table(("N", "You said", "On", "Conversation"), rows, right=("N",))
    else:
        terminal.say("Nothing is kept about you.")
    terminal.note(
        "It is on: kotae memory off ends it." if about.on else "It is off and not used: kotae memory on begins it."
    )


@memory_app.command("on")
def on(data_dir: DataDir = None) -> None:
    """Keep from now on what you tell about yourself."""
    _about(data_dir).switch(True)
    Terminal().say("On: what you tell about yourself is kept from now on. kotae memory list shows it.")


@memory_app.command("off")
def off(data_dir: DataDir = None) -> None:
    """Keep nothing more, and use nothing of what is kept."""
    about = _about(data_dir)
    about.switch(False)
    terminal = Terminal()
    terminal.say("Off: nothing is kept or used.")
    if n := len(about.facts()):
        terminal.note(f"{n} {'is' if n == 1 else 'are'} still stored: kotae memory forget --all deletes them.")


@memory_app.command("forget")
def forget(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="N…", help="As `kotae memory list` counts.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete everything that is kept.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete some of what is kept, or all of it."""
    terminal = Terminal()
    about = _about(data_dir)
    if everything == bool(numbers):
        raise typer.BadParameter("give the numbers of kotae memory list, or --all", param_hint="N…")
    facts = about.facts()
    if unknown := [n for n in numbers or () if not 1 <= n <= len(facts)]:
        raise typer.BadParameter(f"there is no number {unknown[0]}; see kotae memory list", param_hint="N…")
    gone = about.forget_all() if everything else about.forget([facts[n - 1].id for n in numbers or ()])
    terminal.say(f"Forgotten: {gone}.")


def _about(data_dir: Path | None) -> AboutUser:
    from agent.about_user import AboutUser

    return AboutUser(load_settings(data_dir=data_dir).data_dir)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")
