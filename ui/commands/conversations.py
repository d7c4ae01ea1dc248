"""`kotae converse`: scripted conversations, expected and actual."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.options import AsJson, Model, load_settings
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from ui.converse import ConversationResult, TurnResult


def converse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Scripts, or folders of them.")],
    live: Annotated[bool, typer.Option("--live", help="Let the configured model answer, not the script.")] = False,
    as_json: AsJson = False,
    model: Model = None,
) -> None:
    """Run scripted conversations and show, for each turn, what was expected and what came."""
    from ui.converse import run, summary
    from ui.script import read

    terminal = Terminal()
    settings = load_settings(model=model)
    scripts = [(path, read(path)) for path in found(files)]
    results: list[ConversationResult] = []
    for path, script in scripts:
        with terminal.err.status(one_line(script.name)) if terminal.interactive else nullcontext():
            result = asyncio.run(run(script, live=live, settings=settings))
        results.append(result)
        if not as_json:
            show(result, path, terminal)
    failed, turns = summary(results)
    if as_json:
        rows = [{"file": str(path), **r.as_json()} for (path, _), r in zip(scripts, results, strict=True)]
        terminal.data({"ok": not failed, "conversations": rows})
    else:
        played = sum(len(r.turns) for r in results)
        terminal.say(
            f"{len(results)} conversations, {played} turns: "
            + (f"{turns} turns in {failed} conversations differ" if failed else "all as expected"),
            "bold red" if failed else "bold green",
        )
    if failed:
        raise typer.Exit(1)


def found(paths: list[Path]) -> list[Path]:
    """The scripts: files as they are named, of folders every `*.yaml` in it. Raises `KotaeError` for none."""
    from agent.errors import KotaeError

    scripts = [p for path in paths for p in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    if not scripts:
        raise KotaeError(f"There is no *.yaml in {', '.join(map(str, paths))}; name scripted conversations.")
    return scripts


def show(result: ConversationResult, path: Path, terminal: Terminal) -> None:
    """One line for a conversation that went as expected; of another the turns, those that differ with both sides."""
    mark, style = ("✓", "green") if result.ok else ("✗", "bold red")
    live = " (live)" if result.live else ""
    seconds = sum(turn.seconds for turn in result.turns)
    terminal.say(f"{mark} {result.name}{live}  {path.name}  {len(result.turns)} turns, {seconds:.1f} s", style)
    if result.ok:
        return
    differing = [(n, turn) for n, turn in enumerate(result.turns, 1) if not turn.ok]
    for n, turn in differing:
        _turn(n, turn, terminal)
    for n, turn in enumerate(result.turns, 1):
        if turn.ok:
            terminal.say(f"  turn {n} as expected: {one_line(turn.user, 80)}", "dim")


def _turn(n: int, turn: TurnResult, terminal: Terminal) -> None:
    terminal.say(f"  turn {n}: {one_line(turn.user, 100)}", "bold")
    for difference in turn.differences:
        terminal.say(f"    {difference.what}")
        terminal.say(f"      expected: {one_line(difference.expected)}", "green")
        terminal.say(f"      came:     {one_line(difference.got)}", "red")
    if turn.answer is not None:
        terminal.say(f"    answer: {one_line(turn.answer.text)}", "dim")
    for prompt, line in turn.said:
        terminal.say(f"    the model was asked: … {one_line(prompt)}", "dim")
        terminal.say(f"      and said: {one_line(line)}", "dim")
