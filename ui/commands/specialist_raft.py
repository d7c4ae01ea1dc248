"""`kotae specialist raft`: examples of reading, made from a collection's documents or from sets that somebody wrote."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.documents import stopped_by_interrupt
from ui.commands.options import AsJson, DataDir, Model, load_settings, opened_library
from ui.commands.specialist_training import specialist_app as specialist_app
from ui.terminal import Terminal, one_line

if TYPE_CHECKING:
    import threading

    from agent import Settings
    from agent.specialists.raft import Making, Order, Tally
    from agent.state import Language
    from tools.library import Library


class Spoken(StrEnum):
    """The language of the questions."""

    en = "en"
    ja = "ja"


_WHY = {
    "no_question": "the model wrote no question",
    "other_language": "not in the language of the passage",
    "about_text": "about the text itself, not what it says",
    "leans": "cannot be understood alone",
    "says_answer": "holds its own answer",
    "off_point": "does not speak of what the sentence does",
    "invents": "names or numbers that the passage does not have",
    "duplicate": "asked already",
    "not_found": "search does not find the passage with it",
    "other_sentence": "another sentence is nearer to it",
    "not_carried": "the passage does not carry the answer",
    "doubted": "the judge doubts that the passages answer it",
    # of passages without the answer, and of sets
    "still_answered": "other passages answer too",
    "looks_answered": "the judge would think that the passages answer it",
    "no_other": "there is no other passage or name to put",
    "no_sentence": "no sentence of the context holds the answer",
    "unstated": "the context does not say what the answer does",
    "no_context": "there is no context",
    "alone": "nothing shares its context",
}
_WAYS = {
    "found": "over what search finds beside the passage",
    "neighbour": "over what is read for another question of the document",
    "swapped": "about another name, over the same passages",
}


@specialist_app.command("raft")
def raft(
    collection: Annotated[
        str | None,
        typer.Argument(metavar="COLLECTION", help="Make questions from these documents.", show_default=False),
    ] = None,
    sets: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="Take these reading sets instead. May be given several times."),
    ] = None,
    corpora: Annotated[
        list[Path] | None, typer.Option("--corpus", metavar="FILE", help="JSONL of the documents that sets name by id.")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Ask several questions of a set over the same passages: trains faster.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the examples to this file.")] = None,
    questions: Annotated[int, typer.Option("--questions", min=1, help="Keep so many questions.")] = 200,
    language: Annotated[Spoken | None, typer.Option("--language", help="Only from sentences in this one.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another one draws other passages.")] = 7,
    limit: Annotated[
        int | None, typer.Option("--limit-passages", min=1, help="Ask about the sentences of so many passages only.")
    ] = None,
    model: Model = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Make examples of answering from passages, with and without the answer, for a specialist with --use grounded."""
    if (collection is None) == (not sets):
        raise typer.BadParameter("give a collection, or reading sets with --from", param_hint="COLLECTION")
    terminal = Terminal()
    if sets:
        _converted(terminal, sets, corpora or [], share, seed, out or Path("reading.jsonl"), as_json)
        return
    from agent.specialists.raft import Order

    assert collection is not None
    settings = load_settings(data_dir=data_dir, model=model)
    name = re.sub(r"[^\w-]+", "-", collection).strip("-")
    file = out or Path(f"raft-{name}.jsonl")
    spoken: Language | None = None if language is None else "ja" if language is Spoken.ja else "en"
    order = Order(collection, questions, spoken, seed, limit, model=settings.model)
    with opened_library(settings) as library, stopped_by_interrupt() as stop:
        tally = asyncio.run(_made(terminal, settings, library, order, file, stop))
    if as_json:
        terminal.data(tally.as_json())
    else:
        _tell(terminal, tally)
    if tally.stopped:
        terminal.note(f"Stopped with {tally.kept} questions; run the same command again to go on.", "yellow")
        raise typer.Exit(130)
    terminal.note(f"Written to {file}")


async def _made(
    terminal: Terminal, settings: Settings, library: Library, order: Order, file: Path, stop: threading.Event
) -> Tally:
    from agent.context import Limits
    from agent.library import readable
    from agent.specialists.raft import make
    from agent.wiring import chat_model

    chat = chat_model(settings)
    try:
        with terminal.bar("note", "question") as bar:
            task = None if bar is None else bar.add_task("Asking", total=order.questions, note="", question="")

            def show(making: Making) -> None:
                if bar is not None and task is not None:
                    note = f"{making.kept} of {making.wanted} kept, {making.made} written"
                    bar.update(task, completed=making.kept, note=note, question=one_line(making.question, 48))

            # as much is read as by a model on this machine, whoever writes the questions: that is who learns from them
            limits, scope = Limits(passages=settings.passages), readable(settings)
            return await make(library, chat, order, file, scope=scope, limits=limits, progress=show, stop=stop)
    finally:
        await chat.close()


def _tell(terminal: Terminal, tally: Tally) -> None:
    by_rule = f", {tally.by_rule} of them by rule" if tally.by_rule else ""
    terminal.say(f"{tally.made} questions written, {tally.kept} kept{by_rule}, in {tally.seconds / 60:.1f} minutes.")
    terminal.table(("", "thrown away"), _counts(tally.thrown), right=("thrown away",))
    if tally.stopped:
        return
    terminal.say(f"{tally.rows} examples: {tally.answered} answered, {tally.refused} refused, as many judgements.")
    terminal.table(
        ("", "without the answer"),
        [(_WAYS[way], str(n)) for way, n in tally.ways.items()],
        right=("without the answer",),
    )
    for why, count in _counts(tally.left_out):
        terminal.note(f"{count} could not be asked without the answer: {why}")


def _counts(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(_WHY[why], str(count)) for why, count in Counter(counts).most_common()]


def _converted(
    terminal: Terminal, sets: list[Path], corpora: list[Path], share: bool, seed: int, out: Path, as_json: bool
) -> None:
    from agent.specialists.nearest import remembered
    from agent.specialists.reading_rows import rows_of, save
    from agent.specialists.reading_sets import groups
    from tools.library import E5

    found = [groups(file, corpora, share=share, seed=seed) for file in sets]
    everything = [group for one in found for group in one.groups]
    near, rows = remembered(E5()), []
    with terminal.bar() as bar:
        for group in everything if bar is None else bar.track(everything, description="Reading"):
            rows += rows_of(group, near, seed=seed)
    save(rows, out)
    left_out: Counter[str] = sum((Counter(one.left_out) for one in found), Counter())
    told: dict[str, Any] = {
        "rows": len(rows),
        "answered": sum(row.refuses is False for row in rows),
        "refused": sum(row.refuses is True for row in rows),
        "left_out": dict(left_out),
    }
    if as_json:
        terminal.data(told)
        return
    terminal.say(
        f"{told['rows']} examples: {told['answered']} answered, {told['refused']} refused, as many judgements."
    )
    terminal.table(("", "left out"), _counts(left_out), right=("left out",))
    terminal.note(f"Written to {out}")
