"""`kotae eval`: figures on data that somebody has judged."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.options import DataDir, load_settings
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    from tools.library.evaluate import Figures

eval_app = typer.Typer(help="Measure Kotae on judged questions.", no_args_is_help=True)


@eval_app.callback()
def _group() -> None:
    """Measure Kotae on judged questions."""


@eval_app.command("retrieval")
def retrieval(
    corpus: Annotated[
        list[Path], typer.Option("--corpus", help="JSONL of documents: id, text, title. May be given several times.")
    ],
    queries: Annotated[Path, typer.Option("--queries", help="JSONL of questions: id, query, gold (ids of documents).")],
    ablate: Annotated[bool, typer.Option("--ablate", help="Measure each stage of search by itself too.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask only so many questions.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Index a corpus into a temporary library and measure how well its questions are found."""
    from agent.errors import KotaeError
    from tools.library import E5, Library, evaluate

    terminal = Terminal()
    try:
        asked = evaluate.queries(queries)[:limit]
        texts = [text for file in corpus for text in evaluate.corpus(file)]
    except evaluate.EvaluationError as error:
        raise KotaeError(str(error)) from error
    if not asked or not texts:
        raise KotaeError("There is nothing to measure: the corpus and the questions need at least one line each.")
    stages = evaluate.ABLATIONS if ablate else {"all": evaluate.ABLATIONS["all"]}
    results: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder, terminal.bar("note") as bar:
        library = Library.open(Path(folder), E5())
        task = None if bar is None else bar.add_task("Indexing", total=len(texts), note="")

        def show(progress: Any) -> None:
            if bar is not None and task is not None:
                bar.update(task, completed=progress.done, note=f"{progress.passages} passages")

        speed = evaluate.fill(library, texts, show)
        for name, shares in stages.items():
            step = None if bar is None else bar.add_task(f"Asking ({name})", total=len(asked), note="")

            def tick(step: Any = step) -> None:
                if bar is not None and step is not None:
                    bar.advance(step)

            results[name], _ = evaluate.measure(library, asked, shares=shares, passages_per_second=speed, done=tick)
        library.close()
    figures = results["all"].as_json()
    terminal.table(
        ("", *figures),
        [(name, *(str(value) for value in one.as_json().values())) for name, one in results.items()],
        right=tuple(figures),
    )
    if out is not None:
        extra = {"stages": {name: one.as_json() for name, one in results.items()}} if ablate else {}
        out.write_text(json.dumps({**figures, **extra}, indent=2) + "\n", "utf-8")
        terminal.note(f"Written to {out}")


@eval_app.command("routing")
def routing(
    tasks: Annotated[Path, typer.Option("--tasks", help="JSONL of questions: text, label, and if known lang and id.")],
    specialist: Annotated[
        list[Path] | None,
        typer.Option("--specialist", help="The card.yaml of a specialist, or its folder. May be given several times."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask only so many questions.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure how often the router takes the right route, without a library and without the language model."""
    from agent.errors import KotaeError
    from agent.evaluation import routing as measuring
    from agent.router import Router
    from tools.library import E5
    from tools.library.evaluate import EvaluationError
    from tools.specialist import card as cards

    terminal = Terminal()
    settings = load_settings(data_dir=data_dir)
    known = [cards.load(file) for file in specialist or ()]
    try:
        asked, missing = measuring.served(measuring.tasks(tasks), [card.label for card in known])
    except EvaluationError as error:
        raise KotaeError(str(error)) from error
    if missing:
        terminal.note(f"Left out, because no card was given with --specialist: {', '.join(missing)}", "yellow")
    asked = asked[:limit]
    if not asked:
        raise KotaeError("There is nothing to measure: the file of tasks needs at least one question.")
    embedder = E5()
    with terminal.bar() as bar:
        step = None if bar is None else bar.add_task("Routing", total=len(asked))

        def tick() -> None:
            if bar is not None and step is not None:
                bar.advance(step)

        router = Router.open(embedder, settings.data_dir, known)
        figures = measuring.measure(router, embedder, asked, tick)
    told = figures.as_json()
    terminal.table(("", "questions", "right", "95 % interval"), _shares(told), right=("questions", "right"))
    terminal.note(f"calibration error (ECE) {told['ece']:.3f} · {told['p50_ms']:.2f} ms beyond the embedding (median)")
    for one in figures.wrong:
        terminal.note(
            f"{one.task.wanted} → {one.chosen} ({one.why}, {one.confidence:.2f}): {one_line(one.task.text, 160)}", ""
        )
    if out is not None:
        out.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
        terminal.note(f"Written to {out}")


def _shares(told: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Rows of the table: all questions, each language, each route."""

    def row(name: str, n: int, share: float, interval: list[float]) -> tuple[str, str, str, str]:
        return name, str(n), f"{share:.3f}", f"{interval[0]:.3f} to {interval[1]:.3f}"

    of_language = told["by_language_interval"]
    return [
        row("all", told["n"], told["accuracy"], told["accuracy_interval"]),
        *(
            row(name, told["n_by_language"][name], share, of_language[name])
            for name, share in told["by_language"].items()
        ),
        *(row(name, one["n"], one["recall"], one["recall_interval"]) for name, one in told["by_route"].items()),
    ]
