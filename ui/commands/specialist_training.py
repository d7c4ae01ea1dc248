"""`kotae specialist train`: from examples to a specialist that is examined and, if wanted, in use."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import AsJson, DataDir, load_settings
from ui.commands.specialist import Limit, Name, progress_shown, run
from ui.commands.specialist_keeping import specialist_app as specialist_app
from ui.commands.specialist_report import figures, report
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from agent.specialists.preparing import Prepared
    from tools.specialist.plan import Plan

_TOLD = 8
"""Faults, and places with personal data, that are shown one by one."""


class Method(StrEnum):
    """How it is trained."""

    lora = "lora"
    layers = "layers"
    few_shot = "few-shot"


class ForUse(StrEnum):
    """What it is for."""

    answer = "answer"
    style = "style"
    grounded = "grounded"


class Scored(StrEnum):
    """How answers are scored."""

    exact = "exact"
    slots = "slots"
    text = "text"
    grounded = "grounded"


@specialist_app.command("train")
def train(
    name: Name,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="Examples: JSONL, CSV, a chat export. May be given several times."),
    ] = None,
    test: Annotated[
        Path | None, typer.Option("--test", metavar="FILE", help="Held-out examples instead of a part of the others.")
    ] = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Train a specialist that comes with Kotae: keigo, support or grounded.")
    ] = False,
    feedback: Annotated[bool, typer.Option("--feedback", help="Learn from thumbs and corrected answers too.")] = False,
    question: Annotated[str, typer.Option("--question", metavar="KEY", help="The column of the questions.")] = "",
    answer: Annotated[str, typer.Option("--answer", metavar="KEY", help="The column of the answers.")] = "",
    description: Annotated[
        list[str] | None,
        typer.Option("--description", metavar="TEXT", help="What it is for, in a sentence; once for each language."),
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option("--example", metavar="QUESTION", help="A question for it, from which the router learns."),
    ] = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="Its system message.")] = None,
    use: Annotated[ForUse | None, typer.Option("--use", help="What it is for.")] = None,
    metric: Annotated[
        Scored | None, typer.Option("--metric", help="Score answers so, whatever form they have.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="MODEL", help="A model of `kotae models list`, or a .gguf file.")
    ] = "",
    method: Annotated[Method, typer.Option("--method", help="Adapters, whole layers, or examples in the prompt.")] = (
        Method.lora
    ),
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="Rank of the adapters.")] = None,
    alpha: Annotated[float | None, typer.Option("--alpha", help="Their weight, times the rank.")] = None,
    layers: Annotated[int | None, typer.Option("--layers", min=0, help="Only the last so many layers learn.")] = None,
    shots: Annotated[int | None, typer.Option("--shots", min=1, help="Examples in the prompt, for few-shot.")] = None,
    epochs: Annotated[float | None, typer.Option("--epochs", help="How often each example is seen, at most.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="Of the optimiser.")] = None,
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Examples of one step.")] = None,
    longest: Annotated[int | None, typer.Option("--longest", min=64, help="Tokens of the longest example.")] = None,
    patience: Annotated[
        int | None, typer.Option("--patience", min=1, help="Looks without improvement after which it ends.")
    ] = None,
    general: Annotated[
        float | None,
        typer.Option("--general", min=0, max=1, help="Share of general texts beside the examples."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of everything that is drawn.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="Of the examples, for the card.")] = "",
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Where the examples are from, for the card.")
    ] = None,
    limit: Limit = None,
    promote: Annotated[bool, typer.Option("--promote", help="Put it into use if it passes its examination.")] = False,
    allow_personal: Annotated[
        bool, typer.Option("--allow-personal", help="Learn from what looks like personal data too.")
    ] = False,
    continues: Annotated[
        bool,
        typer.Option("--continue", help="Continue from the adapter that is in use, not from the base model."),
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Begin anew; what a stopped training has learned is given up.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only read and check the examples.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Train a specialist, examine it, and put it into use if --promote is given and it passes.

    Without --data or --feedback the examples of its last version are learned anew. Where Ctrl-C stopped it, the same
    command goes on.
    """
    from agent.specialists.preparing import Order
    from agent.specialists.shipped import completed

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    given = {
        "rank": rank,
        "alpha": alpha,
        "layers": layers,
        "shots": shots,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch": batch,
        "longest": longest,
        "patience": patience,
        "general": general,
        "seed": seed,
    }
    order = Order(
        name,
        files=tuple(data or ()),
        test=test,
        feedback=feedback,
        question=question,
        answer=answer,
        description=tuple(description or ()),
        examples=tuple(example or ()),
        prompt=prompt,
        use=use.value if use is not None else None,
        metric=metric.value if metric is not None else None,
        base=base,
        plan=_plan(method, given),
        licence=licence,
        sources=tuple(source or ()),
        personal=allow_personal,
        continues=continues,
        again=again,
    )
    with completed(order) if shipped else nullcontext(order) as order:
        if check:
            prepared = run(settings, lambda s: s.prepare(order))
            _checked(terminal, prepared, as_json=as_json)
            return
        with progress_shown(terminal) as (tell, stop):
            made = run(
                settings,
                lambda s: s.train(
                    order, tell, stop, promote=promote, limit=limit, checked=lambda found: _doubts(terminal, found)
                ),
                terminal,
            )
    if as_json:
        terminal.data(
            {
                "name": name,
                "version": made.version.number,
                "promoted": made.promoted,
                "trained": made.trained,
                "training": made.version.card.figures,
                "figures": figures(made.evaluation),
            }
        )
    else:
        if not made.trained:
            terminal.note(
                f"Version {made.version.number} had learned these examples with these settings; --again trains anew."
            )
        report(terminal, made.evaluation)
        _ending(terminal, name, made.version.number, made.promoted, made.evaluation.passed)
    if promote and not made.promoted:
        raise typer.Exit(1)


