"""`kotae watch` and the part of `kotae library` that keeps it well: collections, failures, sources, archives."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ui.commands.documents import index_paths, progress_shown, scope_of, size, stopped_by_interrupt
from ui.commands.library import end, library_app
from ui.commands.options import (
    DEFAULT_COLLECTION,
    AsJson,
    DataDir,
    Every,
    InCollection,
    OfCollections,
    interval,
    load_settings,
    opened_library,
    plain,
)
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from tools.library import Change, Library, Source, Transfer

_MARKS = {"added": "+", "replaced": "~", "removed": "-", "gone": "-", "partial": "%", "failed": "!"}
_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a collection.")]


def watch(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Files, folders and addresses to watch from now on.", show_default=False),
    ] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    every: Every = None,
    forget: Annotated[bool, typer.Option("--forget", help="Watch these paths no longer, and end.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Keep folders and web pages current until Ctrl-C; without PATH, those that are watched already."""
    terminal = Terminal()
    seconds = interval(every)
    with opened_library(load_settings(data_dir=data_dir)) as library:
        if forget:
            terminal.say(f"{library.unwatch(paths or ())} of them were watched and are no longer.")
            return
        if paths:
            library.watch(paths, collection=collection, every=seconds)
        watched = library.watched()
        if not watched:
            raise typer.BadParameter("nothing is watched yet: give a folder, a file or an address", param_hint="PATH…")
        with stopped_by_interrupt() as stop:
            _follow(library, watched, stop, terminal)


def _follow(library: Library, watched: list[Source], stop: threading.Event, terminal: Terminal) -> None:
    from tools.library import Watcher

    def tell(change: Change) -> None:
        moment = datetime.now().strftime("%H:%M:%S")
        reason = f": {one_line(change.reason)}" if change.reason else ""
        terminal.say(f"{moment} {_MARKS[change.kind]} {change.path}{reason}")

    for source in watched:
        terminal.note(f"Watching {source.path} ({source.collection})")
    watcher = Watcher(library, changed=tell)
    watcher.start()
    said = ""
    while not stop.wait(0.5):
        status = watcher.status()
        error = "Another process watches this library; this one waits." if status.state == "elsewhere" else status.error
        if error and error != said:
            terminal.note(one_line(error), "yellow")
        said = error
    watcher.stop(None)


