"""`kotae specialist promote`, `rollback`, `retire`, `export`, `import`, `remove`: what is in use, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.documents import size
from ui.commands.options import DataDir, load_settings
from ui.commands.specialist import Name, OfVersion, registry_of, run
from ui.commands.specialist_trying import specialist_app as specialist_app
from ui.terminal import Terminal

if TYPE_CHECKING:
    from agent.specialists.study import Specialists
    from tools.specialist.versions import Version


@specialist_app.command("promote")
def promote(name: Name, version: OfVersion = None, data_dir: DataDir = None) -> None:
    """Put a version into use, the latest if none is named. Only one that passed its examination can be."""
    terminal = Terminal()

    async def put(specialists: Specialists) -> Version:
        return specialists.promote(name, version)

    put_in = run(load_settings(data_dir=data_dir), put)
    terminal.say(f"{name}, version {put_in.number}, is in use from now on: kotae specialist rollback {name} undoes it.")


@specialist_app.command("rollback")
def rollback(name: Name, data_dir: DataDir = None) -> None:
    """Go back to the version that was in use before."""
    terminal = Terminal()
    registry = registry_of(load_settings(data_dir=data_dir))
    now = registry.rollback(name).promoted
    terminal.say(f"{name}, version {now}, is in use again." if now is not None else f"{name} is not in use any more.")


@specialist_app.command("retire")
def retire(name: Name, data_dir: DataDir = None) -> None:
    """Take a specialist out of use. Its versions stay."""
    terminal = Terminal()
    registry_of(load_settings(data_dir=data_dir)).retire(name)
    terminal.say(f"{name} is not in use any more: kotae specialist promote {name} puts it back.")


@specialist_app.command("export")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write, such as banking.zip.")],
    with_data: Annotated[
        bool, typer.Option("--with-data", help="With the examples that it was trained and is examined on.")
    ] = False,
    version: OfVersion = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write a specialist into one file: card, adapter and figures."""
    terminal = Terminal()
    if file.exists() and not force:
        raise typer.BadParameter(f"{file} exists: choose another name, or add --force", param_hint="FILE")
    registry_of(load_settings(data_dir=data_dir)).export(name, version, file, data=with_data)
    terminal.say(f"{name} is in {file} ({size(file.stat().st_size)}){'' if with_data else ', without its examples'}.")


@specialist_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `kotae specialist export` wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Take in a specialist from a file. It is not in use before it is promoted."""
    terminal = Terminal()
    taken = registry_of(load_settings(data_dir=data_dir)).take_in(file)
    terminal.say(f"Took in {taken.card.name}, version {taken.number}.")


@specialist_app.command("remove")
def remove(
    name: Name,
    version: Annotated[int | None, typer.Option("--version", metavar="N", min=1, help="Only this version.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a specialist with its adapters and its examples, or one version of it."""
    terminal = Terminal()
    registry = registry_of(load_settings(data_dir=data_dir))
    registry.get(name)
    what = name if version is None else f"version {version} of {name}"
    if not yes and terminal.interactive:
        typer.confirm(f"Delete {what} with its examples?", abort=True, err=True)
    registry.remove(name, version)
    terminal.say(f"Removed {what}.")
