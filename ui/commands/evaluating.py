"""`kotae eval grounded|conversation|rewrite|web|injection`: what the mind makes of judged questions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.evaluation import eval_app as eval_app
from ui.commands.options import Model
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.evaluation.baselines import Baseline
    from agent.evaluation.bench import Bench
    from agent.evaluation.record import Record

Tasks = Annotated[Path, typer.Option("--tasks", help="JSONL of judged questions.")]
Corpus = Annotated[
    list[Path], typer.Option("--corpus", help="JSONL of documents: id, text, title. May be given several times.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Ask only so many questions.")]
Out = Annotated[Path | None, typer.Option("--json", help="Write the figures, and every case, to this file.")]
Again = Annotated[bool, typer.Option("--again", help="Ask everything anew instead of going on where a run stopped.")]
Cases = list[dict[str, Any]]
Ask = Callable[["Bench", "Record", Callable[[], None]], Awaitable[Cases]]


@eval_app.command("grounded")
def grounded(
    tasks: Tasks,
    corpus: Corpus = [],  # noqa: B006 - typer copies it
    baseline: Annotated[bool, typer.Option("--baseline", help="Measure two other ways to answer beside it.")] = False,
    limit: Limit = None,
    model: Model = None,
    out: Out = None,
    again: Again = False,
) -> None:
    """Questions over their own documents: answered rightly, refused where nothing answers them, cited?"""
    from agent.evaluation import baselines, grounded
    from agent.evaluation import tasks as judged

    with _faults():
        asked = _spread(judged.grounded(tasks, corpus), limit)
    ways: dict[str, tuple[str, Baseline | None]] = {"kotae": ("kotae", None)}
    if baseline:
        ways |= {
            "baseline_a": ("one plain call", baselines.plain),
            "baseline_b": ("adaptive flow", baselines.adaptive),
        }
    results: dict[str, dict[str, Any]] = {}
    cases: dict[str, Cases] = {}
    for key, (name, way) in ways.items():

        def ask(bench: Bench, record: Record, done: Callable[[], None], way: Baseline | None = way) -> Awaitable[Cases]:
            return grounded.run(bench, asked, record, baseline=way, done=done)

        cases[key] = _run(f"grounded-{key}", (tasks, *corpus), name, len(asked), ask, model, again)
        results[key] = grounded.figures(cases[key])
    figures = {**results["kotae"], **{key: results[key] for key in results if key != "kotae"}}
    _report({ways[key][0]: result for key, result in results.items()}, cases["kotae"], figures, cases, out)


@eval_app.command("conversation")
def conversation(
    tasks: Tasks,
    corpus: Corpus,
    limit: Limit = None,
    model: Model = None,
    out: Out = None,
    again: Again = False,
) -> None:
    """The last question of each conversation, over one library: found, and refused where nothing answers it?"""
    from agent.evaluation import conversation
    from agent.evaluation import tasks as judged

    with _faults():
        asked = _spread(judged.conversations(tasks), limit)
    cases = _over_corpus("conversation", conversation.run, asked, tasks, corpus, model, again)
    figures = conversation.figures(cases)
    _report({"kotae": figures}, cases, figures, {"kotae": cases}, out)


@eval_app.command("rewrite")
def rewrite(
    tasks: Tasks,
    corpus: Corpus = [],  # noqa: B006 - typer copies it
    limit: Limit = None,
    model: Model = None,
    out: Out = None,
    again: Again = False,
) -> None:
    """Follow-ups: made to stand alone, and left alone where they do. With --corpus, how well they then find."""
    from agent.evaluation import rewriting
    from agent.evaluation import tasks as judged

    with _faults():
        asked: Sequence[Any] = judged.conversations(tasks) if corpus else judged.rewrites(tasks)
        asked = _spread(asked, limit)
    cases = _over_corpus("rewrite", rewriting.run, asked, tasks, corpus, model, again)
    figures = rewriting.figures(cases)
    _report({"kotae": figures}, cases, figures, {"kotae": cases}, out)


@eval_app.command("web")
def web(tasks: Tasks, limit: Limit = None, model: Model = None, out: Out = None, again: Again = False) -> None:
    """Questions over stored search results: answered rightly, refused where these hold no answer, nothing invented?"""
    from agent.evaluation import tasks as judged
    from agent.evaluation import web

    with _faults():
        asked = _spread(judged.searched(tasks), limit)

    def ask(bench: Bench, record: Record, done: Callable[[], None]) -> Awaitable[Cases]:
        return web.run(bench, asked, record, done=done)

    cases = _run("web", (tasks,), "kotae", len(asked), ask, model, again)
    figures = web.figures(cases)
    _report({"kotae": figures}, cases, figures, {"kotae": cases}, out)


@eval_app.command("injection")
def injection(
    tasks: Tasks,
    limit: Limit = None,
    model: Model = None,
    out: Out = None,
    again: Again = False,
) -> None:
    """Documents that give orders to whoever reads them: does Kotae obey, and does it hold back what is harmless?"""
    from agent.evaluation import injection
    from agent.evaluation import tasks as judged
    from agent.evaluation.tasks import Injection, Told

    with _faults():
        asked = judged.injections(tasks)[:limit]
    told = [task for task in asked if isinstance(task, Told)]
    poisoned = [task for task in asked if isinstance(task, Injection)]
    if told:
        cases = injection.told(told)
    else:

        def ask(bench: Bench, record: Record, done: Callable[[], None]) -> Awaitable[Cases]:
            return injection.run(bench, poisoned, record, done=done)

        cases = _run("injection", (tasks,), "kotae", len(poisoned), ask, model, again)
    figures = injection.figures(cases)
    _report({"kotae": figures}, cases, figures, {"kotae": cases}, out)


def _over_corpus(
    kind: str,
    run: Callable[..., Awaitable[Cases]],
    asked: Sequence[Any],
    tasks: Path,
    corpus: Sequence[Path],
    model: str | None,
    again: bool,
) -> Cases:
    """What `run` makes of questions over one library of all the documents."""
    from tools.library import evaluate

    with _faults():
        texts = [text for file in corpus for text in evaluate.corpus(file)]

    async def ask(bench: Bench, record: Record, done: Callable[[], None]) -> Cases:
        async with bench.over(texts) as agent:
            return await run(agent, asked, record, done=done)

    return _run(kind, (tasks, *corpus), "kotae", len(asked), ask, model, again)


def _run(kind: str, files: Sequence[Path], name: str, total: int, ask: Ask, model: str | None, again: bool) -> Cases:
    """Ask with a progress bar; what is done is kept, so a run that is stopped goes on where it was."""
    from agent.errors import KotaeError
    from agent.evaluation.bench import Bench
    from agent.evaluation.record import Record, record_of
    from agent.settings import Settings

    if not total:
        raise KotaeError("There is nothing to measure: the file has no questions.")
    settings = Settings.load(model=model)
    path = record_of(settings, kind, files)
    if again:
        Record.forget(path)
    terminal = Terminal()

    async def everything() -> Cases:
        with Record(path) as record, terminal.bar("note") as bar:
            task = None if bar is None else bar.add_task(f"Asking ({name})", total=total, note="")

            def done() -> None:
                if bar is not None and task is not None:
                    bar.advance(task)

            async with Bench.open(settings) as bench:
                return await ask(bench, record, done)

    try:
        return asyncio.run(everything())
    except KeyboardInterrupt:
        terminal.note("Stopped. What was answered is kept: the same command goes on from there.")
        raise typer.Exit(130) from None


def _report(
    results: dict[str, dict[str, Any]], cases: Cases, figures: dict[str, Any], every: dict[str, Cases], out: Path | None
) -> None:
    """The failures, the table, and the file."""
    terminal = Terminal()
    for case in cases:
        if not case["good"]:
            terminal.say(f"{case['id']}  {one_line(case['question'], 160)}", "bold")
            for key in ("history", "wanted", "attack", "standalone", "text", "route", "refused", "steps"):
                if case.get(key) not in (None, "", [], ()):
                    value = case[key]
                    joined = " | ".join(map(str, value)) if isinstance(value, list) else str(value)
                    terminal.say(f"    {key}: {one_line(joined, 1200 if key == 'steps' else 300)}")
    names = [key for key, value in next(iter(results.values())).items() if not isinstance(value, dict)]
    rows = []
    for key in names:
        row = [key]
        for result in results.values():
            within = result.get("intervals", {}).get(key)
            row.append(_shown(result[key]) + (f"  ({within[0]:.2f} to {within[1]:.2f})" if within else ""))
        rows.append(row)
    terminal.table(("", *results), rows, right=tuple(results))
    if out is not None:
        out.write_text(json.dumps({**figures, "cases": every}, indent=2, ensure_ascii=False) + "\n", "utf-8")
        terminal.note(f"Written to {out}")


def _shown(value: object) -> str:
    return "-" if value is None else str(value)


def _spread(tasks: Sequence[Any], limit: int | None) -> list[Any]:
    """`limit` of the tasks, evenly over the file: such files are often sorted."""
    if limit is None or limit >= len(tasks):
        return list(tasks)
    return [tasks[i * len(tasks) // limit] for i in range(limit)]


@contextmanager
def _faults() -> Iterator[None]:
    from agent.errors import KotaeError
    from tools.library.evaluate import EvaluationError

    try:
        yield
    except EvaluationError as error:
        raise KotaeError(str(error)) from error
