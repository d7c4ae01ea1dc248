"""`kotae index` and `kotae search`: documents in, passages out."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

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
    from tools.library import DocumentType, IndexReport, Library, Loader, Progress, Scope


def index(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Files, folders and addresses of web pages.", show_default=False),
    ] = None,
    collection: InCollection = DEFAULT_COLLECTION,
    owner: Annotated[str | None, typer.Option("--owner", metavar="NAME", help="Whose documents these are.")] = None,
    every: Every = None,
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
    """Add files, folders and web pages to the library, or bring them up to date."""
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
        report = index_paths(
            library,
            chosen,
            terminal,
            collection=collection,
            owner=owner,
            every=interval(every),
            rebuild=rebuild,
            quiet=as_json,
            loader=reader,
        )
    if as_json:
        terminal.data({**plain(report), "failed": [plain(f) for f in report.failed]})
    if report.stopped:
        raise typer.Exit(130)
    if nothing_read(report):
        raise typer.Exit(1)


def index_paths(
    library: Library,
    paths: Sequence[Path | str],
    terminal: Terminal,
    *,
    collection: str = DEFAULT_COLLECTION,
    owner: str | None = None,
    every: float | None = None,
    rebuild: bool = False,
    quiet: bool = False,
    loader: Loader | None = None,
) -> IndexReport:
    """Index with a progress bar; the first Ctrl-C ends after the file at hand. `quiet` prints no report."""
    with progress_shown(terminal) as (show, stop):
        report = library.index(
            paths,
            collection=collection,
            owner=owner,
            every=every,
            progress=show,
            stop=stop,
            rebuild=rebuild,
            loader=loader,
        )
    if not quiet:
        tell_report(report, terminal)
    return report


@contextmanager
def progress_shown(terminal: Terminal) -> Iterator[tuple[Callable[[Progress], None], threading.Event]]:
    """What a run is given: something that draws its progress, and an event that the first Ctrl-C sets."""
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
                    file=at_hand(progress),
                )

        yield show, stop


def at_hand(progress: Progress) -> str:
    done, total = progress.scanned
    page = f" ({done + 1}/{total})" if total > 1 else ""
    return one_line(progress.name, 32) + page if progress.path else ""


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


def tell_report(report: IndexReport, terminal: Terminal) -> None:
    counts = [
        f"{count} {word}"
        for word in ("added", "replaced", "unchanged", "removed")
        if (count := getattr(report, word)) or word == "added"
    ]
    rate = f", {report.embedded / report.seconds:.1f} a second" if report.embedded and report.seconds else ""
    terminal.say(f"{', '.join(counts)} · {report.passages} passages in {report.seconds:.1f} s{rate}")
    if report.stopped:
        terminal.note("Stopped before the end; run the same command again to go on.", "yellow")
    partial = [failure for failure in report.failed if failure.partial]
    failed = [failure for failure in report.failed if not failure.partial]
    were = "was" if len(partial) == 1 else "were"
    for failures, what in ((partial, f"{were} read in part; what is missing"), (failed, "could not be indexed")):
        if failures:
            terminal.note(f"{len(failures)} {what}:", "yellow")
        for failure in failures:
            terminal.note(f"  {failure.path}: {one_line(failure.reason)}", "")


def nothing_read(report: IndexReport) -> bool:
    """Whether a run failed as a whole, which its exit code tells; what was read in part is no failure."""
    failed = any(not failure.partial for failure in report.failed)
    return failed and not (report.added or report.replaced or report.unchanged)


def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for; - reads standard input.")],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many passages.")] = 8,
    collections: OfCollections = None,
    types: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="Only documents of this type, such as pdf.")
    ] = None,
    owners: Annotated[
        list[str] | None, typer.Option("--owner", metavar="NAME", help="Only documents of this owner.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only documents changed on this day or later.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only documents changed on this day or earlier.")
    ] = None,
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
    scope = scope_of(collections, types, owners, since, until)
    with opened_library(load_settings(data_dir=data_dir)) as library:
        began = time.perf_counter()
        found = library.search(query, k=k, scope=scope)
        seconds = time.perf_counter() - began
    if as_json:
        keys = ("id", "title", "url", "page", "heading", "score", "stages", "text", "copies")
        rows = [{**{key: getattr(p, key) for key in keys}, "stages": dict(p.stages)} for p in found]
        terminal.data({"query": query, "passages": rows, "seconds": round(seconds, 4)})
        return
    terminal.passages(found)
    terminal.note(f"{len(found)} passages in {seconds * 1000:.0f} ms" if found else "Nothing found.")


def size(count: int) -> str:
    """Bytes as a person reads them, in powers of ten as disks are sold: `1.1 GB`."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.1f} {unit}" if unit in ("MB", "GB") and value < 99.5 else f"{value:.0f} {unit}"


def scope_of(
    collections: Sequence[str] | None,
    types: Sequence[str] | None = None,
    owners: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Scope:
    """The scope that options of a command name; without any, everything."""
    from tools.library import DocumentType, Scope

    known = get_args(DocumentType)
    if unknown := [name for name in types or () if name not in known]:
        raise typer.BadParameter(f"there is no type {unknown[0]!r}; there are {', '.join(known)}", param_hint="--type")
    return Scope(
        collections=frozenset(collections) if collections else None,
        types=frozenset(cast("Sequence[DocumentType]", types)) if types else None,
        owners=frozenset(owners) if owners else None,
        since=since.timestamp() if since else None,
        until=(until + timedelta(days=1)).timestamp() if until else None,
    )
