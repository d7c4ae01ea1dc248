"""`kotae people`: who may log in, with which role, and what of the library they may read."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from agent import Settings
    from ui.people.accounts import Accounts
    from ui.people.roles import Person
    from ui.people.store import Reading

people_app = typer.Typer(help="Show, add, change and remove the people who log in. Without a command: list.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name they log in with.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@people_app.callback(invoke_without_command=True)
def people(context: typer.Context) -> None:
    """Show, add, change and remove the people who log in. Without a command: list."""
    if context.invoked_subcommand is None:
        list_people()


@people_app.command("list")
def list_people(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List everybody: name, role, and what they may read."""
    terminal = Terminal()
    with opened(data_dir) as (settings, accounts):
        everybody = accounts.store.all()
        if as_json:
            rows = [
                {
                    "name": one.name,
                    "role": one.role,
                    "collections": None if _all(one) else sorted(one.collections or ()),
                    "exception": one.exception,
                    "created": round(one.created, 3),
                    "must_change_password": one.must_change,
                }
                for one in everybody
            ]
            terminal.data({"accounts": settings.accounts, "people": rows})
            return
        if everybody:
            terminal.table(("Name", "Role", "Reads"), [(one.name, one.role, _reads(one)) for one in everybody])
        else:
            terminal.say("There is nobody yet: kotae people add NAME --role owner")
        if settings.accounts == "off":
            terminal.note("Nobody has to log in: kotae settings set accounts on")


@people_app.command("add")
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="reader, editor or owner.")] = "reader",
    password_stdin: FromStdin = False,
    data_dir: DataDir = None,
) -> None:
    """Add somebody. The password is asked for twice, and not shown."""
    from ui.people.passwords import check
    from ui.people.store import checked, role_of

    with opened(data_dir) as (settings, accounts):
        chosen = role_of(role)
        password = _password(stdin=password_stdin)
        check(password, checked(name))
        person, _ = asyncio.run(accounts.add(name, chosen, password))
    terminal = Terminal()
    terminal.say(f"{person.name} can log in as {person.role}.")
    if settings.accounts == "off":
        terminal.note("Nobody has to log in yet: kotae settings set accounts on, then start kotae serve again.")


@people_app.command("role")
def change_role(name: Name, role: Annotated[str, typer.Argument(metavar="ROLE")], data_dir: DataDir = None) -> None:
    """Make somebody a reader, an editor or an owner."""
    from ui.people.store import role_of

    with opened(data_dir) as (_, accounts):
        person = accounts.store.named(name)
        accounts.store.set_role(person.id, role_of(role))
        Terminal().say(f"{person.name} is {role} now.")


@people_app.command("collections")
def collections(
    who: Annotated[list[str], typer.Argument(metavar="[NAME] COLLECTIONS", help="a,b or all, and role for a person.")],
    role: Annotated[str, typer.Option("--role", help="Say it for everybody of this role.")] = "",
    data_dir: DataDir = None,
) -> None:
    """Say which collections a person or a role may read: names with commas between them, or all.

    For a person `role` takes back what was said for them alone."""
    from ui.people.store import role_of

    if len(who) != (1 if role else 2):
        raise typer.BadParameter("give NAME COLLECTIONS, or --role ROLE COLLECTIONS", param_hint="COLLECTIONS")
    with opened(data_dir) as (settings, accounts):
        said = who[-1]
        reads: Reading = "all" if said == "all" else frozenset(part.strip() for part in said.split(",") if part.strip())
        terminal = Terminal()
        if role:
            accounts.store.set_role_collections(role_of(role), reads)
            terminal.say(f"Everybody who is {role} reads {said}, unless something else was said for them.")
        else:
            person = accounts.store.named(who[0])
            accounts.store.set_collections(person.id, None if said == "role" else reads)
            terminal.say(f"{person.name} reads {_reads(accounts.store.get(person.id))}.")
        if reads != "all" and said != "role" and (unknown := sorted(reads - _known(settings))):
            terminal.note(f"There is no such collection yet: {', '.join(unknown)}")


@people_app.command("password")
def password(name: Name, password_stdin: FromStdin = False, data_dir: DataDir = None) -> None:
    """Give somebody another password. They are logged out everywhere."""
    with opened(data_dir) as (_, accounts):
        person = accounts.store.named(name)
        asyncio.run(accounts.set_password(person.id, _password(stdin=password_stdin)))
        Terminal().say(f"{person.name} has a new password, and is logged out everywhere.")


@people_app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Remove somebody with all conversations, sessions and keys."""
    from ui.people.watch import SETTLED

    with opened(data_dir) as (settings, accounts):
        person = accounts.store.expect_removable(accounts.store.named(name).id)
        if not yes:
            typer.confirm(f"Remove {person.name} with all conversations, sessions and keys?", abort=True)
        sessions, keys = len(accounts.sessions.of(person.id)), len(accounts.keys.of(person.id))
        accounts.store.shut_out(person.id)
        if settings.accounts == "on":
            time.sleep(SETTLED)  # a server that runs beside stops what is theirs; it would begin conversations anew
        count = asyncio.run(_forget(settings, person))
        accounts.store.remove(person.id)
    Terminal().say(f"{person.name} is removed, with {_n(count, 'conversation')}, {_n(sessions, 'session')} and "
                   f"{_n(keys, 'key')}.")  # fmt: skip


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Settings, Accounts]]:
    """The settings of this command and its accounts."""
    from ui.people.accounts import Accounts

    settings = load_settings(data_dir=data_dir)
    accounts = Accounts(settings)
    try:
        yield settings, accounts
    finally:
        accounts.close()


async def _forget(settings: Settings, person: Person) -> int:
    from agent import Agent

    async with Agent.open(settings) as agent:
        return await agent.acting_for(person.as_asker()).leave()


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more"))


def _known(settings: Settings) -> set[str]:
    from ui.commands.options import opened_library

    with opened_library(settings) as library:
        return {one.name for one in library.collections()}


def _all(person: Person) -> bool:
    return person.role != "reader" or person.collections is None


def _reads(person: Person) -> str:
    return "all" if _all(person) else ", ".join(sorted(person.collections or ())) or "nothing"


def _n(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
