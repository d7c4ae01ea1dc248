"""`kotae index`, `kotae search`, `kotae library`: the documents and what retrieval sees of them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import AsJson, DataDir, load_settings, opened_library
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from tools.library import Document, IndexReport, Library, Loader, Progress

_ID_SHOWN = 8
"""So many characters of a document's id are shown, and enough to name it."""

library_app = typer.Typer(help="List, inspect and remove indexed documents.")


def index(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH…", help="Files and folders.", show_default=False)
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Index Kotae's own documentation.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Compute everything anew.")] = False,
    loader: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:CLASS", help="Read each PATH with this LangChain document loader; it may be an address."
        ),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Add files and folders to the library, or bring them up to date."""
    from tools.library import Loader, LoadError
    from ui.samples import sample_folders

    chosen = [*(paths or ()), *(sample_folders() if sample else ())]
    if not chosen and not rebuild:
        raise typer.BadParameter("give at least one file or folder, or --sample", param_hint="PATH…")
    try:
        reader = Loader(loader) if loader else None
    except LoadError as error:
        raise typer.BadParameter(str(error), param_hint="--loader") from error
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        report = index_paths(library, chosen, terminal, rebuild=rebuild, quiet=as_json, loader=reader)
    if as_json:
        terminal.data({**_plain(report), "failed": [_plain(f) for f in report.failed]})
    if report.stopped:
        raise typer.Exit(130)
    if report.failed and not (report.added or report.replaced or report.unchanged):
        raise typer.Exit(1)


def index_paths(
    library: Library,
    paths: Sequence[Path | str],
    terminal: Terminal,
    *,
    rebuild: bool = False,
    quiet: bool = False,
    loader: Loader | None = None,
) -> IndexReport:
    """Index with a progress bar; the first Ctrl-C ends after the file at hand. `quiet` prints no report."""
    with stopped_by_interrupt() as stop, terminal.bar("passages", "file") as bar:
        task = None if bar is None else bar.add_task("Indexing", total=None, passages="", file="")

        def show(progress: Progress) -> None:
            if bar is not None and task is not None:
                rate = progress.passages / progress.seconds if progress.seconds > 0.5 else 0.0
                bar.update(
                    task,
                    completed=progress.done,
                    total=progress.total or None,
                    passages=f"{progress.done}/{progress.total} files · {progress.passages} passages · {rate:.1f}/s",
                    file=_at_hand(progress),
                )

        report = library.index(paths, progress=show, stop=stop, rebuild=rebuild, loader=loader)
    if not quiet:
        _report(report, terminal)
    return report


def _at_hand(progress: Progress) -> str:
    done, total = progress.scanned
    page = f" ({done + 1}/{total})" if total > 1 else ""
    return one_line(progress.path.name, 32) + page if progress.path else ""


@contextmanager
def stopped_by_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one interrupts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    usual = signal.getsignal(signal.SIGINT)

    def interrupted(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)


def _report(report: IndexReport, terminal: Terminal) -> None:
    counts = [
        f"{count} {word}"
        for word in ("added", "replaced", "unchanged", "removed")
        if (count := getattr(report, word)) or word == "added"
    ]
    rate = f", {report.embedded / report.seconds:.1f} a second" if report.embedded and report.seconds else ""
    terminal.say(f"{', '.join(counts)} · {report.passages} passages in {report.seconds:.1f} s{rate}")
    if report.stopped:
        terminal.note("Stopped before the end; run the same command again to go on.", "yellow")
    if report.failed:
        terminal.note(f"{len(report.failed)} could not be indexed:", "yellow")
        for failure in report.failed:
            terminal.note(f"  {failure.path}: {one_line(failure.reason)}", "")


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for; - reads standard input.")],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 8,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show the passages that retrieval finds, with their scores, without asking the language model."""
    from agent.errors import QuestionError
    from ui.commands.asking import read

    query = read(text).strip()
    if not query:
        raise QuestionError("empty", "The query is empty; write what to look for.")
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        began = time.perf_counter()
        found = library.search(query, k=k)
        seconds = time.perf_counter() - began
    if as_json:
        keys = ("id", "title", "url", "page", "heading", "score", "stages", "text")
        rows = [{**{key: getattr(p, key) for key in keys}, "stages": dict(p.stages)} for p in found]
        terminal.data({"query": query, "passages": rows, "seconds": round(seconds, 4)})
        return
    terminal.passages(found)
    terminal.note(f"{len(found)} passages in {seconds * 1000:.0f} ms" if found else "Nothing found.")


@library_app.callback(invoke_without_command=True)
def library(context: typer.Context) -> None:
    """List, inspect and remove indexed documents. Without a command: list."""
    if context.invoked_subcommand is None:
        list_documents()


@library_app.command("list")
def list_documents(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the documents."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        documents = library.documents()
    if as_json:
        terminal.data([_plain(d) for d in documents])
    elif documents:
        columns = ("ID", "Title", "Passages", "Size", "Indexed", "Path")
        terminal.table(columns, [_row(d) for d in documents], right=("Passages", "Size"))
    else:
        terminal.note("The library is empty. Add documents: kotae index FOLDER, or kotae index --sample")


@library_app.command("status")
def status(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how much is indexed, where, and with what."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        values = _plain(library.status())
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
    """Remove documents from the library. The files themselves stay where they are."""
    from agent.errors import KotaeError

    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        documents = library.documents()
        chosen = [(name, _find(name, documents)) for name in names]
        for name, document in chosen:
            if document is None:
                raise KotaeError(f"There is no document {name!r} in the library; `kotae library list` shows them.")
        for _, document in chosen:
            assert document is not None
            library.remove(document.id)
            terminal.say(f"Removed {document.title} ({document.path}).")


@library_app.command("path")
def path(data_dir: DataDir = None) -> None:
    """Print the folder of the library."""
    terminal = Terminal()
    with opened_library(load_settings(data_dir=data_dir)) as library:
        terminal.say(str(library.status().folder))


def _find(name: str, documents: Sequence[Document]) -> Document | None:
    """The document with this path or id; the beginning of an id will do where it fits one document only."""
    wanted = (name, str(Path(name).expanduser().resolve()))
    exact = next((d for d in documents if d.id == name or d.path in wanted), None)
    begun = [d for d in documents if len(name) >= _ID_SHOWN and d.id.startswith(name)]
    return exact or (begun[0] if len(begun) == 1 else None)


def _row(document: Document) -> tuple[str, ...]:
    return (
        document.id[:_ID_SHOWN],
        document.title,
        str(document.passages),
        size(document.bytes),
        datetime.fromtimestamp(document.indexed_at).strftime("%Y-%m-%d %H:%M"),
        document.path,
    )


def size(count: int) -> str:
    """Bytes as a person reads them, in powers of ten as disks are sold: `1.1 GB`."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.1f} {unit}" if unit in ("MB", "GB") and value < 99.5 else f"{value:.0f} {unit}"


def _plain(record: Any) -> dict[str, Any]:
    """A record of the library as JSON types."""
    return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(record).items()}