@library_app.command("sources")
def sources(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the files, folders and pages that were indexed, and which of them are watched."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        found = library.sources()
    if as_json:
        terminal.data([plain(source) for source in found])
        return
    rows = [(s.path, s.collection, s.kind, _watching(s), _moment(s.checked_at)) for s in found]
    terminal.table(("Path", "Collection", "Kind", "Watched", "Checked"), rows)


@library_app.command("failures")
def failures(collections: OfCollections = None, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List what could not be indexed, or only in part, and why."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        found = library.failures(scope_of(collections))
    if as_json:
        terminal.data([plain(failure) for failure in found])
    elif found:
        rows = [
            (f.path, f.collection, "in part" if f.partial else "no", str(f.tries), _moment(f.failed_at), f.reason)
            for f in found
        ]
        terminal.table(("Path", "Collection", "Read", "Tries", "Last", "Reason"), rows, right=("Tries",))
    else:
        terminal.note("Nothing failed.")


@library_app.command("retry")
def retry(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH…", help="Only these; without any, all.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Index again what failed."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library, progress_shown(terminal) as (show, stop):
        report = library.retry(paths, progress=show, stop=stop)
    end(terminal, [report], as_json=as_json)


@library_app.command("collections")
def collections(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the collections."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        found = library.collections()
    if as_json:
        terminal.data([plain(one) for one in found])
        return
    rows = [(c.name, str(c.documents), str(c.passages), c.web, _moment(c.created_at)) for c in found]
    terminal.table(("Name", "Documents", "Passages", "Web", "Made"), rows, right=("Documents", "Passages"))


@library_app.command("create")
def create(name: _Name, data_dir: DataDir = None) -> None:
    """Make an empty collection."""
    with opened_library(load_settings(data_dir=data_dir)) as library:
        library.create_collection(name)
    Terminal().say(f"Made the collection {name}.")


@library_app.command("rename")
def rename(
    name: _Name, new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")], data_dir: DataDir = None
) -> None:
    """Rename a collection."""
    with opened_library(load_settings(data_dir=data_dir)) as library:
        library.rename_collection(name, new)
    Terminal().say(f"The collection {name} is now {new}.")


@library_app.command("web")
def web(
    name: _Name,
    may: Annotated[
        str, typer.Argument(metavar="on|ask|off", help="Search freely, ask each time, or never.", show_default=False)
    ],
    data_dir: DataDir = None,
) -> None:
    """Say whether questions that a collection may answer can go to a web search."""
    from agent.errors import SettingsError
    from tools.base import Consent

    said = next((one for one in get_args(Consent) if one == may), None)
    if said is None:
        raise SettingsError(f"{may!r} is none of on, ask and off: choose one of them.")
    with opened_library(load_settings(data_dir=data_dir)) as library:
        library.set_web(name, said)
    Terminal().say(f"Web search for questions over {name}: {said}.")


@library_app.command("delete")
def delete(
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Delete a collection with its documents. Files stay where they are, but the copies of files that were dropped on
    the page go with their documents."""
    from tools.library import Scope
    from ui.copies import going_along
    from ui.uploads import Uploads

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    if not yes and terminal.interactive:
        typer.confirm(f"Delete the collection {name} with all its documents?", abort=True, err=True)
    with opened_library(settings) as library:
        scope = Scope.of(name)
        held = [d.path for d in library.documents(scope)] + [f.path for f in library.failures(scope)]
        with going_along(library, Uploads.of(settings.data_dir), held):
            count = library.delete_collection(name)
    terminal.say(f"Deleted {name} with {count} documents.")


@library_app.command("verify")
def verify(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Read all of the library and say what is wrong with it."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        problems = library.verify()
    if as_json:
        terminal.data({"ok": not problems, "problems": [plain(problem) for problem in problems]})
    elif not problems:
        terminal.say("The library is sound.", "bold")
    for problem in () if as_json else problems:
        terminal.say(f"✗ {problem.finding}", "bold red")
        terminal.say(f"  → {problem.remedy}")
    if problems:
        raise typer.Exit(1)


@library_app.command("rebuild")
def rebuild(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Cut and embed all documents anew from their stored texts; the files are not needed."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        report = index_paths(library, [], terminal, rebuild=True, quiet=True)
    end(terminal, [report], as_json=as_json)


@library_app.command("export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The archive to write.")],
    collections: OfCollections = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Write the library, or some collections, into one file with texts and vectors."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        _transferred(library.export(file.expanduser(), scope_of(collections)), "Wrote", file, terminal, as_json)


@library_app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `export` wrote.")],
    collection: Annotated[
        str | None, typer.Option("--collection", metavar="NAME", help="Put all of it into this collection.")
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Take in an archive, all of it or nothing."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library, progress_shown(terminal) as (show, stop):
        transfer = library.import_(file.expanduser(), collection=collection, progress=show, stop=stop)
    if transfer is None:
        terminal.note("Stopped; nothing was imported.", "yellow")
        raise typer.Exit(130)
    _transferred(transfer, "Took in", file, terminal, as_json)


def _transferred(transfer: Transfer, did: str, file: Path, terminal: Terminal, as_json: bool) -> None:
    if as_json:
        terminal.data(plain(transfer))
        return
    anew = f", {transfer.embedded} embedded anew" if transfer.embedded else ""
    terminal.say(
        f"{did} {transfer.documents} documents with {transfer.passages} passages{anew} "
        f"({', '.join(transfer.collections)}) · {file}, {size(transfer.bytes)}"
    )


def _watching(source: Source) -> str:
    if not source.watched:
        return "no"
    if source.every is None:
        return "yes"
    minutes = round(source.every / 60)
    return f"every {minutes // 60} h" if minutes % 60 == 0 else f"every {minutes} min"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds else "never"
