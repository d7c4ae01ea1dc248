"""`kotae serve`, `kotae graph`, `kotae doctor`, `kotae settings`: running it and keeping it well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, DataDir, Model, load_settings
from ui.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

settings_app = typer.Typer(help="Show and change the settings.")


def serve(
    host: Annotated[str | None, typer.Option("--host", help="The address to listen on; with accounts any.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes any free port.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
    model: Model = None,
    data_dir: DataDir = None,
) -> None:
    """Open the chat in the browser, until Ctrl-C."""
    from ui.commands.asking import offer_sample
    from ui.serve import serve as serve_until_stopped

    terminal = Terminal()
    settings = load_settings(host=host, port=port, model=model, data_dir=data_dir)
    offer_sample(settings, terminal)

    def ready(url: str) -> None:
        terminal.say(f"Kotae answers at {url}  (Ctrl-C ends it)", "bold")

    serve_until_stopped(settings, open_browser=not no_browser, ready=ready)


def graph() -> None:
    """Print the state machine as a Mermaid diagram."""
    from agent import Agent

    terminal = Terminal()
    terminal.out.file.write(Agent.diagram().rstrip("\n") + "\n")


def doctor(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Check the installation and say what to do about each problem."""
    from agent.doctor import examine

    terminal = Terminal()
    checks = examine(load_settings(data_dir=data_dir))
    failed = [check for check in checks if check.ok is False]
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "finding": c.finding, "remedy": c.remedy} for c in checks]
        terminal.data({"ok": not failed, "checks": rows})
    else:
        for check in checks:
            mark, style = {True: ("✓", "green"), False: ("✗", "bold red"), None: ("–", "yellow")}[check.ok]
            terminal.say(f"{mark} {check.name}: {check.finding}", style)
            if check.remedy and not check.ok:
                terminal.say(f"  → {check.remedy}")
        terminal.say(f"{len(failed)} of {len(checks)} checks failed." if failed else "All is well.", "bold")
    if failed:
        raise typer.Exit(1)


@settings_app.callback(invoke_without_command=True)
def settings(context: typer.Context) -> None:
    """Show and change the settings. Without a command: list."""
    if context.invoked_subcommand is None:
        list_settings()


@settings_app.command("list")
def list_settings(as_json: AsJson = False) -> None:
    """List every setting, its value, and where the value comes from."""
    from agent.settings import origins

    terminal = Terminal()
    current, where = load_settings(), origins()
    values = {key: _shown(getattr(current, key)) for key in type(current).model_fields}
    if as_json:
        terminal.data({key: {"value": value, "from": where[key]} for key, value in values.items()})
        return
    rows = [(key, "" if value is None else str(value), where[key]) for key, value in values.items()]
    terminal.table(("Setting", "Value", "From"), rows)


@settings_app.command("set")
def set_setting(key: str, value: str) -> None:
    """Write one setting into the settings file."""
    from agent.settings import SECRETS

    terminal, path = Terminal(), store(key, value)
    terminal.say(f"{key} is now in {path}." if key in SECRETS else f"{key} = {value} is now in {path}.")


def store(key: str, value: str) -> Path:
    """Write one setting into the settings file if it fits; otherwise raise `SettingsError` and leave the file."""
    from agent.settings import Settings

    Settings.load(**{key: value})
    return Settings.store(key, value)


def _shown(value: object) -> object:
    """A value as JSON; a secret shows only that it is there (pydantic's own stars)."""
    if value is None or isinstance(value, int | float | str):
        return value
    return list(value) if isinstance(value, tuple) else str(value)
