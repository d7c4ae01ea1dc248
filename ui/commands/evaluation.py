"""`kotae eval`: figures on data that somebody has judged."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.terminal import Terminal

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
