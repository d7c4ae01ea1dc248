"""`kotae library`: the documents that are indexed, one by one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.documents import nothing_read, progress_shown, scope_of, size, tell_report
from ui.commands.options import AsJson, DataDir, OfCollections, load_settings, opened_library, plain
from ui.terminal import Terminal

if TYPE_CHECKING:
    from tools.library import Document, IndexReport, Library

ID_SHOWN = 8
"""So many characters of a document's id are shown, and enough to name it."""

library_app = typer.Typer(help="List, inspect, keep and remove indexed documents.")


@library_app.callback(invoke_without_command=True)
def library(context: typer.Context) -> None:
    """List, inspect and remove indexed documents. Without a command: list."""
    if context.invoked_subcommand is None:
        list_documents()


@library_app.command("list")
def list_documents(collections: OfCollections = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the documents."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        documents = library.documents(scope_of(collections))
    if as_json:
        terminal.data([plain(d) for d in documents])
    elif documents:
        columns = ("ID", "Title", "Passages", "Size", "Indexed", "Collection", "State", "Path")
        terminal.table(columns, [_row(d) for d in documents], right=("Passages", "Size"))
    else:
        terminal.note("The library is empty. Add documents: kotae index FOLDER, or kotae index --sample")


@library_app.command("status")
def status(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how much is indexed, where, and with what."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        values = plain(library.status())
    if as_json:
        terminal.data(values)
        return
    values["bytes"] = size(values["bytes"])
    values["roots"] = "\n".join(values["roots"])
    terminal.table(("", ""), [(key.capitalize(), str(value)) for key, value in values.items()])


@library_app.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids or paths of documents.")],
    data_dir: DataDir = None,
) -> None:
    """Remove documents from the library. Files stay where they are, but the copy of a file that was dropped on the page
    goes with its document."""
    from ui.copies import going_along
    from ui.uploads import Uploads

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    with opened_library(settings) as library:
        for document in named(library, names):
            with going_along(library, Uploads.of(settings.data_dir), [document.path]):
                library.remove(document.id)
            terminal.say(f"Removed {document.title} ({document.path}).")


@library_app.command("reread")
def reread(
    names: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids or paths of documents.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Read documents again even if they have not changed."""
    terminal = Terminal()
    reports = []
    with opened_library(load_settings(data_dir=data_dir)) as library:
        chosen = named(library, names)
        with progress_shown(terminal) as (show, stop):
            for document in chosen:
                if not stop.is_set():
                    reports.append(library.reread(document.id, progress=show, stop=stop))
    end(terminal, reports, as_json=as_json)


@library_app.command("move")
def move(
    names: Annotated[list[str], typer.Argument(metavar="ID…", help="Ids or paths of documents.")],
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="The collection that takes them.")],
    data_dir: DataDir = None,
) -> None:
    """Move documents to another collection."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        count = library.move([document.id for document in named(library, names)], to)
    terminal.say(f"Moved {count} documents to {to}.")


@library_app.command("path")
def path(data_dir: DataDir = None) -> None:
    """Print the folder of the library."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        terminal.say(str(library.status().folder))


def named(library: Library, names: Sequence[str]) -> list[Document]:
    """The documents of these ids or paths. Raises `KotaeError` for one that is not there."""
    from agent.errors import KotaeError

    documents = library.documents()
    chosen = [(name, find(name, documents)) for name in names]
    for name, document in chosen:
        if document is None:
            raise KotaeError(f"There is no document {name!r} in the library; `kotae library list` shows them.")
    return [document for _, document in chosen if document is not None]


def end(terminal: Terminal, reports: Sequence[IndexReport], *, as_json: bool) -> None:
    """Tell what several runs did together, and end as `kotae index` does."""
    from tools.library.keeping import added

    report = reduce(added, reports) if reports else None
    if report is None:
        terminal.data({}) if as_json else terminal.say("There was nothing to do.")
        return
    if as_json:
        terminal.data({**plain(report), "failed": [plain(failure) for failure in report.failed]})
    else:
        tell_report(report, terminal)
    if report.stopped:
        raise typer.Exit(130)
    if nothing_read(report):
        raise typer.Exit(1)


def find(name: str, documents: Sequence[Document]) -> Document | None:
    """The document with this path or id; the beginning of an id will do where it fits one document only."""
    wanted = (name, str(Path(name).expanduser().resolve()), os.path.abspath(Path(name).expanduser()))
    exact = next((d for d in documents if d.id == name or d.path in wanted), None)
    begun = [d for d in documents if len(name) >= ID_SHOWN and d.id.startswith(name)]
    return exact or (begun[0] if len(begun) == 1 else None)


def _row(document: Document) -> tuple[str, ...]:
    return (
        document.id[:ID_SHOWN],
        document.title,
        str(document.passages),
        size(document.bytes),
        datetime.fromtimestamp(document.indexed_at).strftime("%Y-%m-%d %H:%M"),
        document.collection,
        document.state,
        document.path,
    )
