"""`kotae converse`: scripted conversations, expected and actual."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import AsJson, DataDir, Model, load_settings
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from agent import Settings
    from ui.conversing.results import ConversationResult, Difference, TurnResult
    from ui.conversing.script import AnyScript
    from ui.conversing.targets import Target

Out = Path | None


def converse(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE…", help="Scripts, or folders of them.")] = None,
    target: Annotated[str, typer.Option("--target", metavar="PLACE", help="graph, http or chat.")] = "graph",
    url: Annotated[str, typer.Option("--url", metavar="URL", help="Play on the server that answers there.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Let the configured model answer, not the script.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", min=1, help="Play only the first N.")] = None,
    times: Annotated[bool, typer.Option("--times", help="Count a turn slower than max_seconds as different.")] = False,
    junit: Annotated[Out, typer.Option("--junit", metavar="FILE", help="Write a JUnit report.")] = None,
    html: Annotated[Out, typer.Option("--html", metavar="FILE", help="Write a report to read in a browser.")] = None,
    record: Annotated[
        str, typer.Option("--record", metavar="THREAD", help="Write a conversation of yours as a script to FILE.")
    ] = "",
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of scripts.")] = False,
    as_json: AsJson = False,
    model: Model = None,
    data_dir: DataDir = None,
) -> None:
    """Run scripted conversations and show, for each turn, what was expected and what came."""
    from agent.errors import KotaeError
    from ui.conversing.script import ScriptError

    terminal = Terminal()
    if schema:
        from ui.conversing.schema import schema as made

        typer.echo(made(), nl=False)
        return
    settings = load_settings(model=model, data_dir=data_dir)
    if record:
        _record(record, files or [], settings, terminal)
        return
    if not files:
        raise typer.BadParameter("Name scripted conversations, or folders of them.")
    from ui.conversing.targets import TARGETS
    from ui.conversing.targets import target as made_target

    place = next((name for name in TARGETS if name == target), None)
    if place is None:
        raise typer.BadParameter(f"There is no target {target}; there are {', '.join(TARGETS)}.")
    for out in (junit, html):
        if out is not None and not out.absolute().parent.is_dir():
            raise KotaeError(f"There is no folder {out.parent} to write {out.name} to.")
    ran: list[tuple[Path, ConversationResult]] = []
    ended = 0
    try:
        scripts = scripts_in(files)[:limit]
        asyncio.run(
            _play(
                scripts,
                made_target(place, url),
                ran,
                terminal,
                quiet=as_json,
                live=live,
                settings=settings,
                timed=times,
            )
        )
    except ScriptError as error:
        terminal.error(str(error))
        ended = 2
    except KeyboardInterrupt:
        terminal.error(f"Stopped after {len(ran)} of {len(scripts)} conversations.")
        ended = 130
    finally:
        _write(ran, junit, html)
    failed = _tell(ran, terminal, as_json)
    if ended or failed:
        raise typer.Exit(ended or 1)


def found(paths: list[Path]) -> list[Path]:
    """The scripts: files as they are named, of folders every `*.yaml` in it. Raises `KotaeError` for none."""
    from agent.errors import KotaeError

    scripts = [p for path in paths for p in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    if not scripts:
        raise KotaeError(f"There is no *.yaml in {', '.join(map(str, paths))}; name scripted conversations.")
    return scripts


def scripts_in(paths: list[Path]) -> list[tuple[Path, AnyScript]]:
    """Every script, all of them read before the first is played. Raises `ScriptError` for one that cannot be."""
    from ui.conversing.reading import read

    return [(path, script) for path in found(paths) for script in read(path)]


async def _play(
    scripts: list[tuple[Path, AnyScript]],
    target: Target,
    ran: list[tuple[Path, ConversationResult]],
    terminal: Terminal,
    *,
    quiet: bool,
    **given: Any,
) -> None:
    """Play them one after the other, so that `ran` holds what is done whenever it ends."""
    from ui.conversing.run import run

    try:
        for n, (path, script) in enumerate(scripts, 1):
            waiting = terminal.interactive and not quiet
            line = f"{n} of {len(scripts)}: {one_line(script.name)}"
            with terminal.err.status(line) if waiting else nullcontext():
                result = await run(script, target, **given)
            ran.append((path, result))
            if not quiet:
                show(result, path, terminal)
    finally:
        await target.close()


def _tell(ran: list[tuple[Path, ConversationResult]], terminal: Terminal, as_json: bool) -> int:
    """The end of the run; how many conversations differ."""
    from ui.conversing.results import summary

    results = [result for _, result in ran]
    failed, turns = summary(results)
    if as_json:
        terminal.data({"ok": not failed, "conversations": [{"file": str(path), **r.as_json()} for path, r in ran]})
        return failed
    played = sum(len(r.turns) for r in results)
    skipped = sum(bool(r.skipped) for r in results)
    if ran:
        terminal.say(
            f"{len(results)} conversations, {played} turns: "
            + (f"{turns} turns in {failed} conversations differ" if failed else "all as expected")
            + (f"; {skipped} not played" if skipped else ""),
            "bold red" if failed else "bold green",
        )
    return failed


def _write(ran: list[tuple[Path, ConversationResult]], junit: Out, html: Out) -> None:
    from ui.conversing.junit import junit as as_junit
    from ui.conversing.report import report

    for out, written in ((junit, as_junit), (html, report)):
        if out is not None:
            out.write_text(written(ran), "utf-8")


def _record(thread: str, files: list[Path], settings: Settings, terminal: Terminal) -> None:
    """Write the script of a conversation to the one file that is named, or to standard output."""
    from agent.errors import KotaeError
    from ui.conversing.recording import recorded

    if len(files) > 1:
        raise typer.BadParameter("A conversation is written to one file.")
    if files and files[0].exists():
        raise KotaeError(f"{files[0]} is there already; name a file that is not.")
    text = asyncio.run(recorded(thread, settings))
    if not files:
        typer.echo(text, nl=False)
        return
    files[0].write_text(text, "utf-8")
    terminal.say(f"Written to {files[0]}. Read it through, then run: kotae converse {files[0]}")


def show(result: ConversationResult, path: Path, terminal: Terminal) -> None:
    """One line for a conversation that went as expected; of another the turns, those that differ with both sides."""
    if result.skipped:
        terminal.say(f"– {result.name}  {path.name}  not played: {result.skipped}", "yellow")
        return
    mark, style = ("✓", "green") if result.ok else ("✗", "bold red")
    live = " (live)" if result.live else ""
    terminal.say(f"{mark} {result.name}{live}  {path.name}  {len(result.turns)} turns, {result.seconds:.1f} s", style)
    if result.unseen:
        terminal.say(f"  not seen on {result.target}, and not checked: {', '.join(result.unseen)}", "dim")
    for n, turn in enumerate(result.turns, 1):
        for remark in turn.remarks:
            terminal.say(f"  turn {n} {remark}", "dim")
    if result.ok:
        return
    for n, turn in enumerate(result.turns, 1):
        if not turn.ok:
            _turn(n, turn, terminal)
    if result.outcome:
        terminal.say("  the whole conversation", "bold")
        _sides(result.outcome, terminal)
    for n, turn in enumerate(result.turns, 1):
        if turn.ok:
            terminal.say(f"  turn {n} as expected: {one_line(turn.user, 80)}", "dim")


def _turn(n: int, turn: TurnResult, terminal: Terminal) -> None:
    terminal.say(f"  turn {n}: {one_line(turn.user, 100)}", "bold")
    _sides(turn.differences, terminal)
    if turn.played.text:
        terminal.say(f"    answer: {one_line(turn.played.text)}", "dim")
    for prompt, line in turn.said:
        terminal.say(f"    the model was asked: … {one_line(prompt)}", "dim")
        terminal.say(f"      and said: {one_line(line)}", "dim")


def _sides(differences: tuple[Difference, ...], terminal: Terminal) -> None:
    for difference in differences:
        terminal.say(f"    {difference.what}")
        terminal.say(f"      expected: {one_line(difference.expected)}", "green")
        terminal.say(f"      came:     {one_line(difference.got)}", "red")
