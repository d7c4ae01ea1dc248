"""`kotae keys`: what programs log in with, in the name of somebody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from ui.commands.options import AsJson, DataDir
from ui.commands.people import opened
from ui.terminal import Terminal

keys_app = typer.Typer(help="Show, create and revoke the keys of programs. Without a command: list.")


@keys_app.callback(invoke_without_command=True)
def keys(context: typer.Context) -> None:
    """Show, create and revoke the keys of programs. Without a command: list."""
    if context.invoked_subcommand is None:
        list_keys()


@keys_app.command("list")
def list_keys(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List every key: whose it is, what it is for, when it was used."""
    terminal = Terminal()
    with opened(data_dir) as (_, accounts):
        names = {person.id: person.name for person in accounts.store.all()}
        found = accounts.keys.all()
    if as_json:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "person": names.get(key.person, ""),
                "scopes": sorted(key.scopes),
                "created": round(key.created, 3),
                "used": key.used,
                "expires": key.expires,
            }
            for key in found
        ]
        terminal.data({"keys": rows})
        return
    if not found:
        terminal.say("There are no keys.")
        return
    terminal.table(
        ("Id", "Name", "Of", "For", "Last used", "Until"),
        [
            (k.id, k.name, names.get(k.person, ""), " ".join(sorted(k.scopes)), _day(k.used), _day(k.expires))
            for k in found
        ],
    )


@keys_app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is called.")],
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="In whose name it asks.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="chat, read, write or metrics; several times for several. Without: chat."),
    ] = None,
    days: Annotated[int | None, typer.Option("--days", help="How long it lasts. Without: until revoked.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Create a key and print it. It is shown this once."""
    terminal = Terminal()
    with opened(data_dir) as (_, accounts):
        who = accounts.store.named(person)
        secret = accounts.create_key(who.id, name, scope or ["chat"], days)
    terminal.out.file.write(f"{secret}\n")
    terminal.note("It is shown this once. Send it as the header Authorization: Bearer KEY.")


@keys_app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `kotae keys list` shows it.")], data_dir: DataDir = None
) -> None:
    """Revoke a key, at once and for good."""
    from agent.errors import KotaeError

    with opened(data_dir) as (_, accounts):
        if not accounts.keys.revoke(id):
            raise KotaeError(f"There is no key {id!r}; see kotae keys list.")
    Terminal().say("Revoked.")


def _day(moment: float | None) -> str:
    return "–" if moment is None else datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M")