def _ending(terminal: Terminal, name: str, version: int, promoted: bool, passed: bool) -> None:
    if promoted:
        terminal.say(f"{name}, version {version}, is in use: kotae specialist rollback {name} undoes it.")
    elif passed:
        terminal.say(f"{name}, version {version}, is not in use yet: kotae specialist promote {name}")
    else:
        terminal.say(f"{name}, version {version}, is kept and not in use; try more examples, or a larger --base.")


def _plan(method: Method, given: dict[str, Any]) -> Plan:
    from pydantic import ValidationError

    from tools.specialist.plan import Plan

    values = {key: value for key, value in given.items() if value is not None}
    try:
        return Plan.model_validate({"method": method.value.replace("-", "_"), **values})
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise typer.BadParameter(f"{first['msg']} (got {first['input']!r})", param_hint=option) from error


def _checked(terminal: Terminal, found: Prepared, *, as_json: bool) -> None:
    """What was read, what is wrong with it, and what would be learned."""
    parts = {
        "training": len(found.split.training),
        "validation": len(found.split.validation),
        "test": len(found.split.test),
    }
    if as_json:
        terminal.data(
            {
                "read": found.read,
                "faults": [
                    {"file": f.file, "line": f.line, "code": f.code, "message": f.message} for f in found.faults
                ],
                "findings": [{"code": f.code, "count": f.count, "message": str(f)} for f in found.findings],
                "personal": [
                    {"example": s.row + 1, "where": s.where, "kind": s.found.kind, "masked": s.found.masked}
                    for s in found.personal
                ],
                "left_out": found.left,
                "split": parts,
                "metric": found.form.metric,
                "answers": list(found.form.answers),
                "schema": found.form.schema,
                "language": found.language,
                "fingerprint": found.fingerprint,
            }
        )
        return
    _doubts(terminal, found)
    learned = f"{parts['training']:,} to learn from, {parts['validation']:,} to stop by, {parts['test']:,} held out"
    terminal.say(f"{found.read:,} examples were read: {learned}.")
    form = {
        "exact": f"one of {len(found.form.answers)} answers: {one_line(', '.join(found.form.answers), 160)}",
        "slots": "JSON objects",
        "text": "texts",
        "grounded": "answers from sources, or refusals",
    }
    answers = "short answers" if found.form.metric == "exact" and not found.form.answers else form[found.form.metric]
    terminal.say(f"Answers are {answers}.")


def _doubts(terminal: Terminal, found: Prepared) -> None:
    """What is wrong with the examples, each in a line."""
    for fault in found.faults[:_TOLD]:
        terminal.note(str(fault), "yellow")
    if (more := len(found.faults) - _TOLD) > 0:
        terminal.note(f"… and {more:,} more lines with faults.", "yellow")
    for finding in found.findings:
        terminal.note(str(finding), "yellow")
    for spot in found.personal[:_TOLD]:
        terminal.note(f"  example {spot.row + 1}, {spot.where}: {spot.found.kind} {spot.found.masked}", "yellow")
    if found.left:
        reasons = ", ".join(f"{count:,} {_LEFT[code]}" for code, count in found.left.items())
        terminal.note(f"Left out: {reasons}.", "yellow")


_LEFT = {
    "duplicate": "that stand there before",
    "contradiction": "that contradict others",
    "too_long": "that are too long",
    "empty": "without question or answer",
    "marks": "with marks of a chat template",
}
