"""`kotae specialist evaluate` and `compare`: what a specialist is worth, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.commands.specialist import Limit, Name, OfVersion, progress_shown, run
from ui.commands.specialist import specialist_app as specialist_app
from ui.commands.specialist_report import report
from ui.terminal import Terminal


@specialist_app.command("evaluate")
def evaluate(
    name: Name,
    version: OfVersion = None,
    limit: Limit = None,
    out: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures and every reply to this file.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Examine a specialist on its held-out examples, against the base model with and without examples and retrieval."""
    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    with progress_shown(terminal) as (tell, stop):
        found = run(settings, lambda s: s.examine(name, version, limit=limit, progress=tell, stop=stop), terminal)
    report(terminal, found.evaluation)
    if out is not None:
        told = {**found.evaluation.model_dump(mode="json"), "cases": found.cases, "general_cases": found.general}
        out.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", "utf-8")
        terminal.note(f"Written to {out}")


@specialist_app.command("compare")
def compare(
    name: Name,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What both are asked; - reads standard input.")],
    version: OfVersion = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Ask a specialist and its base model the same question."""
    from ui.commands.asking import read

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    asked = read(question)
    found = run(settings, lambda s: s.compare(name, asked, version), terminal)
    if as_json:
        terminal.data(
            {
                "question": found.question,
                "version": found.version,
                "base": found.base,
                "specialist": found.specialist,
                "seconds": {"base": round(found.seconds[0], 2), "specialist": round(found.seconds[1], 2)},
            }
        )
        return
    for title, text in (("Base model", found.base), (f"{name}, version {found.version}", found.specialist)):
        terminal.say(title, "bold")
        terminal.say(text)
